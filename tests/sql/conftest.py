"""Sessions of tests: of operations that nobody completes, of rules and policies, of a record with a past."""

from __future__ import annotations

import pytest

from tests.fix_sessions import Login, MakeRole, Session
from tests.sql.interrupting import AFTER, Connect
from tests.vault_steps import DAYS_AGO, LONG_AGO, THIS_MONTH, make_past, record, set_setting


@pytest.fixture
def connect(login: Login) -> Connect:
    """Opens a session that a test may end."""
    return login


@pytest.fixture
def at_once(admin: Session) -> Session:
    """A superuser's session where an operation is interrupted as soon as it was missed twice."""
    set_setting(admin, AFTER, "0")
    return admin


@pytest.fixture
def etl(admin: Session, make_role: MakeRole, login: Login) -> Session:
    """An ordinary role that may create in the schemas staging and shop."""
    role = make_role()
    admin.execute(f"create schema staging authorization {role}; create schema shop authorization {role}".encode())
    return login(role)


@pytest.fixture
def disposable(admin: Session) -> Session:
    """A superuser's session on a record with a past partition, which a setting declares disposable."""
    make_past(admin, DAYS_AGO)
    set_setting(admin, "retention.disposable", "all")
    for number in range(6):
        record(
            admin, at=LONG_AGO, us=number * 400_000, status="COMPLETED" if number % 3 else "FAILED", sqlstate="23505"
        )
    admin.execute("select script_tracking.register_tenant('acme')")
    record(admin, at=LONG_AGO, tenant="acme", kind="IMPORT", status="INTERRUPTED")
    record(admin, at=THIS_MONTH, tenant="acme", kind="IMPORT")
    return admin
