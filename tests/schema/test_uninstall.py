"""Uninstalling: the record stays and stays protected, unless it is asked for too."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tests.catalog_dump import dump
from tests.fix_sessions import meddling
from tests.installing import failed_checks, installed, uninstalled
from tests.schema.conftest import ROLES, MakeDatabase
from tests.schema.steps import program, rows

pytestmark = pytest.mark.majors

RECORD = "select * from script_tracking.script_execution_s order by version_number"
HUB = "select * from script_tracking.script_execution_h order by script_execution_bk"


def use(dsn: str) -> None:
    """Gives a database a record: DDL, a running and a failed operation, a tenant."""
    rows(dsn, "create table public.orders (id int)")
    rows(dsn, "select script_tracking.register_tenant('acme')")
    rows(dsn, "select script_tracking.track_operation('running', 'BATCH', 'acme')")
    rows(
        dsn,
        "select script_tracking.complete_operation(script_tracking.track_operation('failed', 'BATCH', 'acme'), false)",
    )
    rows(dsn, "select script_tracking_internal.roll_up()")


@pytest.fixture
async def used(empty: str) -> str:
    """DSN of a database with a record."""
    await installed(empty)
    use(empty)
    return empty


@pytest.fixture
def used_clone(installed_database: str) -> str:
    """The same, for what would take nothing from the cluster: a clone comes in a fraction of an installation's time."""
    use(installed_database)
    return installed_database


async def test_the_record_is_kept_protected_and_found_again(used: str) -> None:
    record, hub, catalog = rows(used, RECORD), rows(used, HUB), dump(used)
    assert len(record) == 5
    assert await uninstalled(used)
    assert rows(used, "select from pg_event_trigger") == []
    left = rows(used, "select proname from pg_proc where pronamespace::regnamespace::text ~ '^script_tracking'")
    assert [row["proname"] for row in left] == ["protect_record"]
    assert (rows(used, RECORD), rows(used, HUB)) == (record, hub)
    for change in (
        "delete from script_tracking.script_execution_s",
        "update script_tracking.script_execution_h set record_source = 'x'",
        "truncate script_tracking.script_execution_s",
        "truncate script_tracking_internal.script_execution_s_first",
        "set session_replication_role = replica; delete from script_tracking.script_execution_h",
        "set role script_tracking_owner; delete from script_tracking.script_execution_s",
    ):
        with pytest.raises(psycopg.Error) as error:
            rows(used, change)
        assert error.value.sqlstate == "ST001", change
    rows(used, "create table public.unseen (id int)")
    assert not await uninstalled(used), "a second time there is nothing to do"
    await installed(used)
    assert dump(used) == catalog
    assert await failed_checks(used) == {}
    assert (rows(used, RECORD), rows(used, HUB)) == (record, hub)
    totals = "select sum(operations_total) as n from script_tracking_internal.collect_operations()"
    assert rows(used, totals)[0]["n"] == 3
    key = "(select script_execution_hk from script_tracking_internal.running_operation)"
    assert rows(used, f"select script_tracking.complete_operation({key}, true) as done")[0]["done"] is True


async def test_a_reader_sees_nothing_of_a_record_that_nobody_tells_apart(used: str) -> None:
    rows(used, "create role nosy login in role script_tracking_reader, script_tracking_auditor")
    try:
        await uninstalled(used)
        with psycopg.connect(psycopg.conninfo.make_conninfo(used, user="nosy")) as session:
            assert session.execute(RECORD.encode()).fetchall() == []
    finally:
        rows(used, "drop role nosy")


async def test_with_records_nothing_is_left(used: str) -> None:
    assert await uninstalled(used, with_records=True)
    assert rows(used, "select from pg_namespace where nspname ~ '^script_tracking'") == []
    assert rows(used, "select from pg_event_trigger") == []
    assert rows(used, "select from pg_roles where rolname ~ '^script_tracking'") == []
    assert rows(used, "select * from public.orders") == []
    assert not await uninstalled(used, with_records=True)
    await installed(used)
    assert await failed_checks(used) == {}
    assert rows(used, HUB) == []


