"""What the collectors tell of isolation, and of event triggers that were changed: nothing as installed, else what."""

from __future__ import annotations

import pytest

from tests.fix_sessions import Login, MakeRole, Session, meddling, value
from tests.vault_steps import INTERNAL, record

FAULTS = f"select check_name, faults from {INTERNAL}.collect_isolation()"
CLEAN = {"reports": 0, "guards": 0, "rights": 0}
CHANGED = f"select trigger, enabled, changed from {INTERNAL}.collect_event_triggers() order by trigger"
END = "script_tracking.event_trigger_ddl_end()"
EVERYBODY = (
    f"create or replace function {INTERNAL}.tenants_of(p_identity name) returns bytea[] language sql stable"
    " as 'select array(select t.tenant_hk from script_tracking.tenant_h as t)'"
)


def faults(session: Session) -> dict[str, int]:
    return {row["check_name"]: row["faults"] for row in session.execute(FAULTS)}


def changed(session: Session) -> set[str]:
    return {row["trigger"] for row in session.execute(CHANGED.encode()) if row["changed"]}


@pytest.fixture
def daemon(admin: Session, make_role: MakeRole, login: Login) -> Session:
    """The exporter's session, in a database where two tenants have something on record, one of them failures."""
    for tenant in ("acme", "zeta"):
        value(admin, "select script_tracking.register_tenant(%s)", tenant)
        record(admin, tenant=tenant)
        record(admin, tenant=tenant, status="FAILED", sqlstate="23505")
    value(admin, "select script_tracking.track_operation('endless', 'BATCH', 'acme')")
    value(admin, f"select {INTERNAL}.roll_up()")
    return login(make_role("script_tracking_daemon"))


def test_nothing_is_amiss_as_installed_whoever_asks(admin: Session, daemon: Session) -> None:
    """Also for a superuser, for whom the claims tell alone, for a member of a tenant and under a claim, which stays."""
    assert faults(daemon) == faults(admin) == CLEAN
    admin.execute("select script_tracking.grant_tenant('acme', %s)", (daemon.info.user,))
    assert faults(daemon) == CLEAN
    with daemon.transaction():
        daemon.execute("set local script_tracking.tenant = 'zeta'")
        assert faults(daemon) == CLEAN
        assert value(daemon, "select current_setting('script_tracking.tenant')") == "zeta"


def test_reports_that_show_other_tenants_are_told(admin: Session, daemon: Session) -> None:
    """A stranger sees what is no tenant of its own; a superuser, what it did not ask for."""
    admin.execute(meddling(EVERYBODY).encode())
    for session in (daemon, admin):
        found = faults(session)
        assert found["reports"] >= 8, found
        assert (found["guards"], found["rights"]) == (1, 0)


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("alter policy read_visible on script_tracking.script_execution_s using (true)", "guards"),
        ("drop policy read_visible on script_tracking.tenant_h", "guards"),
        ("create policy more on script_tracking.script_execution_h using (true)", "guards"),
        (f"alter function {INTERNAL}.visible_tenants() security invoker", "guards"),
        ("grant select on script_tracking.script_execution_s to {role}", "rights"),
        ("grant select (script_name) on script_tracking.script_execution_s to {role}", "rights"),
        ("grant select on script_tracking.tenant_h to public", "rights"),
        ("grant insert on {internal}.tenant_membership to script_tracking_app", "rights"),
        ("grant execute on function {internal}.tenants_of(name) to script_tracking_reader", "rights"),
    ],
)
def test_a_change_of_what_tells_tenants_apart_is_told(
    admin: Session, daemon: Session, make_role: MakeRole, statement: str, check: str
) -> None:
    admin.execute(meddling(statement.format(role=make_role(), internal=INTERNAL)).encode())
    assert faults(daemon) == CLEAN | {check: 1}


def test_an_event_trigger_or_function_that_was_changed_is_told_until_it_is_back(
    admin: Session, make_role: MakeRole
) -> None:
    other = make_role()
    admin.execute(f"alter role {other} superuser".encode())
    assert changed(admin) == set()
    body = str(value(admin, "select pg_get_functiondef(%s::regprocedure)", END))
    sql_drop, ddl_end = {"et_sql_drop"}, {"et_ddl_command_end"}
    trigger, function = "alter event trigger et_sql_drop owner to", f"alter function {END}"
    for change, back, told in (
        (f"{trigger} {other}", f"{trigger} postgres", sql_drop),
        (body.replace("v_again      boolean;", "v_again      boolean; v_newer integer;"), body, ddl_end),
        (f"{function} security invoker", f"{function} security definer", ddl_end),
        (f"{function} owner to {other}", f"{function} owner to script_tracking_owner", ddl_end),
    ):
        admin.execute(meddling(change).encode())
        assert changed(admin) == told, change
        admin.execute(meddling(back).encode())
        assert changed(admin) == set(), back


def test_one_that_is_gone_is_not_told_as_changed_and_one_made_anew_by_a_resumption_is_right(
    admin: Session, make_role: MakeRole, login: Login
) -> None:
    """It then belongs to whoever resumed."""
    admin.execute("drop event trigger et_sql_drop")
    found = {row["trigger"]: (row["enabled"], row["changed"]) for row in admin.execute(CHANGED.encode())}
    assert found.pop("et_sql_drop") == (0, None)
    assert set(found.values()) == {(1, 0)}
    other = make_role()
    admin.execute(f"alter role {other} superuser".encode())
    for resuming in (login(other), admin):
        value(admin, "select script_tracking.pause_tracking('test')")
        value(resuming, "select script_tracking.resume_tracking()")
        found = {row["trigger"]: (row["enabled"], row["changed"]) for row in admin.execute(CHANGED.encode())}
        assert set(found.values()) == {(1, 0)}
        assert len(found) == 4
