"""What the reports say to whom: numbers of the roll-ups and of what they do not hold yet, by tenant."""

from __future__ import annotations

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
