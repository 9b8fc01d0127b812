"""No role of ours, no owner of a table and no predefined role of PostgreSQL gains a right through the tracker."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session, history, refusal, value

S, SI = "script_tracking", "script_tracking_internal"
OURS = ("script_tracking_daemon", "script_tracking_app", "script_tracking_reader", "script_tracking_auditor")
KEYS = f"select state_key, message_inner_key, message_outer_key from {SI}.installation"


POWERS = (
    "create role mine superuser",
    "create role mine",
    "alter role current_user superuser",
    "grant script_tracking_owner to current_user",
    "grant script_tracking_auditor to current_user",
    "grant pg_read_server_files to current_user",
    "set role script_tracking_owner",
    "set session authorization postgres",
    "create database mine",
    f"create table {S}.mine ()",
    f"create function {S}.mine() returns int language sql as 'select 1'",
    f"create or replace function {S}.event_trigger_ddl_end() returns event_trigger language plpgsql as 'begin end'",
    f"alter function {S}.event_trigger_ddl_end() owner to current_user",
    f"alter function {S}.event_trigger_ddl_end() set search_path = lair",
    f"create event trigger mine on ddl_command_end execute function {S}.event_trigger_ddl_end()",
    "drop event trigger et_sql_drop",
    "alter event trigger et_sql_drop disable",
    f"alter schema {S} owner to current_user",
    f"grant all on schema {SI} to current_user",
    f"drop schema {S} cascade",
    "drop owned by script_tracking_owner",
    "reassign owned by script_tracking_owner to current_user",
    "select pg_read_file('/etc/passwd')",
    "select pg_read_binary_file('global/pg_control')",
    "select pg_ls_dir('.')",
    "copy (select 1) to program 'true'",
    "select pg_create_logical_replication_slot('mine', 'pgoutput')",
    "select pg_drop_replication_slot('mine')",
    "select pg_logical_slot_get_changes('mine', null, null)",
    "select pg_reload_conf()",
    f"update {SI}.setting set value = 'all'",
    f"select {SI}.read_log('/etc/passwd', 0, 100)",
    f"select * from {SI}.peek_slot(null, 1)",
    f"select {SI}.create_slot()",
    f"select {SI}.drop_slot()",
    f"select * from {SI}.role_password_marks('key')",
    f"select * from {SI}.secret_marks('key')",
    f"select {SI}.log_line('x', false, false)",
    KEYS,
)


@pytest.mark.parametrize("role", [*OURS, OURS])
def test_no_role_of_ours_gains_a_power(make_role: MakeRole, login: Login, role: str | tuple[str, ...]) -> None:
    session = login(make_role(*([role] if isinstance(role, str) else role)))
    went = {statement: state for statement in POWERS if (state := refusal(session, statement)) != "42501"}
    # a function that is not there with these arguments (42883) would be refused whatever the grants are
    others = ("42P01", "0A000", "ST003", "ST009")  # or it is refused by the function itself, or the guard
    assert {statement: state for statement, state in went.items() if state not in others} == {}


@pytest.mark.parametrize("call", [power for power in POWERS if f" {SI}." in power and power.endswith(")")])
def test_it_is_the_grants_that_refuse_a_function(make_role: MakeRole, login: Login, admin: Session, call: str) -> None:
    """Whoever is granted it gets further, so the test above would find the grant."""
    role = make_role()
    name = call.rpartition(f"{SI}.")[2].partition("(")[0]
    rights = (f"usage on schema {SI}", f"execute on function {SI}.{name}")

    def change(form: str) -> None:
        with admin.transaction():
            admin.execute("select pg_advisory_xact_lock(6001874101)")  # as the installer does, which may
            admin.execute("set local script_tracking_internal.installing = 'on'")
            for right in rights:
                admin.execute(form.format(right, role).encode())

    change("grant {} to {}")
    found = refusal(login(role), call)
    change("revoke {} from {}")
    assert found not in ("42501", "42883")


def test_the_daemon_reads_no_record_and_runs_nothing_else(make_role: MakeRole, login: Login, admin: Session) -> None:
    admin.execute(f"select {S}.track_operation('hunter2000', 'BATCH')".encode())
    session = login(make_role("script_tracking_daemon"))
    for table in ("script_execution_h", "script_execution_s", "tenant_h", "tenant_s"):
        assert refusal(session, f"select * from {S}.{table}") == "42501"
    callable_ = session.execute(
        "select p.oid::regprocedure::text as name, p.pronargs from pg_proc as p"
        " where p.pronamespace in (%s::regnamespace, %s::regnamespace) and has_function_privilege(p.oid, 'execute')",
        (S, SI),
    ).fetchall()
    told = ""
    for row in callable_:
        if row["pronargs"] == 0:
            try:
                told += str(session.execute(f"select * from {row['name']}".encode()).fetchall())
            except psycopg.Error as error:
                told += str(error)
    assert len(callable_) > 20
    assert "hunter2000" not in told
    for statement in (f"select {SI}.guard_slot('; drop table x')", f"select {SI}.note_slot_failure('''; select 1')"):
        assert refusal(session, statement) in (None, "42501", "ST003")
    before = len(history(admin))
    refusal(session, f"""select {SI}.merge_log_errors('[{{"user": "postgres", "message": "forged"}}]')""")
    assert len(history(admin)) == before


PREDEFINED = (
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_read_all_settings",
    "pg_read_all_stats",
    "pg_monitor",
    "pg_signal_backend",
    "pg_maintain",
    "pg_create_subscription",
    "pg_checkpoint",
    "pg_use_reserved_connections",
    "pg_stat_scan_tables",
    "pg_database_owner",
)


SINCE = {"pg_maintain": 17, "pg_create_subscription": 16, "pg_use_reserved_connections": 16, "pg_checkpoint": 15}


@pytest.mark.parametrize("predefined", PREDEFINED)
def test_a_predefined_role_sees_no_key_and_changes_no_record(
    admin: Session, make_role: MakeRole, login: Login, predefined: str
) -> None:
    if not value(admin, "select count(*) from pg_roles where rolname = %s", predefined):
        since = SINCE[predefined]
        assert admin.info.server_version < since * 10000, f"{predefined} is there from {since} on"
        return
    if predefined == "pg_database_owner":
        role = make_role()
        admin.execute(f'alter database "{admin.info.dbname}" owner to {role}'.encode())
    else:
        role = make_role(predefined)
    admin.execute(f"select {S}.track_operation('hunter2000', 'BATCH')".encode())
    session = login(role)
    try:
        for table in ("installation", "setting", "running_operation", "tenant_membership", "attempt", "capture_state"):
            found = session.execute(f"select count(*) as n from {SI}.{table}".encode()).fetchall()
            assert found == [{"n": 0}], f"{table} has forced row-level security"
    except psycopg.errors.InsufficientPrivilege:
        assert predefined != "pg_read_all_data"
    # where it may read the table, it may not call what the policies ask
    assert refusal(session, f"select * from {S}.script_execution_s") == "42501"
    for statement in (
        f"insert into {SI}.tenant_membership (tenant_hk, role) values (sha256('system'), '{role}'::regrole)",
        f"insert into {SI}.capture_policy (tag, fail_closed) values ('CREATE TABLE', true)",
        f"insert into {S}.script_execution_h values ('x', 'x', 'x', now(), 'x')",
        f"truncate {SI}.running_operation",
        f"copy {S}.tenant_h from program 'true'",
    ):
        assert refusal(session, statement) == "42501", statement
    for statement in (
        f"update {SI}.installation set capture_level = 'basic', state_key = 'x'",
        f"update {SI}.setting set value = 'all' where name = 'retention.disposable'",
        f"delete from {S}.script_execution_s",
        f"delete from {SI}.running_operation",
    ):
        assert refusal(session, statement) in (None, "42501"), statement  # none of the rows is to be seen
    assert value(admin, f"select state_key <> 'x' from {SI}.installation") is True
    assert value(admin, f"select value from {SI}.setting where name = 'retention.disposable'") == "none"
    assert value(admin, f"select count(*) from {SI}.running_operation") == 1
    assert value(admin, f"select count(*) >= 1 from {S}.script_execution_s") is True
    if predefined == "pg_database_owner":
        admin.execute(f'alter database "{admin.info.dbname}" owner to postgres'.encode())


def test_createrole_is_no_way_in_from_16_on(admin: Session, make_role: MakeRole, login: Login) -> None:
    """On 14 and 15 it is, to every role that is no superuser: SECURITY.md says so."""
    role = make_role()
    admin.execute(f"alter role {role} createrole".encode())
    session = login(role)
    if admin.info.server_version < 160000:
        assert refusal(session, f"grant script_tracking_app to {role}") is None
        admin.execute(f"alter role {role} nocreaterole".encode())
        return
    for ours in (*OURS, "script_tracking_owner"):
        assert refusal(session, f"grant {ours} to {role}") == "42501"
        assert refusal(session, f"alter role {ours} login") == "42501"
        assert refusal(session, f"drop role {ours}") == "42501"
    admin.execute(f"alter role {role} nocreaterole".encode())


FORGERIES = (
    "set script_tracking_internal.attempts = '{batch};1;1:{id}:1:CREATE TABLE:,'",
    'set script_tracking_internal.dropped = \'[{{"type": "table", "name": "payroll"}}]\'',
    'select pg_logical_emit_message(false, \'script_tracking\', \'{{"v": 1, "e": "start", "tag": "DROP TABLE"}}\')',
    'select pg_logical_emit_message(true, \'script_tracking\', \'{{"v": 1, "e": "end", "xid": "1"}}\')',
)


def test_an_application_forges_no_record(make_role: MakeRole, login: Login, admin: Session) -> None:
    """What it declares is told as declared, by its role; the event triggers' evidence is not to be had."""
    role = make_role("script_tracking_app")
    admin.execute(f"create schema shop authorization {role}".encode())
    session = login(role)
    for forgery in FORGERIES:
        refusal(session, forgery.format(batch="0" * 16, id="a" * 32))
    metadata = '{"evidence": "trigger", "objects": []}'
    session.execute(f"select {S}.track_operation('DROP TABLE', 'DDL', metadata => '{metadata}')".encode())
    session.execute("create table shop.t ()")
    rows = [row for row in history(admin) if row["db_session_user"] == role]
    assert {(row["script_name"], row["evidence"]) for row in rows} == {
        ("DROP TABLE", "client"),
        ("CREATE TABLE", "trigger"),
    }
    assert {row["metadata"]["effective_role"] for row in rows} == {role}
    assert "payroll" not in str(rows)
    # the record's own types are declared by anybody, and told apart by the evidence
    assert all("objects" not in row["metadata"] for row in rows if row["evidence"] == "client")
