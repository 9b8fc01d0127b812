"""The record is append-only: tried in every way, by everybody; and what a superuser brings about all the same shows."""

from __future__ import annotations

import pytest

from tests.fix_sessions import Login, MakeRole, Session, meddling, one, refusal, value

S, SI = "script_tracking", "script_tracking_internal"
HUB, SAT = f"{S}.script_execution_h", f"{S}.script_execution_s"
TABLES = (HUB, SAT, f"{SI}.script_execution_h_first", f"{SI}.script_execution_s_first")
COLUMNS = "script_execution_hk, script_execution_bk, tenant_hk, load_date, record_source"
ON_EACH = tuple(
    statement.format(table)
    for table in TABLES
    for statement in (
        "update {} set record_source = 'x'",
        "update {} set tenant_hk = 'x'",
        "delete from {}",
        "delete from {} where tenant_hk is not null returning *",
        "truncate {}",
        "with gone as (delete from {} returning *) select count(*) from gone",
        "with changed as (update {} set record_source = 'x' returning *) select count(*) from changed",
        "do $$ begin update {} set record_source = 'x'; end $$",
    )
)
CHANGES = (
    *ON_EACH,
    f"insert into {HUB} select {COLUMNS} from {HUB} on conflict (script_execution_hk, load_date)"
    " do update set record_source = 'x'",
    f"update {SAT} set load_end_date = null",
    f"update {SAT} set load_end_date = now() + interval '1 day' where load_end_date is not null",
    f"update {SAT} set load_end_date = load_date - interval '1 day' where load_end_date is null",
    f"update {SAT} set load_end_date = now(), error_message = 'x' where load_end_date is null",
    f"update {SAT} set execution_timestamp = execution_timestamp - interval '90 days'",
    f"update {SAT} set execution_status = 'COMPLETED'",
)
MERGES = (
    f"merge into {HUB} as t using {HUB} as s on t.script_execution_hk = s.script_execution_hk"
    " when matched then update set record_source = 'x'",
    f"merge into {SAT} as t using (select 1) as s on true when matched then delete",
)
DDL_ON_EACH = tuple(
    statement.format(table)
    for table in TABLES
    for statement in (
        "alter table {} disable trigger all",
        "alter table {} disable trigger protect_truncate",
        "alter table {} enable replica trigger protect_truncate",
        "drop trigger protect_truncate on {}",
        "create rule r as on insert to {} do instead nothing",
        "create trigger t before insert on {} for each row execute function suppress_redundant_updates_trigger()",
        "alter table {} alter column record_source type varchar using 'x'",
        "alter table {} drop column record_source",
        "alter table {} no force row level security",
        "drop table {} cascade",
    )
)
DDL = (
    *DDL_ON_EACH,
    f"alter table {HUB} detach partition {SI}.script_execution_h_first",
    f"alter function {SI}.protect_record() rename to elsewhere",
    f"drop function {SI}.protect_record() cascade",
)


@pytest.fixture
def filled(admin: Session) -> Session:
    """Two operations that ended, one that runs."""
    for success in ("true", "false"):
        key = value(admin, f"select {S}.track_operation('job', 'BATCH')")
        admin.execute(f"select {S}.complete_operation(%s, {success})".encode(), (key,))
    admin.execute(f"select {S}.track_operation('job', 'BATCH')".encode())
    return admin


def stored(admin: Session) -> dict[str, object]:
    """What stands in the record, so that nothing of a change goes unnoticed."""
    return one(
        admin,
        f"select (select md5(string_agg(h::text, '' order by script_execution_hk)) from {HUB} as h) as hub,"
        f" (select md5(string_agg(s::text, '' order by script_execution_hk, load_date)) from {SAT} as s) as satellite",
    )


def wanted(session: Session) -> tuple[str, ...]:
    return CHANGES + (MERGES if session.info.server_version >= 150000 else ())


@pytest.mark.parametrize(
    "settings",
    ["", "set role script_tracking_owner", "set session_replication_role = replica", "set row_security = off"],
)
def test_superuser_and_owner_change_nothing(filled: Session, settings: str) -> None:
    before = stored(filled)
    if settings:
        filled.execute(settings.encode())
    went = {statement: state for statement in wanted(filled) if (state := refusal(filled, statement)) != "ST001"}
    filled.execute("reset all; reset role")
    # moving a row to another partition is an update and a delete: whichever is refused first
    assert went == {}
    assert stored(filled) == before