async def test_records_kept_can_be_removed_later(used: str) -> None:
    await uninstalled(used)
    assert await uninstalled(used, with_records=True)
    assert rows(used, "select from pg_namespace where nspname ~ '^script_tracking'") == []


async def test_roles_stay_while_another_database_uses_them(used: str, make_database: MakeDatabase) -> None:
    other = make_database()
    await installed(other)
    assert await uninstalled(used, with_records=True)
    present = rows(used, "select rolname from pg_roles where rolname ~ '^script_tracking' order by 1")
    assert [row["rolname"] for row in present] == sorted(ROLES)
    assert await failed_checks(other) == {}
    assert await uninstalled(other, with_records=True)
    assert rows(used, "select from pg_roles where rolname ~ '^script_tracking'") == []


# as the rows of functions lie after upgrades: those that others take along come last
MOVED = """
update pg_proc set procost = procost where oid in (
  select d.objid from pg_depend as d join pg_proc as p on p.oid = d.objid
  where d.classid = 'pg_proc'::regclass and d.refclassid in ('pg_proc'::regclass, 'pg_type'::regclass)
    and p.pronamespace in ('script_tracking'::regnamespace, 'script_tracking_internal'::regnamespace))
"""


async def test_functions_that_go_with_others_need_not_be_named_first(empty: str) -> None:
    await installed(empty)
    rows(empty, MOVED)
    assert await uninstalled(empty)
    assert rows(empty, "select from pg_proc where pronamespace = to_regnamespace('script_tracking')") == []


async def test_an_installation_under_way_is_waited_for(empty: str) -> None:
    await installed(empty)
    with psycopg.connect(empty) as other:
        other.execute("select pg_advisory_xact_lock(6001874101)")
        waiting = asyncio.create_task(uninstalled(empty))
        await asyncio.sleep(1)
        assert not waiting.done()
    assert await waiting


S, SI = "script_tracking", "script_tracking_internal"
# what a user built, what is named for it, whether a plain uninstall would take it too
BUILT = (
    (f"create view public.mine as select * from {S}.script_execution_s", "view public.mine", False),
    (f"create materialized view public.mine as select * from {S}.tenant_h", "materialized view public.mine", False),
    (f"create view {S}.mine as select 1 as one", f"view {S}.mine", False),
    (f"create table {SI}.mine (id int)", f"table {SI}.mine", False),
    (
        f"create table public.mine (tenant bytea references {S}.tenant_h)",
        "mine_tenant_fkey on table public.mine",
        False,
    ),
    (f"create table public.mine (r {S}.tenant_h)", "column r of table public.mine", False),
    (f"create table public.mine (id bigint default nextval('{SI}.lost_record_seq'))", "table public.mine", False),
    (f"create view public.mine as select * from {S}.get_system_health()", "view public.mine", True),
    (f"create view public.mine as select * from {SI}.final_version", "view public.mine", True),
    (f"create function public.mine() returns bytea return {S}.calculate_hash_key('x')", "function public.mine()", True),
    (
        f"create event trigger mine on ddl_command_end execute function {S}.event_trigger_ddl_end()",
        "event trigger mine",
        True,
    ),
    (
        f"create view public.first as select * from {S}.get_system_health(); "
        "create view public.second as select * from public.first",
        "view public.first, view public.second",
        True,
    ),
)


@pytest.mark.parametrize(("statement", "named", "either"), BUILT, ids=[statement for statement, _, _ in BUILT])
def test_what_users_built_on_it_is_named_and_not_taken(
    used_clone: str, statement: str, named: str, either: bool
) -> None:
    used = used_clone
    rows(used, meddling(statement))
    before = dump(used)
    result = program("schema", "uninstall", "--with-records", "--yes", "--dsn", used)
    assert (result.returncode, named in result.stderr) == (1, True), result.stderr
    assert dump(used) == before
    assert len(rows(used, RECORD)) >= 4
    result = program("schema", "uninstall", "--dsn", used)
    assert result.returncode == (1 if either else 0)
    assert (named in result.stderr) is either
