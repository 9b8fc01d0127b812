"""What the reports say to whom: numbers of the roll-ups and of what they do not hold yet, by tenant."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session
from tests.vault_steps import INTERNAL, record, roll_up

REPORTS = ("get_enterprise_dashboard()", "get_performance_metrics()", "get_recent_errors(24)")
TABLES = ("operation_hour", "duration_sketch", "script_day", "error_seen", "series")


@pytest.fixture(params=[False, True], ids=["pending", "rolled up"])
def told(admin: Session, request: pytest.FixtureRequest) -> Session:
    """Failures of two tenants."""
    now = datetime.now(UTC)
    for tenant in ("acme", "other"):
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
        for turn in range(3):
            at = now - timedelta(minutes=turn)
            record(admin, tenant=tenant, status="FAILED", name=f"{tenant} job", sqlstate="23505", at=at)
    if request.param:
        roll_up(admin)
    return admin


def seen(session: Session) -> dict[str, set[object]]:
    """The tenants in each report, which name nothing of another."""
    found = {}
    for report in REPORTS:
        rows = session.execute(f"select * from script_tracking.{report}".encode()).fetchall()
        found[report] = {row["tenant"] for row in rows}
        for tenant in {"acme", "other"} - found[report]:
            assert tenant not in str(rows), report
    return found


def everywhere(*tenants: str) -> dict[str, set[str]]:
    return {report: set(tenants) for report in REPORTS}


def test_a_reader_sees_its_tenants_an_auditor_all(told: Session, make_role: MakeRole, login: Login) -> None:
    role, both, none = (make_role("script_tracking_reader") for _ in range(3))
    for code, name in (("acme", role), ("acme", both), ("other", both)):
        told.execute("select script_tracking.grant_tenant(%s, %s)", (code, name))
    assert seen(login(role)) == everywhere("acme")
    assert seen(login(none)) == everywhere()
    session = login(both)
    assert seen(session) == everywhere("acme", "other")
    session.execute("set script_tracking.tenant = 'other'")
    assert seen(session) == everywhere("other")
    session.execute("set script_tracking.tenant = 'system'")
    assert seen(session) == everywhere(), "narrowing never widens"
    auditor = login(make_role("script_tracking_auditor"))
    assert all({"acme", "other"} <= tenants for tenants in seen(auditor).values())
    auditor.execute("set script_tracking.tenant = 'acme'")
    assert seen(auditor) == everywhere("acme")


def test_counts_are_the_tenants_own(told: Session, make_role: MakeRole, login: Login) -> None:
    role = make_role("script_tracking_reader")
    told.execute("select script_tracking.grant_tenant('acme', %s)", (role,))
    session = login(role)
    for setting in ("off", "on"):
        session.execute(f"set row_security = {setting}".encode())
        (dashboard,) = session.execute("select * from script_tracking.get_enterprise_dashboard()").fetchall()
        (metrics,) = session.execute("select * from script_tracking.get_performance_metrics()").fetchall()
        (error,) = session.execute("select * from script_tracking.get_recent_errors(1)").fetchall()
        assert (dashboard["operations_24h"], metrics["executions_24h"], error["errors"]) == (3, 3, 3)
        assert [script["script_name"] for script in metrics["slowest_scripts"]] == ["acme job"]


def test_nobody_reads_the_roll_ups_themselves(told: Session, make_role: MakeRole, login: Login) -> None:
    roles = ("script_tracking_app", "script_tracking_reader", "script_tracking_auditor", "script_tracking_daemon")
    session = login(make_role(*roles))
    for table in TABLES:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"select * from {INTERNAL}.{table}".encode())
    for function in ("tenant_dashboard(null, null)", "tenant_performance(null)", "tenant_errors(null, 1)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"select * from {INTERNAL}.{function}".encode())


def test_the_daemon_gets_all_tenants(told: Session, make_role: MakeRole, login: Login) -> None:
    session = login(make_role("script_tracking_daemon"))
    for function in ("collect_dashboard", "collect_performance"):
        rows = session.execute(f"select tenant from {INTERNAL}.{function}()".encode()).fetchall()
        assert {"acme", "other"} <= {row["tenant"] for row in rows}


@pytest.mark.parametrize("kinds", [3, 40])
def test_of_one_tenant_as_of_many(admin: Session, make_role: MakeRole, login: Login, kinds: int) -> None:
    """What is left out of others is left out before or after it is added up, by how much there is: the same is told."""
    began = datetime.now(UTC)
    for number in range(1, 7):
        admin.execute("select script_tracking.register_tenant(%s)", (f"tenant-{number}",))
        for kind in range(kinds if number == 1 else 1):
            for turn in range(2):
                record(
                    admin, tenant=f"tenant-{number}", kind=f"KIND-{kind}", us=(turn + 1) * 1000 * (kind + 1),
                    status=("COMPLETED", "FAILED")[turn], name=f'a "job" {kind}', at=began - timedelta(seconds=turn),
                )  # fmt: skip
    roll_up(admin)
    one, auditor = make_role("script_tracking_reader"), login(make_role("script_tracking_auditor"))
    admin.execute("select script_tracking.grant_tenant('tenant-1', %s)", (one,))
    reader = login(one)
    for report, count in (("get_performance_metrics", kinds), ("get_enterprise_dashboard", 1)):
        sql = f"select * from script_tracking.{report}() as r where r.tenant = 'tenant-1'".encode()
        told, expected = ([_lasting(row) for row in session.execute(sql)] for session in (reader, auditor))
        assert len(told) == count
        assert told == expected
    rows = reader.execute("select * from script_tracking.get_performance_metrics()").fetchall()
    metrics = {row["script_type"]: row for row in rows}
    slowest = {
        "script_name": 'a "job" 1', "executions": 2, "failures": 1, "average_seconds": 0.003, "max_seconds": 0.004,
    }  # fmt: skip
    assert metrics["KIND-1"]["slowest_scripts"] == metrics["KIND-1"]["most_frequent_scripts"] == [slowest]
    assert metrics["KIND-1"]["p50_seconds"] == pytest.approx(0.002, rel=0.01)
    assert metrics["KIND-1"]["p99_seconds"] == pytest.approx(0.004, rel=0.01)


def test_of_one_tenant_as_of_many_at_any_hour(admin: Session, make_role: MakeRole, login: Login) -> None:
    """Whoever reads one tenant looks its hours up; whoever reads all reads all hours, also those ahead of the clock."""
    left = 3600 - time.time() % 3600
    if left < 60:  # not while an hour begins
        time.sleep(left)
    began = datetime.now(UTC)
    for number in range(1, 7):
        admin.execute("select script_tracking.register_tenant(%s)", (f"tenant-{number}",))
        for place, hours in enumerate((-30, -2, 0, 1, 5, 23, 24, 25, 26, 49, 7 * 24 + 3, 8 * 24 - 1, 8 * 24 + 1)):
            at = began - timedelta(hours=hours)
            record(admin, tenant=f"tenant-{number}", us=1000 * (place + 1), name=f"job {place}", at=at)
    roll_up(admin)
    one, auditor = make_role("script_tracking_reader"), login(make_role("script_tracking_auditor"))
    admin.execute("select script_tracking.grant_tenant('tenant-1', %s)", (one,))
    reader = login(one)
    found = {}
    for report in ("get_performance_metrics", "get_enterprise_dashboard"):
        sql = f"select * from script_tracking.{report}() as r where r.tenant = 'tenant-1'".encode()
        told, expected = ([_lasting(row) for row in session.execute(sql)] for session in (reader, auditor))
        assert told == expected
        (found[report],) = told
    assert found["get_performance_metrics"]["executions_24h"] == 7, "of 24 hours, this one, and ahead"
    assert found["get_performance_metrics"]["p50_seconds"] == pytest.approx(0.004, rel=0.01)
    assert found["get_enterprise_dashboard"]["operations_24h"] == 7
    assert found["get_enterprise_dashboard"]["p95_duration_seconds_24h"] == pytest.approx(0.007, rel=0.01)


def _lasting(row: dict[str, object]) -> dict[str, object]:
    """What does not depend on the moment of asking."""
    return {name: value for name, value in row.items() if not name.endswith("_per_minute")}