@pytest.mark.parametrize("role", ["app", "reader", "auditor", "daemon", "tenant"])
def test_every_other_role_lacks_the_right(filled: Session, make_role: MakeRole, login: Login, role: str) -> None:
    roles = ("app", "reader") if role == "tenant" else (role,)
    name = make_role(*(f"script_tracking_{suffix}" for suffix in roles))
    if role == "tenant":
        filled.execute(f"select {S}.register_tenant('acme'), {S}.grant_tenant('acme', '{name}')".encode())
    before = stored(filled)
    session = login(name)
    statements = [
        *wanted(filled),
        *DDL,
        f"copy {HUB} from stdin",
        f"copy {SAT} to program 'true'",
        f"insert into {HUB} select * from {HUB}",
        f"do $$ begin lock table {SAT} in share mode; end $$",
        f"select * from {SAT} for update",
    ]
    went = {statement: state for statement in statements if (state := refusal(session, statement)) != "42501"}
    assert went == {}
    assert stored(filled) == before


def test_ddl_that_would_take_the_protection_away_is_refused(filled: Session) -> None:
    before = stored(filled)
    for role in ("script_tracking_owner", "none"):
        filled.execute(f"set role {role}".encode())
        went = {statement: state for statement in DDL if (state := refusal(filled, statement)) != "ST009"}
        # PostgreSQL itself refuses what hangs on a parent or a view
        assert set(went.values()) <= {"0A000", "42P16", "2BP01", "42809"}, went
    filled.execute("reset role")
    assert stored(filled) == before


def test_a_writable_view_and_a_function_of_somebodys_change_nothing(
    filled: Session, make_role: MakeRole, login: Login
) -> None:
    role = make_role("script_tracking_reader")
    filled.execute(
        f"create view public.writable as select * from {SAT}; grant all on public.writable to public;"
        f" create function public.change() returns void language sql security definer as"
        f" 'update {SAT} set error_message = ''x'''"
    )
    session = login(role)
    before = stored(filled)
    for statement in ("update public.writable set error_message = 'x'", "delete from public.writable"):
        assert refusal(session, statement) == "ST001"
    assert refusal(session, "select public.change()") == "ST001"
    assert stored(filled) == before


ALWAYS = f"alter table {HUB} enable always trigger protect_rows"
SWALLOW = "for each row execute function suppress_redundant_updates_trigger()"
UNPROTECTED = {
    f"alter table {SAT} disable trigger protect_updates": "trigger protect_updates",
    f"alter table {SI}.script_execution_s_first disable trigger protect_truncate": "trigger protect_truncate",
    f"alter table {HUB} enable replica trigger protect_rows": "trigger protect_rows",
    f"alter table {HUB} enable trigger protect_rows": "trigger protect_rows",
    f"drop trigger protect_truncate on {SI}.script_execution_h_first": "trigger protect_truncate",
    f"drop trigger protect_columns on {S}.tenant_h": "trigger protect_columns",
    f"alter table {S}.tenant_s disable trigger all": "trigger protect_deletes",
    f"create or replace trigger protect_rows before update or delete on {HUB} for each row when (false)"
    f" execute function {SI}.protect_record(); {ALWAYS}": "trigger protect_rows",
    f"drop trigger protect_updates on {SAT}; create trigger protect_updates before update of error_message on {SAT}"
    f" for each row execute function {SI}.protect_record('may_end');"
    f" alter table {SAT} enable always trigger protect_updates": "trigger protect_updates",
    f"drop trigger protect_rows on {HUB}; create trigger protect_rows after delete on {HUB} for each row"
    f" execute function {SI}.protect_record(); {ALWAYS}": "trigger protect_rows",
    f"create trigger mine before insert on {SAT} {SWALLOW}": "nothing, but has a trigger of somebody else's (mine)",
    f"create trigger mine after insert on {SI}.script_execution_h_first {SWALLOW}": "nothing, but has a trigger of"
    " somebody else's (mine)",
    f"create rule mine as on insert to {SAT} do instead nothing": "nothing, but has a rule of somebody else's (mine)",
    f"create rule mine as on delete to {SI}.running_operation do instead nothing": "nothing, but has a rule of somebody"
    " else's (mine)",
    f"alter table {SI}.script_execution_s_first set unlogged": "logging",
    f"alter table {SAT} no force row level security": "forced row-level security",
    f"alter table {SI}.script_execution_s_first disable row level security": "forced row-level security",
    f"alter table {SI}.installation no force row level security": "forced row-level security",
    f"drop policy owner_all on {SI}.setting": "policy owner_all",
    f"create policy mine on {SAT} using (true)": "nothing, but has a policy of somebody else's",
    f"alter table {SI}.noise_ddl owner to postgres": "owner script_tracking_owner",
    f"alter table {HUB} detach partition {SI}.script_execution_h_first": "its place as a partition",
    f"create table public.child () inherits ({S}.tenant_h)": "nothing, but has a child of somebody else's (public.",
    f"create temp table child () inherits ({S}.tenant_h)": "nothing, but has a child of somebody else's (child):"
    f' "alter table child no inherit {S}.tenant_h", or end the session',
    "set allow_system_table_mods = on; update pg_inherits set inhdetachpending = true"
    f" where inhrelid = '{SI}.script_execution_s_first'::regclass": "its place as a partition: a detachment",
    f"create index mine on {SI}.script_execution_s_first (script_name)": "nothing, but has an index of somebody else's"
    f" ({SI}.mine)",
    "set allow_system_table_mods = on; update pg_index set indisvalid = false"
    f" where indexrelid = '{SI}.running_operation_pkey'::regclass": "nothing, but has an index of somebody else's",
}


