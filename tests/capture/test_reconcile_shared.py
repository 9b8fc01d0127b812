"""Several exporters of one database: between them they compare its catalogs as often as one does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import pytest

from exporter.capture import reconcile
from exporter.capture.reconcile import Reconciler
from exporter.dsn import Dsn
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from tests.fix_sessions import Session

PASSED = "select passed_at from script_tracking_internal.reconcile_state"
AGO = "update script_tracking_internal.reconcile_state set passed_at = passed_at - interval '{}'"


@asynccontextmanager
async def exporters(dsn: str, interval: float = 60.0) -> AsyncIterator[list[Reconciler]]:
    targets = [Target(TargetConfig(name=name, dsn=Dsn(dsn))) for name in ("one", "other")]
    try:
        yield [Reconciler(target, interval) for target in targets]
    finally:
        for target in targets:
            await target.close()


def passed(admin: Session) -> datetime:
    (row,) = admin.execute(PASSED).fetchall()
    at = row["passed_at"]
    assert isinstance(at, datetime)
    return at


async def test_what_one_has_compared_another_does_not_compare_again(
    admin: Session, installed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1000.0
    monkeypatch.setattr(reconcile, "monotonic", lambda: clock)
    async with exporters(installed_database) as (one, other):
        assert await one.round()
        first = passed(admin)
        assert await other.round()
        assert passed(admin) == first
        clock += 16  # it looks again after a quarter of the time: the first one may be gone
        assert await other.round()
        assert passed(admin) == first
        admin.execute(
            "update script_tracking_internal.reconcile_state set passed_at = passed_at - interval '50 seconds'"
        )
        clock += 16
        assert await other.round()
        assert passed(admin) > first
        later = passed(admin)
        clock += 16
        assert await one.round()
        assert passed(admin) == later, "now it is the other's"


async def test_a_difference_is_looked_at_again_by_whoever_is_first(admin: Session, installed_database: str) -> None:
    async with exporters(installed_database) as (one, other):
        assert await one.round()
        admin.execute("alter event trigger et_sql_drop disable")  # no event trigger fires for that
        admin.execute(AGO.format("1 hour").encode())
        assert await other.round()
        first = passed(admin)
        again = Reconciler(one._target, 60)
        assert await again.round()
        assert passed(admin) > first, "what the other one saw is to be confirmed"
        found = admin.execute("select object_type from script_tracking.get_untracked_changes()").fetchall()
        assert [row["object_type"] for row in found] == ["event trigger"]


async def test_a_clock_that_was_set_back_ends_no_comparison(admin: Session, installed_database: str) -> None:
    async with exporters(installed_database) as (one, _):
        assert await one.round()
        admin.execute(AGO.format("-1 year").encode())
        assert await Reconciler(one._target, 60).round()
        assert passed(admin).timestamp() < datetime.now().timestamp() + 60


async def test_who_asks_by_hand_has_a_pass(admin: Session, installed_database: str) -> None:
    async with exporters(installed_database) as (one, _):
        assert await one.round()
        first = passed(admin)
        admin.execute("select * from script_tracking_internal.reconcile()")
        assert passed(admin) > first
