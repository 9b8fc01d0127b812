"""The sums of the last day: what dashboard and performance show by them is what the hours tell, and so it stays."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.fix_sessions import Session, value
from tests.rolling import recent_differences
from tests.vault_steps import INTERNAL, record, roll_up

TENANTS = ("acme", "b", "c", "d", "e")  # more than are looked up one by one
SINCE = f"select recent_since from {INTERNAL}.rollup_state"
HOUR = datetime.now(UTC)  # see `hour`


@pytest.fixture(autouse=True)
def hour() -> None:
    """Each test reckons from the hour in which it runs, and none begins where another hour is about to."""
    global HOUR
    left = 3600 - time.time() % 3600
    if left < 60:
        time.sleep(left)
    HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def told(admin: Session) -> Session:
    """Executions of several tenants, some of a week ago, some without a duration, rolled up in a few steps."""
    for tenant in TENANTS:
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
    for turn in range(60):
        at = HOUR - timedelta(hours=turn % 30 + (168 if turn % 7 == 3 else 0), seconds=-turn)
        status = ("COMPLETED", "FAILED", "COMPLETED", "INTERRUPTED", "ROLLED_BACK")[turn % 5]
        us = None if turn % 11 == 0 else turn**4
        record(admin, status=status, at=at, us=us, tenant=TENANTS[turn % 3], kind=("BATCH", "DDL")[turn % 2])
        if turn % 20 == 19:
            roll_up(admin)
    return admin


def reports(session: Session) -> list[dict[str, object]]:
    """Both, as one moment sees them."""
    return [
        dict(row)
        for function in ("get_performance_metrics", "get_enterprise_dashboard")
        for row in session.execute(f"select * from script_tracking.{function}()".encode())
    ]


@pytest.mark.parametrize("pending", [False, True])
@pytest.mark.parametrize("narrowed", ["", "acme"])
def test_the_reports_say_by_the_sums_what_they_say_by_the_hours(told: Session, pending: bool, narrowed: str) -> None:
    if pending:
        record(told, at=HOUR - timedelta(hours=3), us=7_000_000, tenant="acme")
        record(told, at=HOUR, us=90, tenant="e", kind="NEW")
    with told.transaction():
        told.execute("select set_config('script_tracking.tenant', %s, true)", (narrowed,))
        assert value(told, SINCE) == HOUR - timedelta(hours=24)
        by_sums = reports(told)
        told.execute(f"update {INTERNAL}.rollup_state set recent_since = 'infinity'".encode())
        assert reports(told) == by_sums
        told.execute(f"update {INTERNAL}.rollup_state set recent_since = %s".encode(), (HOUR - timedelta(hours=24),))
        told.execute(f"update {INTERNAL}.series_recent set executions = executions + 1000".encode())
        assert reports(told) != by_sums, "it is from there that they are read"
        told.execute(f"update {INTERNAL}.series_recent set executions = executions - 1000".encode())
        told.execute(f"update {INTERNAL}.script_top set slowest_scripts = '[7]'".encode())
        changed = [row for row in reports(told) if row.get("slowest_scripts") == [7]]
        assert changed and len(changed) < len([row for row in by_sums if "slowest_scripts" in row]) + (not pending)
        told.execute(f"delete from {INTERNAL}.script_top".encode())
        assert reports(told) == by_sums, "what is not ranked is ranked when it is asked for"
    shown = [row for row in by_sums if row["tenant"] == "acme"]
    assert len(shown) >= 3 and {row["tenant"] for row in by_sums} == ({"acme"} if narrowed else {*TENANTS, "system"})
    assert shown[-1]["operations_change"] is not None and shown[-1]["failure_ratio_week_before"] is not None


def test_who_reads_of_one_tenant_looks_up_what_is_ranked_of_that_one(told: Session) -> None:
    read = "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'script_top'"
    with told.transaction():
        told.execute("set local script_tracking.tenant = 'acme'")
        before = value(told, read)
        rows = told.execute("select * from script_tracking.get_performance_metrics()").fetchall()
        after = value(told, read)
    kept = value(told, f"select count(*) from {INTERNAL}.script_top")
    assert isinstance(before, int) and isinstance(after, int) and isinstance(kept, int)
    assert len(rows) == after - before == 2 and kept >= 6


def test_percentiles_are_those_of_the_executions(admin: Session) -> None:
    """Added to in four steps, the last of which no roll-up has taken in, against the durations themselves."""
    durations = [(turn * 7919 % 400) ** 3 + turn for turn in range(200)]
    for turn, us in enumerate(durations):
        record(admin, at=HOUR - timedelta(hours=turn % 24, seconds=-turn), us=us)
        if turn in (50, 51, 150):
            roll_up(admin)
            assert recent_differences(admin) == []
    (row,) = (row for row in reports(admin) if row.get("script_type") == "BATCH")
    assert row["executions_24h"] == 200
    for share in (50, 95, 99):
        exact = sorted(durations)[-(-share * 200 // 100) - 1] / 1_000_000
        assert row[f"p{share}_seconds"] == pytest.approx(exact, rel=0.0101)


def test_where_another_hour_has_come_the_sums_begin_anew(told: Session) -> None:
    assert recent_differences(told) == []
    told.execute(f"update {INTERNAL}.rollup_state set recent_since = recent_since - interval '1 hour'".encode())
    assert recent_differences(told) != []
    roll_up(told)
    assert value(told, SINCE) == HOUR - timedelta(hours=24)
    assert recent_differences(told) == []
    by_sums = f"select sum(executions)::integer from {INTERNAL}.series_recent"
    by_hours = f"select sum(operations)::integer from {INTERNAL}.operation_hour where hour >= %s"
    assert value(told, by_sums) == value(told, by_hours, HOUR - timedelta(hours=24))


def test_what_was_known_without_durations_gets_them(admin: Session) -> None:
    durations: tuple[int | None, ...] = (None, 5000, None, 7000)
    for us in durations:
        record(admin, us=us, at=HOUR)
        roll_up(admin)
        assert recent_differences(admin) == []
    (row,) = admin.execute(f"select executions, timed, uptos from {INTERNAL}.series_recent".encode()).fetchall()
    assert tuple(row.values()) == (4, 2, [1, 2])
