"""As a tenant's role: functions, operators, errors, plans and statistics that would tell of rows nobody should see."""

from __future__ import annotations

import pytest

from tests.fix_sessions import Login, MakeRole, Session, value
from tests.sql.adversarial.conftest import READS, SECRET, Spy, Victim, seen

S = "script_tracking"
TABLES = {
    f"{S}.get_execution_history(30)": (
        "script_name",
        "error_message",
        "sql_command",
        "db_session_user",
        "metadata::text",
        "tenant",
        "encode(execution_hk, 'hex')",
    ),
    f"{S}.get_recent_errors(720)": ("script_name", "error_message"),
    f"{S}.get_running_operations()": ("script_name", "tenant"),
    f"{S}.get_objects_as_of(now())": ("object_identity", "tenant"),
}
SHADOWS = (
    "create function lair.is_ours(bytea, bytea) returns boolean language sql as 'select true'",
    "create operator lair.= (leftarg = bytea, rightarg = bytea, function = lair.is_ours)",
    "create function lair.is_later(timestamptz, timestamptz) returns boolean language sql as 'select true'",
    "create operator lair.>= (leftarg = timestamptz, rightarg = timestamptz, function = lair.is_later)",
    "create function lair.now() returns timestamptz language sql as $$ select timestamptz '-infinity' $$",
    "create function lair.make_interval(integer) returns interval language sql as $$ select interval '99 years' $$",
    "create function lair.pg_has_role(name, text, text) returns boolean language sql as 'select true'",
    "create function lair.pg_has_role(name, oid, text) returns boolean language sql as 'select true'",
    "create function lair.current_setting(text) returns text language sql as $$ select 'postgres' $$",
    "create function lair.current_setting(text, boolean) returns text language sql as $$ select 'postgres' $$",
    "create function lair.visible_tenants() returns bytea[] language sql as $$ select array[sha256('victim')] $$",
    "create function lair.sha256(bytea) returns bytea language sql as $$ select pg_catalog.sha256('victim') $$",
    "create table lair.pg_roles (rolname name, oid oid, rolsuper boolean); insert into lair.pg_roles values"
    " (current_user, 10, true)",
    "create temp view pg_roles as select oid, rolname, true as rolsuper from pg_catalog.pg_roles",
)


@pytest.fixture
def leaky(spy: Spy) -> Spy:
    spy(
        "create function lair.tell(text) returns boolean language plpgsql cost 0.0000000000001 as"
        " $$ begin raise notice '%', $1; return true; end $$",
        "create operator lair.<<< (leftarg = text, rightarg = text, function = lair.tell2)",
        "create function lair.tell2(text, text) returns boolean language plpgsql cost 0.0000000000001 as"
        " $$ begin raise notice '%', $1; return false; end $$",
        "create operator lair.<<< (leftarg = text, rightarg = text, function = lair.tell2)",
    )
    return spy


def test_cheap_functions_and_operators_are_not_asked_before_the_policies(leaky: Spy, victim: Victim) -> None:
    told = leaky("set search_path = lair, pg_catalog")
    for table, columns in TABLES.items():
        for column in columns:
            told += leaky(
                f"select 1 from {table} as t where lair.tell({column})",
                f"select 1 from {table} as t where {column} operator(lair.<<<) 'x'",
                f"select 1 from {table} as t where lair.tell({column}) order by lair.tell({column})",
                f"select 1 from {table} as t where case when lair.tell({column}) then false else true end",
                f"select 1 from {table} as t join (values (1)) as v (x) on lair.tell({column})",
                f"select lair.tell({column}) from {table} as t",
                f"select count(*) filter (where lair.tell({column})) from {table} as t",
                f"select from (values (1)) as g where exists (select from {table} as t where lair.tell({column}))",
            )
    assert "mine" in told, "the spy's own rows are told, so the functions work"
    assert seen(told, victim) == []


def test_errors_tell_no_foreign_value(spy: Spy, victim: Victim) -> None:
    """Rows of the spy's own would raise as well, so they are kept away by their name."""
    told = ""
    for table, columns in TABLES.items():
        for column in columns:
            other = f"{column} not like 'mine%' and {column} not like '%acme%' and {column} not like '%mine%'"
            told += spy(
                f"select 1 from {table} as t where {column}::integer = 1 and {other}",
                f"select ({column})::date from {table} as t where {other}",
                f"select 1 / (length({column}) - length({column})) from {table} as t where {other}",
                f"select xmlparse(document {column}) from {table} as t where {other}",
                f"select ({column})::pg_catalog.regclass from {table} as t where {other}",
                f"select 1 from {table} as t where ({column})::jsonb ->> 'x' = 'y'",
            )
    assert seen(told, victim) == []
    # what is not visible comes nowhere near: it cannot divide by zero
    divided = f"select count(*) from {S}.get_execution_history(30) where 1 / (length(script_name) - {len(SECRET)}) > 5"
    assert value(spy.session, divided) == 0


BREAKING = (
    "set statement_timeout = '1ms'",
    "set lock_timeout = '20ms'",
    "set default_transaction_isolation = serializable",
    "set default_transaction_read_only = on",
    "set work_mem = '64kB'",
    "set plpgsql.variable_conflict = error; set plpgsql.print_strict_params = on",
    "set client_min_messages = 'debug5'",
)