@pytest.mark.parametrize("weakening", UNPROTECTED)
def test_what_a_superuser_takes_away_shows_in_health(admin: Session, weakening: str) -> None:
    health = f"select status, value, advice from {S}.get_system_health() where check_name = 'record_protected'"
    metric = f"select ok from {SI}.collect_health() where check_name = 'record_protected'"
    assert (one(admin, health)["status"], value(admin, metric)) == ("ok", 1)
    admin.execute(meddling(weakening).encode())
    found = one(admin, health)
    assert (found["status"], value(admin, metric)) == ("critical", 0)
    assert f"lacks {UNPROTECTED[weakening]}" in str(found["advice"])


def test_what_goes_by_the_guard_shows_as_well(admin: Session) -> None:
    """Without event triggers nothing refuses; the health check does not need them."""
    admin.execute("alter event trigger et_ddl_command_end disable")
    admin.execute(f"alter table {SAT} disable trigger protect_updates".encode())
    admin.execute("alter event trigger et_ddl_command_end enable always")
    state = f"select status from {S}.get_system_health() where check_name = 'record_protected'"
    assert value(admin, state) == "critical"


@pytest.mark.parametrize("kind", ["temp table", "table elsewhere."])
def test_a_child_of_somebodys_is_told_and_breaks_no_report(admin: Session, login: Login, kind: str) -> None:
    """A superuser's who goes by the guard: nobody else sees rows of a temporary one, and what is told mends it."""
    health = f"select status, advice from {S}.get_system_health() where check_name = 'record_protected'"
    tenants = f"select array_agg(tenant) as tenants from {S}.get_enterprise_dashboard()"
    admin.execute(b"create schema elsewhere")
    maker = login()
    of_tenant = f"create {kind} child () inherits ({S}.tenant_h)".replace(". ", ".")
    of_state = f"create {kind} running () inherits ({SI}.running_operation)".replace(". ", ".")
    maker.execute(meddling(f"{of_tenant}; {of_state}").encode())
    child = "child" if "temp" in kind else "elsewhere.child"
    maker.execute(f"insert into {child} select sha256('x'), 'ghost', now(), 'x'".encode())
    value(admin, f"select {S}.complete_operation({S}.track_operation('job', 'BATCH'), true)")
    value(admin, f"select {SI}.interrupt_operations()")
    value(admin, f"select {SI}.roll_up()")
    assert value(admin, tenants) == (["system"] if "temp" in kind else ["ghost", "system"])
    found = one(admin, health)
    assert found["status"] == "critical"
    name = value(maker, f"select format('%s no inherit {S}.tenant_h', '{child}'::regclass)")
    assert str(name).removeprefix("elsewhere.") in str(found["advice"])
    for parent, table in ((f"{S}.tenant_h", child), (f"{SI}.running_operation", child.replace("child", "running"))):
        maker.execute(meddling(f"alter table {table} no inherit {parent}").encode())
    assert value(admin, tenants) == ["system"]
    assert one(admin, health)["status"] == "ok"
