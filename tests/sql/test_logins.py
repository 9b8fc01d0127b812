"""Of a database that did not opt in to the login wrappers nothing is told."""

from __future__ import annotations

import pytest

from tests.fix_sessions import Session


@pytest.mark.parametrize("function", ["collect_logins", "collect_login_failures", "collect_login_calls"])
def test_without_the_wrappers_there_is_no_row(admin: Session, function: str) -> None:
    assert admin.execute(f"select * from script_tracking_internal.{function}()".encode()).fetchall() == []
