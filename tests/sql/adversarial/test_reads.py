"""As a tenant's role: nothing of another tenant is seen or counted by reading."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session, meddling, value
from tests.sql.adversarial.conftest import READS, Spy, Victim, seen

SETTINGS = (
    "set script_tracking.tenant = 'victim'",
    "set script_tracking.tenant = 'system'",
    "set script_tracking.tenant = ''",
    "set row_security = off",
    "set role script_tracking_auditor",
    "set role script_tracking_owner",
    "set role script_tracking_reader",
    "set session authorization postgres",
    "select set_config('role', 'postgres', false)",
    "select set_config('session_authorization', 'postgres', false)",
    "select set_config('is_superuser', 'on', false)",
    "set search_path = lair, pg_catalog",
    "set script_tracking_internal.installing = 'on'; select pg_advisory_lock(6001874101)",
    "set session_replication_role = replica",
    "set plpgsql.extra_errors = 'all'",
)
INTERNAL = (
    "select * from script_tracking_internal.running_operation",
    "select * from script_tracking_internal.tenant_membership",
    "select * from script_tracking_internal.operation_total",
    "select * from script_tracking_internal.installation",
    "select * from script_tracking_internal.attempt",
    "select * from script_tracking_internal.script_execution_h_first",
    "select * from script_tracking_internal.script_execution_s_first",
    "select * from script_tracking_internal.final_version",
    "select * from script_tracking_internal.shown_execution",
    "select * from script_tracking_internal.operation_totals()",
    "select * from script_tracking_internal.collect_operations()",
    "select script_tracking_internal.member_tenants('postgres')",
    "select script_tracking_internal.visible_tenants()",
    "select script_tracking_internal.tenants_shown_to('postgres')",
    "select script_tracking_internal.hidden_before()",
    "select script_tracking_internal.shortened_tenants()",
    "select script_tracking_internal.hidden_befores()",
    "select script_tracking_internal.held_ranges()",
    "select script_tracking_internal.tenant_errors(array[sha256('victim')], 24)",
    "select script_tracking_internal.tenant_performance(null)",
    "select * from script_tracking.tenant_s",
    "select * from script_tracking.get_tenants()",
    "select * from script_tracking.get_untracked_changes()",
)
OWN_ROWS = "select count(*) from script_tracking.get_execution_history(30)"


def test_the_victim_sees_what_the_spy_looks_for(victim: Victim) -> None:
    """Else the tests below would show nothing."""
    assert value(victim.session, OWN_ROWS) == 3
    told = Spy(victim.role, victim.session, [])(*READS)
    assert seen(told, victim) == list(victim.traces)


def test_each_function_that_shows_a_reader_anything_is_tried(admin: Session) -> None:
    """A further one is to be added to READS."""
    callable_ = admin.execute(
        "select p.proname from pg_proc as p, unnest(array['script_tracking_reader', 'script_tracking_app']) as r (role)"
        " where p.pronamespace in ('script_tracking'::regnamespace, 'script_tracking_internal'::regnamespace)"
        " and has_function_privilege(r.role, p.oid, 'execute')"
    )
    tried = " ".join(READS)
    untried = {row["proname"] for row in callable_ if f".{row['proname']}(" not in tried}
    writing = {"track_operation", "complete_operation", "track_operations", "complete_operations", "heartbeat"}
    assert untried == {*writing, "calculate_hash_key", "generate_unique_script_name"}


@pytest.mark.parametrize("setting", ["", *SETTINGS])
def test_no_setting_shows_anything(spy: Spy, victim: Victim, setting: str) -> None:
    if setting:
        spy(setting)
    assert seen(spy(*READS), victim) == []
    spy("reset all; reset role")
    assert value(spy.session, OWN_ROWS) == 2


def test_nothing_is_read_round_the_policies(spy: Spy, victim: Victim) -> None:
    assert seen(spy(*INTERNAL), victim) == []
    assert spy(*INTERNAL).count("42501") == len(INTERNAL)


RELATIONS = (
    "select c.oid::regclass::text as name, c.relkind::text as kind from pg_class as c"
    " where c.relnamespace in ('script_tracking'::regnamespace, 'script_tracking_internal'::regnamespace)"
    " and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') order by 1"
)
READING = (
    "select * from {0}",
    "select count(*) from {0}",
    "select from {0} limit 0",
    "select 1 where exists (select from {0})",
    "table {0}",
    "explain select * from {0}",
    "explain (analyze, verbose) select * from {0}",
    "deallocate all; prepare peek as select * from {0}; execute peek",
    "copy {0} to stdout",
    "copy (select * from {0}) to stdout",
    "begin; declare peek cursor for select * from {0}; rollback",
    "do $$ begin lock table {0} in access share mode; end $$",
    "do $$ declare v_row record; begin for v_row in select * from {0} loop null; end loop; end $$",
    "create table lair.copied as select * from {0}",
    "create view lair.peek as select * from {0}; table lair.peek",
    "create or replace function lair.peek() returns bigint language sql security definer as 'select count(*) from {0}';"
    " select lair.peek()",
    "merge into lair.mine using {0} as other on false when not matched then do nothing",
)
NOT_OF = {"S": ("lock table",), "v": ("copy {0}",)}


def test_no_table_view_or_sequence_is_read_in_any_way(admin: Session, spy: Spy) -> None:
    """Nor is its plan shown: the estimates and the rows that a filter left out would count those of others."""
    relations = admin.execute(RELATIONS.encode()).fetchall()
    names = {row["name"] for row in relations}
    assert {f"script_tracking.{name}" for name in ("tenant_h", "script_execution_s", "script_execution_pit")} < names
    assert "script_tracking_internal.script_execution_s_first" in names
    spy("create table lair.mine ()")
    with_merge = admin.info.server_version >= 150000
    went = []
    for relation in relations:
        for reading in READING:
            if any(part in reading for part in NOT_OF.get(relation["kind"], ())):
                continue
            if reading.startswith("merge") and not with_merge:
                continue
            statement = reading.format(relation["name"])
            try:
                with spy.session.transaction(force_rollback=True):
                    spy.session.execute(statement.removeprefix("begin; ").removesuffix("; rollback").encode())
                went.append(statement)
            except psycopg.errors.InsufficientPrivilege:
                pass
            except psycopg.Error as error:
                went.append(f"{statement}: {error.sqlstate}")
    assert went == []


def test_a_partition_is_not_read_even_with_a_grant(admin: Session, spy: Spy, victim: Victim) -> None:
    for table in ("script_execution_h_first", "script_execution_s_first", "running_operation", "tenant_membership"):
        admin.execute(
            meddling(
                f"grant usage on schema script_tracking_internal to {spy.role};"
                f" grant all on script_tracking_internal.{table} to {spy.role}"
            ).encode()
        )
        assert spy(f"select count(*) as n from script_tracking_internal.{table}") == "[{'n': 0}]"
        assert seen(spy(f"table script_tracking_internal.{table}"), victim) == []
        assert "42501" in spy(f"set row_security = off; table script_tracking_internal.{table}")
        spy("reset row_security")


def test_plans_are_not_kept_over_a_change_of_role(
    admin: Session, spy: Spy, victim: Victim, make_role: MakeRole, login: Login
) -> None:
    """One who may act as two tenants' roles sees, as either, only that one's."""
    both = make_role()
    admin.execute(f"grant {spy.role}, {victim.role} to {both}".encode())
    admin.execute(
        "create function public.counted() returns bigint language plpgsql as"
        " $$ begin return (select count(*) from script_tracking.get_execution_history(30)); end $$"
    )
    session = login(both)
    session.execute(f"set role {victim.role}; prepare kept as {OWN_ROWS}".encode())
    for _ in range(7):  # past the custom plans
        assert value(session, "execute kept") == value(session, "select public.counted()") == 3
    session.execute(f"set role {spy.role}".encode())
    assert value(session, "execute kept") == value(session, "select public.counted()") == 2
    session.execute(f"begin; set local role {victim.role}; declare kept_open cursor with hold for {OWN_ROWS}".encode())
    session.execute("commit")
    assert value(session, "execute kept") == 2
    session.execute("set script_tracking.tenant = 'victim'")
    assert value(session, "execute kept") == value(session, "select public.counted()") == 0
    with session.transaction():
        session.execute("reset script_tracking.tenant; reset role; set local plan_cache_mode = force_generic_plan")
        assert value(session, "execute kept") == 5


def test_own_definer_functions_and_views_show_their_owner_no_more(spy: Spy, victim: Victim) -> None:
    told = spy(
        "create function lair.f() returns setof script_tracking.script_execution_s language sql security definer as"
        " 'select * from script_tracking.script_execution_s'",
        "create function lair.h() returns setof text language sql security definer set row_security = off as"
        " 'select h::text from script_tracking.get_execution_history(30) as h'",
        "create view lair.v as select * from script_tracking.get_execution_history(30)",
        "create materialized view lair.m as select * from script_tracking.get_execution_history(30)",
        "create function lair.k() returns bigint language plpgsql security definer set role = script_tracking_auditor"
        " as $$ begin return (select count(*) from script_tracking.get_execution_history(30)); end $$",
        "select count(*) as n from lair.f()",
        "select lair.h()",
        "select count(*) as n from lair.v",
        "select count(*) as n from lair.m",
        "table lair.v",
        "table lair.m",
        "select lair.f()",
        "select lair.k()",
    )
    assert seen(told, victim) == []
    assert value(spy.session, "select count(distinct tenant) from lair.v") == 1
    for read in ("lair.v", "lair.h()", "lair.m"):
        assert value(spy.session, f"select count(*) > 1 from {read}") is True, read


def test_copy_tells_no_more(spy: Spy, victim: Victim) -> None:
    told = b""
    for read in READS:
        with spy.session.cursor().copy(f"copy ({read}) to stdout".encode()) as copied:
            told += b"".join(bytes(part) for part in copied)
    assert b"mine" in told
    assert seen(told.decode().lower(), victim) == []


def test_a_session_of_a_foreign_tenants_name_is_no_member(spy: Spy, victim: Victim, admin: Session) -> None:
    assert value(spy.session, "select count(*) from script_tracking.get_enterprise_dashboard()") == 1
    admin.execute("select script_tracking.revoke_tenant('acme', %s)", (spy.role,))
    assert value(spy.session, OWN_ROWS) == 0
    assert seen(spy(*READS), victim) == []