@pytest.mark.parametrize("setting", BREAKING)
def test_where_a_function_fails_or_talks_its_messages_tell_nothing(
    admin: Session, spy: Spy, victim: Victim, setting: str
) -> None:
    """Messages, details, hints, contexts and the queries within: of a cancel, of a lock, of what the server says."""
    spy(setting)
    told = spy(*READS, *(f"explain (analyze) {read}" for read in READS))
    if "lock" in setting:
        with admin.transaction():
            admin.execute(f"lock table {S}.tenant_h, {S}.script_execution_s".encode())
            told += spy(*READS)
        assert "55p03" in told
    assert seen(told, victim) == []


def test_shadows_in_the_search_path_change_nothing(spy: Spy, victim: Victim) -> None:
    told = spy(*SHADOWS)
    assert "42501" not in told
    for path in ("lair, pg_catalog, script_tracking", "lair, pg_temp, pg_catalog", "pg_temp, lair"):
        told += spy(f"set search_path = {path}", *READS)
    assert seen(told, victim) == []
    spy("reset search_path")
    assert value(spy.session, f"select count(distinct tenant) from {S}.get_execution_history(30)") == 1


STATISTICS = (
    "select * from pg_stats where schemaname like 'script_tracking%'",
    "select * from pg_stats_ext where schemaname like 'script_tracking%'",
    "select * from pg_statistic",
    "select * from pg_statistic_ext_data",
    "select query from pg_stat_activity",
    "select * from pg_stat_get_activity(null)",
    "select * from pg_prepared_statements",
    "select * from pg_cursors",
    "select pg_get_viewdef(oid) from pg_class where relkind = 'v' and relnamespace::regnamespace::text ~ '^script'",
    "select pg_get_expr(polqual, polrelid) from pg_policy",
    "select * from pg_largeobject",
    "select lo_get(1)",
    "select * from pg_file_settings",
    "select * from pg_logical_slot_peek_changes('script_tracking', null, null)",
    "select * from pg_hba_file_rules",
    "select * from pg_replication_slots",
    "select pg_read_file(pg_current_logfile())",
    "select * from pg_ls_logdir()",
    "select * from pg_get_publication_tables('script_tracking_capture')",
    "select * from pg_stat_statements",
)


def test_catalogs_and_statistics_tell_no_value(spy: Spy, victim: Victim) -> None:
    told = spy(*STATISTICS)
    # roles and tables are the database's, and anybody's to list; what was recorded of them is not
    assert [trace for trace in seen(told, victim) if trace != victim.role] == []
    assert value(spy.session, "select count(*) from pg_stats where schemaname = 'script_tracking'") == 0


def test_a_plan_tells_no_value(spy: Spy, victim: Victim) -> None:
    told = spy(*(f"explain (analyze, verbose, buffers, settings) {read}" for read in READS if "select" in read))
    assert seen(told, victim) == []


def test_another_tenants_running_operation_shows_by_no_lock(admin: Session, spy: Spy, victim: Victim) -> None:
    """Somebody else's row that is locked, as while its owner ends it, makes nobody wait who may not see it."""
    with admin.transaction():
        admin.execute("select from script_tracking_internal.running_operation for update")
        spy("set lock_timeout = '200ms'")
        for call in ("complete_operation('{}', true)", "heartbeat('{}')"):
            told = spy(f"select {S}." + call.format(f"\\x{victim.running.hex()}"))
            assert "55p03" not in told
            assert "false" in told


def test_a_refused_claim_tells_nobody_which_tenants_there_are(spy: Spy, victim: Victim) -> None:
    spy(
        "set script_tracking.tenant = 'victim'; create table lair.one ()",
        "set script_tracking.tenant = 'nobody'; create table lair.two ()",
        "reset script_tracking.tenant",
    )
    rows = spy.session.execute(
        f"select metadata -> 'refused_tenant_claim' as claim from {S}.get_execution_history(1)"
        " where script_name = 'CREATE TABLE' and metadata -> 'refused_tenant_claim' is not null"
    ).fetchall()
    assert {row["claim"]["claim"] for row in rows} == {"victim", "nobody"}
    assert {row["claim"]["reason"] for row in rows} == {"not_a_member"}


def test_health_names_no_process_and_no_prepared_transaction_but_to_those_who_see_all(
    admin: Session, spy: Spy, victim: Victim, make_role: MakeRole, login: Login
) -> None:
    health = f"select check_name, value, advice from {S}.get_system_health()"
    auditor, daemon = (login(make_role(f"script_tracking_{role}")) for role in ("auditor", "daemon"))

    def tell(holder: str) -> None:
        told = spy(health, "select metadata from script_tracking.get_enterprise_dashboard() as metadata")
        assert "horizon_holder" in told
        assert "an auditor is told which one" in told
        assert holder not in told
        assert seen(told, victim) == []
        for session in (auditor, daemon, admin):
            assert holder in str(session.execute(health.encode()).fetchall())

    victim.session.execute("begin")
    victim.session.execute("select pg_current_xact_id()")
    tell(f"pid {victim.session.info.backend_pid} in database")
    victim.session.execute(f"prepare transaction 'held {SECRET}'".encode())
    try:
        tell(f"held {SECRET}")
    finally:
        admin.execute(f"rollback prepared 'held {SECRET}'".encode())
