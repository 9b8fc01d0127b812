"""The reporting functions return what can be reckoned by hand, and NULL for what is not known."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.fix_sessions import MakeRole, Session, one, value
from tests.vault_steps import INTERNAL, record, roll_up

NOW = YESTERDAY = MIDNIGHT = SINCE = datetime.now(UTC)  # see `moment`
BAD = ("warning", "critical")


@pytest.fixture(autouse=True)
def moment() -> None:
    """Each test reckons from a moment of its own, and none while an hour begins."""
    global NOW, YESTERDAY, MIDNIGHT, SINCE
    left = 3600 - time.time() % 3600
    if left < 60:
        time.sleep(left)
    NOW = datetime.now(UTC)
    YESTERDAY = NOW - timedelta(hours=30)
    MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    # the present hour and the 24 before it
    SINCE = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=24)


def rows(session: Session, function: str) -> list[dict[str, object]]:
    return [dict(row) for row in session.execute(f"select * from script_tracking.{function}".encode()).fetchall()]


@pytest.fixture
def told(admin: Session) -> Session:
    """Ten operations of acme: 1 to 9 s, two of them failed, one running; one of 30 hours ago; one DDL."""
    admin.execute("select script_tracking.register_tenant('acme')")
    admin.execute("select script_tracking.register_tenant('quiet')")
    for second in range(1, 10):
        status = {3: "FAILED", 7: "INTERRUPTED", 5: "ROLLED_BACK"}.get(second, "COMPLETED")
        at = NOW - timedelta(minutes=second)
        sqlstate = "23505" if second == 3 else None
        record(admin, tenant="acme", us=second * 1_000_000, status=status, at=at, sqlstate=sqlstate)
    key = record(admin, tenant="acme", status="RUNNING", us=None, at=NOW)
    admin.execute(
        f"insert into {INTERNAL}.running_operation"
        " (script_execution_hk, tenant_hk, script_type, execution_timestamp, started_by, heartbeat_at)"
        " select %s, tenant_hk, 'BATCH', %s, current_user, now() from script_tracking.tenant_h"
        " where tenant_bk = 'acme'".encode(),
        (key, NOW),
    )
    record(admin, tenant="acme", status="FAILED", us=500, at=YESTERDAY, sqlstate="42601", name="old")
    record(admin, tenant="acme", kind="DDL", us=250, name="CREATE TABLE", at=NOW - timedelta(minutes=1))
    return admin


@pytest.mark.parametrize("rolled_up", [False, True])
def test_performance(told: Session, rolled_up: bool) -> None:
    if rolled_up:
        roll_up(told)
    batch, ddl = (row for row in rows(told, "get_performance_metrics()") if row["tenant"] == "acme")
    slowest, most_frequent = batch.pop("slowest_scripts"), batch.pop("most_frequent_scripts")
    assert isinstance(slowest, list) and isinstance(most_frequent, list)
    # by the day: what is older than 24 hours belongs to yesterday, if it does not to the day before
    assert {script["script_name"] for script in most_frequent} <= {"job", "old"}
    (job,) = (script for script in slowest if script["script_name"] == "job")
    if NOW - timedelta(minutes=9) >= MIDNIGHT:
        assert job == {"script_name": "job", "executions": 9, "failures": 2, "average_seconds": 5, "max_seconds": 9}
    assert batch.pop("since") == SINCE
    minutes = (datetime.now(UTC) - SINCE).total_seconds() / 60
    assert batch.pop("executions_per_minute") == pytest.approx(9 / minutes, rel=0.05)
    assert batch == {
        "tenant": "acme",
        "script_type": "BATCH",
        "executions_24h": 9,
        "failures_24h": 2,
        "failure_ratio": pytest.approx(2 / 9),
        "average_seconds": 5.0,
        "p50_seconds": pytest.approx(5.0, rel=0.01),
        "p95_seconds": pytest.approx(9.0, rel=0.01),  # the ninth of nine, as percentile_disc() has it
        "p99_seconds": pytest.approx(9.0, rel=0.01),
        "max_seconds": 9.0,
    }
    assert (ddl["executions_24h"], ddl["failure_ratio"], ddl["p50_seconds"]) == (
        1,
        0.0,
        pytest.approx(0.00025, rel=0.01),
    )


def test_performance_without_durations_is_unknown_not_zero(admin: Session) -> None:
    record(admin, us=None, status="INTERRUPTED")
    (row,) = rows(admin, "get_performance_metrics()")
    assert (row["executions_24h"], row["failure_ratio"]) == (1, 1.0)
    assert {row[name] for name in row if name.endswith("_seconds")} == {None}


@pytest.mark.parametrize("rolled_up", [False, True])
def test_dashboard(told: Session, rolled_up: bool) -> None:
    if rolled_up:
        roll_up(told)
    acme, quiet, _system = rows(told, "get_enterprise_dashboard()")
    assert acme.pop("operations_per_minute") == pytest.approx(
        10 / (datetime.now(UTC) - SINCE).total_seconds() * 60, rel=0.05
    )
    assert acme == {
        "tenant": "acme",
        "verdict": "warning",
        "operations_24h": 10,
        "failed_24h": 2,
        "failure_ratio_24h": 0.2,
        "average_duration_seconds_24h": pytest.approx((45 + 0.00025) / 10),
        "running": 1,
        "ddl_24h": 1,
        "last_operation_at": NOW,
        "since": SINCE,
        "p95_duration_seconds_24h": pytest.approx(9.0, rel=0.01),
        "operations_change": None,
        "failure_ratio_week_before": None,
        "oldest_running_at": NOW,
        "failing_checks": ["failures"],
        "tracker_failing_checks": [],
    }
    assert quiet == {
        "tenant": "quiet",
        "verdict": "ok",
        "operations_24h": 0,
        "failed_24h": 0,
        "failure_ratio_24h": None,
        "average_duration_seconds_24h": None,
        "running": 0,
        "ddl_24h": 0,
        "last_operation_at": None,
        "since": SINCE,
        "operations_per_minute": 0.0,
        "p95_duration_seconds_24h": None,
        "operations_change": None,
        "failure_ratio_week_before": None,
        "oldest_running_at": None,
        "failing_checks": [],
        "tracker_failing_checks": [],
    }


@pytest.mark.parametrize(
    ("failed", "fine", "verdict"),
    [(0, 3, "ok"), (1, 0, "warning"), (9, 0, "warning"), (10, 40, "warning"), (10, 39, "critical")],
)
def test_verdicts_are_as_documented(admin: Session, failed: int, fine: int, verdict: str) -> None:
    for status, number in (("FAILED", failed), ("COMPLETED", fine)):
        for _ in range(number):
            record(admin, status=status)
    found = one(admin, "select * from script_tracking.get_enterprise_dashboard()")
    assert found["verdict"] == verdict
    assert (
        found["failing_checks"]
        == {
            "ok": [],
            "warning": ["failures"],
            "critical": ["failures", "failure_ratio"],
        }[verdict]
    )


def test_the_dashboard_compares_full_hours_with_those_of_a_week_before(admin: Session) -> None:
    for days, number in ((7, 4), (0, 6)):
        for turn in range(number):
            at = SINCE + timedelta(hours=turn, minutes=1) - timedelta(days=days)
            record(admin, at=at, status="FAILED" if turn == 0 and days else "COMPLETED")
    record(admin, at=NOW - timedelta(days=7))  # this hour of a week ago is not a full one
    record(admin, at=NOW)
    roll_up(admin)
    found = one(admin, "select * from script_tracking.get_enterprise_dashboard()")
    assert (found["operations_24h"], found["operations_change"], found["failure_ratio_week_before"]) == (7, 0.5, 0.25)


def test_percentiles_are_those_of_all_durations_to_one_percent(admin: Session) -> None:
    with admin.transaction():
        for turn in range(300):
            at = NOW - timedelta(minutes=4 * turn)
            record(admin, at=at, us=(turn * 7919) % 300 * 12_345 + 1)
    for step in range(3):  # past the horizon, half of it, rolled up
        if step == 1:
            roll_up(admin)
            for turn in range(300):
                record(admin, at=NOW, us=(turn * 104_729) % 300 * 54_321 + 1)
        elif step == 2:
            roll_up(admin)
        exact = one(
            admin,
            "select percentile_disc(array[0.5, 0.95, 0.99]) within group"
            " (order by (metadata ->> 'duration_us')::float8) as us"
            " from script_tracking.script_execution_s where script_type = 'BATCH'",
        )["us"]
        found = one(admin, "select * from script_tracking.get_performance_metrics() where script_type = 'BATCH'")
        for name, us in zip(("p50_seconds", "p95_seconds", "p99_seconds"), exact, strict=True):
            assert found[name] == pytest.approx(us / 1_000_000, rel=0.01), (step, name)


def test_history(told: Session) -> None:
    found, earlier = (
        [row for row in rows(told, f"get_execution_history({days})") if row["script_type"] != "ADMINISTRATION"]
        for days in (1, 2)
    )
    assert len(found) == 11
    times = [row["execution_timestamp"] for row in found]
    assert times == sorted(times, key=str, reverse=True)
    assert found[0]["execution_status"] == "RUNNING"
    assert found[0]["duration_seconds"] is None
    durations = sorted(float(str(row["duration_seconds"])) for row in found[1:])
    assert durations == [0.00025, *(float(second) for second in range(1, 10))]
    assert len(earlier) == 12
    assert rows(told, "get_execution_history(0)") == []


@pytest.mark.parametrize("rolled_up", [False, True])
def test_recent_errors(told: Session, rolled_up: bool) -> None:
    if rolled_up:
        roll_up(told)
    record(told, tenant="acme", us=1, status="FAILED", at=NOW - timedelta(minutes=30), sqlstate="23505")
    found = rows(told, "get_recent_errors(24)")
    seen = [(row["script_name"], row["error_class"], row["error_sqlstate"], row["errors"]) for row in found]
    assert seen == [("job", "23", "23505", 2), ("job", "unknown", None, 1)]
    assert found[0]["first_seen_at"] == NOW - timedelta(minutes=30)
    assert found[0]["last_seen_at"] == NOW - timedelta(minutes=3)
    newest = value(
        told,
        "select script_execution_hk from script_tracking.script_execution_s where execution_timestamp = %s",
        NOW - timedelta(minutes=3),
    )
    assert found[0]["last_execution_hk"] == newest
    assert {row["error_class"] for row in rows(told, "get_recent_errors(48)")} == {"23", "42", "unknown"}


def test_health_tells_values_beside_their_thresholds(admin: Session) -> None:
    health = {str(row["check_name"]): row for row in rows(admin, "get_system_health()")}
    assert {row["status"] for row in health.values()} <= {"ok", "unknown"}, "unknown: what has not been looked at"
    assert health["event_triggers_enabled"]["value"] == 4
    assert health["partitions_ahead"]["value"] == 3
    assert (health["rollup_lag"]["value"], health["lost_records"]["value"]) == (0, 0)
    admin.execute("alter event trigger et_sql_drop disable")
    admin.execute(f"select nextval('{INTERNAL}.lost_record_seq')".encode())
    record(admin, at=datetime.now(UTC) - timedelta(days=2), status="RUNNING", us=None)
    admin.execute(
        f"insert into {INTERNAL}.running_operation"
        " (script_execution_hk, tenant_hk, script_type, execution_timestamp, started_by, heartbeat_at)"
        " select script_execution_hk, tenant_hk, script_type, execution_timestamp, current_user, now()"
        " from script_tracking.script_execution_s where execution_status = 'RUNNING'".encode()
    )
    worse = {str(row["check_name"]): row for row in rows(admin, "get_system_health()") if row["status"] in BAD}
    assert {name: (row["status"], row["value"]) for name, row in worse.items()} == {
        "event_triggers_enabled": ("critical", 3),
        "lost_records": ("critical", 1),
        "oldest_running_operation": ("warning", pytest.approx(172800, abs=60)),
    }
    assert all(row["advice"] and row["unit"] for row in worse.values())


def test_health_names_who_holds_the_totals_back(installed_database: str, admin: Session) -> None:
    def found() -> dict[str, object]:
        return one(admin, "select * from script_tracking.get_system_health() where check_name = 'horizon_holder'")

    with psycopg.connect(installed_database) as other:
        other.execute("select pg_current_xact_id()")
        assert f"pid {other.info.backend_pid} in database " in str(found()["advice"])
        other.execute("prepare transaction 'it''s held'")
    held = found()
    assert "prepared transaction 'it''s held' in database " in str(held["advice"])
    assert held["status"] == "ok", "not for long"
    assert held["value"] == pytest.approx(0, abs=60)
    admin.execute("rollback prepared 'it''s held'")
    assert "held in" not in str(found()["advice"])


def test_health_tells_of_roles_orphans_and_size(admin: Session, make_role: MakeRole) -> None:
    role = make_role()
    admin.execute("select script_tracking.register_tenant('acme')")
    admin.execute("select script_tracking.grant_tenant('acme', %s)", (role,))
    admin.execute(
        f"insert into {INTERNAL}.tenant_membership (tenant_hk, role) select tenant_hk, 4294967290::oid::regrole"
        f" from {INTERNAL}.tenant_membership limit 1; insert into {INTERNAL}.running_operation (script_execution_hk,"
        " tenant_hk, script_type, execution_timestamp, started_by, heartbeat_at, gone_since)"
        " select sha256('x'), tenant_hk, 'BATCH', a.ago, 'x', a.ago, a.ago"
        " from script_tracking.tenant_h cross join (select now() - interval '1 hour' as ago) as a limit 1;"
        f" insert into {INTERNAL}.setting (name, value, description)"
        " values ('storage.warning_bytes', '1000', 'test')".encode()
    )
    worse = {str(row["check_name"]): row for row in rows(admin, "get_system_health()") if row["status"] in BAD}
    assert {name: row["status"] for name, row in worse.items()} == {
        "memberships_of_nobody": "warning",
        "orphaned_operations": "warning",
        "storage": "warning",
    }
    assert worse["storage"]["threshold"] == 1000
    powers = "select status from script_tracking.get_system_health() where check_name = 'roles_with_powers'"
    assert value(admin, powers) == "ok"
