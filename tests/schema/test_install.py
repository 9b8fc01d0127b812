"""Installing: into an empty database, again, by many at once, and what stands in the way."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from exporter.errors import ForeignSchema, QueryFailed
from exporter.schema import installer
from exporter.sqlfiles import migrations, query
from tests.catalog_dump import dump
from tests.fix_databases import new_database
from tests.installing import failed_checks, installed, uninstalled
from tests.postgres_server import Server
from tests.schema.conftest import MakeDatabase
from tests.schema.steps import program, rows, written


async def test_a_fresh_installation_passes_every_check(empty: str) -> None:
    report = await installed(empty)
    assert (report.version, len(report.migrations)) == (len(migrations()),) * 2
    assert await failed_checks(empty) == {}


async def test_again_changes_nothing(empty: str) -> None:
    await installed(empty)
    before = written(empty)
    report = await installed(empty)
    assert not report.changed
    assert program("schema", "install", "--dsn", empty).returncode == 0
    assert written(empty) == before


@pytest.mark.parametrize("databases", [1, pytest.param(4, marks=pytest.mark.majors)])
async def test_twenty_installers_at_once_all_end_well(make_database: MakeDatabase, databases: int) -> None:
    dsns = [make_database() for _ in range(databases)]
    reports = await asyncio.gather(*(installed(dsns[number % databases]) for number in range(20)))
    assert [report.version for report in reports] == [len(migrations())] * 20
    assert sum(report.changed for report in reports) == databases
    for dsn in dsns:
        assert await failed_checks(dsn) == {}
    assert len({dump(dsn) for dsn in dsns}) == 1


async def test_an_older_server_is_refused_by_its_version(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the ones that are too old are no longer to be had, a release that needs one which nobody has yet."""
    monkeypatch.setattr(installer, "OLDEST_SERVER", 99)
    result = program("schema", "install", "--dsn", empty)
    assert (result.returncode, result.stdout) == (1, "")
    (version,) = rows(empty, "select current_setting('server_version') as told")
    assert result.stderr.endswith(f": PostgreSQL 99 or newer is needed, this server has {version['told']}\n")
    assert rows(empty, "select from pg_roles where rolname ~ '^script_tracking'") == []


async def test_an_installer_waits_for_a_slow_one(empty: str) -> None:
    with psycopg.connect(empty) as other:
        other.execute("select pg_advisory_xact_lock(6001874101)")
        waiting = asyncio.create_task(installed(empty))
        await asyncio.sleep(1.5)
        assert not waiting.done()
    assert (await waiting).changed


async def test_who_may_not_install_keeps_no_installer_waiting(empty: str, cluster: Server) -> None:
    """The lock of installations is anybody's to take."""
    rows(cluster.dsn, "create role lowly login")
    try:
        with psycopg.connect(make_conninfo(empty, user="lowly"), autocommit=True) as other:
            other.execute("select pg_advisory_lock(6001874101)")
            assert (await asyncio.wait_for(installed(empty), 120)).changed
            told: list[str] = []
            with psycopg.connect(empty) as connection:
                connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
                connection.execute(query("schema", "lock").encode())
                held = "select relation::regclass::text from pg_locks where pid = pg_backend_pid() and mode = %s"
                locked = connection.execute(held.encode(), ("ShareRowExclusiveLock",)).fetchall()
                assert locked == [("script_tracking_internal.schema_migration",)]
            assert told == [
                f"the lock of installations is held by process {other.info.backend_pid} (lowly), "
                "which may not install: it is not waited for"
            ]
            assert await uninstalled(empty, with_records=True)
    finally:
        rows(cluster.dsn, "drop role lowly")


async def test_an_installer_that_lasts_is_named(empty: str) -> None:
    with psycopg.connect(empty) as other, psycopg.connect(empty) as connection:
        other.execute("select pg_advisory_xact_lock(6001874101)")
        connection.execute("set lock_timeout = '300ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable, match=rf"process {other.info.backend_pid} \(postgres\)"):
            connection.execute(query("schema", "lock").encode())


async def test_a_failing_file_leaves_nothing_and_is_named(empty: str, release: Path) -> None:
    (release / "code" / "report" / "get_system_health.sql").write_text("select 1 / 0;", encoding="utf-8")
    with pytest.raises(QueryFailed, match=r"code/report/get_system_health\.sql: division by zero"):
        await installed(empty, release)
    assert rows(empty, "select nspname from pg_namespace where nspname ~ '^script_tracking'") == []
    assert rows(empty, "select rolname from pg_roles where rolname ~ '^script_tracking'") == []
    assert rows(empty, "select evtname from pg_event_trigger") == []


@pytest.mark.parametrize("schema", ["script_tracking", "script_tracking_internal"])
async def test_somebody_elses_schema_is_refused_and_left_alone(empty: str, schema: str) -> None:
    rows(empty, f"create schema {schema}; create table {schema}.schema_migration (version int)")
    before = rows(empty, "select oid, xmin::text, nspname, nspowner from pg_namespace where nspname ~ '^script'")
    with pytest.raises(ForeignSchema, match=rf"{schema} \(owner postgres\); rename it or drop it"):
        await installed(empty)
    assert (
        rows(empty, "select oid, xmin::text, nspname, nspowner from pg_namespace where nspname ~ '^script'") == before
    )
    for action in ("install", "upgrade", "uninstall", "verify"):
        result = program("schema", action, "--dsn", empty)
        assert result.returncode == 1, action
        assert "somebody else's schema" in result.stdout + result.stderr, action
    status = json.loads(program("schema", "status", "--json", "--dsn", empty).stdout)
    assert status["state"] == "refused"


async def test_a_forged_ledger_is_not_believed(empty: str) -> None:
    rows(empty, "create role mallory")
    try:
        rows(empty, "create schema script_tracking authorization mallory")
        rows(empty, "create schema script_tracking_internal authorization mallory")
        rows(empty, "create view script_tracking_internal.schema_migration as select 1 / 0 as version, '' as name")
        with pytest.raises(ForeignSchema):
            await installed(empty)
    finally:
        rows(empty, "drop schema script_tracking, script_tracking_internal cascade")
        rows(empty, "drop role mallory")


SETTINGS = (
    "search_path = evil, pg_catalog",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_read_only = on",
    "row_security = off",
    "quote_all_identifiers = on",
    "plpgsql.extra_errors = 'all'",
    "check_function_bodies = off",
    "timezone = 'Pacific/Chatham'",
    "datestyle = 'SQL, DMY'",
    "lock_timeout = '1ms'",
    "client_min_messages = 'error'",
    "client_encoding = 'LATIN1'",
    "session_replication_role = replica",
)


@pytest.mark.majors
async def test_a_databases_own_settings_change_nothing(empty: str, make_database: MakeDatabase) -> None:
    name = rows(empty, "select current_database() as name")[0]["name"]
    rows(empty, "create schema evil")
    for function in ("set_config(text, text, boolean) returns text", "pg_advisory_xact_lock(integer) returns void"):
        rows(empty, f"create function evil.{function} language plpgsql as 'begin raise exception $$taken over$$; end'")
    rows(empty, "create function evil.sha256(bytea) returns bytea language sql as 'select null::bytea'")
    for setting in SETTINGS:
        rows(
            make_conninfo(empty, options="-c default_transaction_read_only=off"), f"alter database {name} set {setting}"
        )
    await installed(empty)
    assert await failed_checks(empty) == {}
    plain = make_database()
    await installed(plain)
    assert dump(empty) == dump(plain)


@pytest.mark.majors
async def test_objects_that_stood_before_are_the_baseline_taken_once(empty: str) -> None:
    rows(empty, "create schema shop; create table shop.orders (id int primary key, note text)")
    rows(empty, "create function shop.\"odd name\"(a int, b text) returns int language sql as 'select 1'")
    rows(empty, "create view shop.v as select * from shop.orders; create type shop.mood as enum ('good')")
    await installed(empty)
    baseline = "select object_type, identity from script_tracking_internal.catalog_state order by 1, 2"
    found = {(row["object_type"], row["identity"]) for row in rows(empty, baseline)}
    assert {
        ("schema", "shop"),
        ("table", "shop.orders"),
        ("index", "shop.orders_pkey"),
        ("function", 'shop."odd name"(integer,text)'),
        ("view", "shop.v"),
        ("type", "shop.mood"),
        ("extension", "plpgsql"),
    } <= found
    own = {kind for kind, identity in found if re.match("script_tracking(_internal)?[.]", identity)}
    assert own == {"table", "function"}, "what guards the record"
    rows(empty, "create table shop.later (id int)")
    await uninstalled(empty)
    await installed(empty)
    assert {(row["object_type"], row["identity"]) for row in rows(empty, baseline)} == found


async def test_the_record_starts_empty_of_the_installation_itself(empty: str) -> None:
    await installed(empty)
    assert rows(empty, "select * from script_tracking.script_execution_h") == []
    assert rows(empty, "select last_value, is_called from script_tracking_internal.lost_record_seq") == [
        {"last_value": 1, "is_called": False}
    ]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_of_another_encoding_hashes_the_same_bytes(cluster: Server, encoding: str) -> None:
    with new_database(cluster, encoding=encoding) as database:
        dsn = make_conninfo(database, client_encoding="UTF8")
        await installed(dsn)
        assert await failed_checks(dsn) == {}
        hashed = "select encode(script_tracking.calculate_hash_key(convert_from('\\xc3a9', 'UTF8')), 'hex') as key"
        assert rows(dsn, hashed)[0]["key"] == hashlib.sha256("é".encode()).hexdigest()
