"""Behind a pooler in transaction mode a server's session goes from client to client: we leave nothing in it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest
from psycopg.rows import dict_row

from exporter.collect.collector import configured
from exporter.database import Connection
from exporter.metricmap import load
from exporter.schema.installer import install
from exporter.schema.plan import read_ledger
from exporter.schema.uninstall import uninstall
from exporter.schema.verify import verify
from exporter.statement import call, fetch
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from exporter.upkeep.keeper import Keeper
from tests.capture.failing import reading, recorded
from tests.fix_exporter import StartExporter
from tests.fix_sessions import MakeRole, Session, history, value
from tests.harmless.pooler import Pooler
from tests.installing import as_program

NextClient = psycopg.Connection[tuple[object, ...]]

# but for what pgbouncer itself sets for each client, and for what each transaction begins with anew
SETTINGS = """
select name, setting, source from pg_settings
where source = 'session' and name not in ('application_name', 'client_encoding', 'DateStyle', 'TimeZone',
  'standard_conforming_strings', 'IntervalStyle') and name not like 'transaction_%' order by name
"""


@pytest.fixture
def next_client(pooler: Pooler, database: str) -> Iterator[NextClient]:
    """Somebody else who gets the same session of the server."""
    with psycopg.connect(pooler.dsn(database), autocommit=True, prepare_threshold=None) as connection:
        yield connection


def _session(client: NextClient) -> tuple[object, list[tuple[object, ...]]]:
    """Which session of the server the client gets, and what has been set in it."""
    row = client.execute("select pg_backend_pid()").fetchone()
    assert row is not None
    return row[0], client.execute(SETTINGS).fetchall()


async def _everything(target: Target, connection: Connection) -> None:
    """What the daemon and the command do in a database."""
    await install(connection)
    await install(connection, restore=True)
    assert [check.name for check in await verify(connection) if not check.ok] == []
    target.schema_version = (await read_ledger(connection)).version
    await target.probe()
    for spec in configured(load(), {}):
        async with target.sessions.session() as session:
            await call(session.connection, spec.function, timeout=spec.timeout)
    assert await Keeper(target).round()
    assert await uninstall(connection, with_records=False)


@pytest.mark.majors
async def test_the_next_client_finds_none_of_our_settings(
    pooler: Pooler, database: str, next_client: NextClient
) -> None:
    fresh = _session(next_client)
    config = TargetConfig(name="shop", dsn=pooler.dsn(database))
    target = Target(config)
    try:
        async with as_program(pooler.dsn(database)) as connection:
            await _everything(target, connection)
            (row,) = await fetch(connection, "select pg_backend_pid() as pid", timeout=60)
            assert row["pid"] == fresh[0]
    finally:
        await target.close()
    assert _session(next_client) == fresh


async def test_what_others_set_in_the_session_is_not_for_us(
    pooler: Pooler, database: str, next_client: NextClient
) -> None:
    next_client.execute("create schema evil")
    next_client.execute("create function evil.pg_backend_pid() returns int language sql as 'select -1'")
    for setting in (
        "search_path = evil, pg_catalog",
        "statement_timeout = '1ms'",
        "default_transaction_read_only = on",
    ):
        next_client.execute(f"set {setting}".encode())
    async with as_program(pooler.dsn(database)) as connection:
        slow = "select pg_backend_pid() as pid, pg_sleep(0.05), current_setting('transaction_read_only') as read_only"
        (row,) = await fetch(connection, slow, timeout=30)
        assert row["pid"] == next_client.execute("select pg_catalog.pg_backend_pid()").fetchone()[0]  # type: ignore[index]
        assert row["read_only"] == "off"
        assert await fetch(connection, "show jit", timeout=60) == [{"jit": "off"}]


@pytest.mark.majors
def test_the_daemon_installs_collects_and_keeps_house_through_it(
    pooler: Pooler, database: str, next_client: NextClient, exporter: StartExporter
) -> None:
    fresh = _session(next_client)
    target = {"target": "shop"}
    running = exporter(pooler.dsn(database), collectors={"operations": {"interval": "1s"}})
    running.wait_for_value(1, "script_tracking_collector_success", **target, collector="operations")
    next_client.execute("create table public.t (id int)")
    ddl = {"tenant": "system", "script_type": "DDL", "status": "COMPLETED"}
    running.wait_for_value(1, "script_tracking_operations_total", **target, **ddl)
    for spec in load():
        running.wait_for_value(1, "script_tracking_collector_success", **target, collector=spec.name)
    for task in ("upkeep", "capture"):
        running.wait_for_value(1, f"script_tracking_{task}_success", **target)
    assert _session(next_client) == fresh
    assert running.stop() == 0
    # a statement that the end broke off takes the server's session with it
    assert _session(next_client)[1] == fresh[1]


@pytest.fixture
def clients(pooler: Pooler, installed_database: str) -> Iterator[tuple[Session, Session]]:
    """Two clients of a tracked database, who get the same session of the server in turn."""
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(
                psycopg.connect(
                    pooler.dsn(installed_database), autocommit=True, prepare_threshold=None, row_factory=dict_row
                )
            )
            for _ in range(2)
        )
        pid = "select pg_backend_pid()"
        assert value(first, pid) == value(second, pid)
        yield first, second


@pytest.mark.parametrize("binary", [False, True], ids=["simple", "extended"])
def test_no_statement_takes_anything_over_from_the_client_before(
    clients: tuple[Session, Session], binary: bool
) -> None:
    """With `binary` psycopg speaks the extended protocol, unprepared."""
    first, second = clients
    with first.transaction():
        for setting in ("tenant = 'acme'", "app_user = 'joe'", "change_ref = 'CR-1'"):
            first.execute(f"set local script_tracking.{setting}".encode())
        first.execute("set local role script_tracking_app; set local role none")
        first.execute("create table public.a (id int)", binary=binary)
    with pytest.raises(psycopg.errors.DuplicateTable):
        first.execute("create table public.a (id int)", binary=binary)
    with pytest.raises(psycopg.errors.RaiseException):
        first.execute("do $$ begin drop table public.a; raise exception 'no'; end $$", binary=binary)
    first.execute("select pg_sleep(0.3)", binary=binary)
    took = []
    for statement in (b"create table public.b (id int)", b"drop table public.b"):
        began = time.monotonic()
        second.execute(statement, binary=binary)
        took.append(time.monotonic() - began)
    recorded = [row for row in history(second) if row["execution_status"] == "COMPLETED"]
    assert [(row["script_name"], row["affected_objects"]) for row in recorded] == [
        ("CREATE TABLE", ["public.a"]),
        ("CREATE TABLE", ["public.b"]),
        ("DROP TABLE", ["public.b"]),
    ]
    claimed, created, dropped = (row["metadata"] for row in recorded)
    assert "acme" in str(claimed)
    for metadata, row, seconds in ((created, recorded[1], took[0]), (dropped, recorded[2], took[1])):
        assert not {"acme", "joe", "CR-1"}.intersection(re.findall(r"[\w-]+", str(metadata)))
        assert row["duration_seconds"] < seconds, "longer than its client saw, it is reckoned from another's start"
        assert not metadata.get("nested")
        assert metadata.get("parent_hk") is None
    assert created.get("batch_id", 1) != claimed.get("batch_id", 2)


def test_the_session_user_and_the_role_are_those_of_each_client(
    clients: tuple[Session, Session], make_role: MakeRole
) -> None:
    first, second = clients
    group = make_role()
    first.execute(f"grant create on schema public to {group}".encode())
    with first.transaction():
        first.execute(f"set local role {group}".encode())
        first.execute("create table public.theirs ()")
    second.execute("create table public.mine ()")
    theirs, mine = history(second, "CREATE TABLE")
    assert theirs["db_session_user"] == mine["db_session_user"] == second.info.user
    assert (theirs["metadata"]["effective_role"], mine["metadata"].get("effective_role", second.info.user)) == (
        group,
        second.info.user,
    )


def test_an_operation_ends_in_another_transaction_than_it_began_in(clients: tuple[Session, Session]) -> None:
    first, second = clients
    key = value(first, "select script_tracking.track_operation('nightly', 'BATCH')")
    second.execute("create table public.t ()")
    assert value(second, "select script_tracking.complete_operation(%s, true)", key) is True
    assert value(first, "select script_tracking.complete_operation(%s, true)", key) is False
    assert [row["execution_status"] for row in history(first, "nightly")] == ["COMPLETED"]


async def test_what_fails_belongs_to_its_client_and_not_to_the_next(
    clients: tuple[Session, Session], admin: Session, installed_database: str
) -> None:
    first, second = clients
    async with reading(installed_database) as reader:
        first.execute("begin; set local application_name = 'first'; create view gone as select 1 as one")
        with pytest.raises(psycopg.errors.DuplicateTable):
            first.execute("create view gone as select 1 as one", binary=True)
        first.rollback()
        second.execute("create view kept as select 1 as one")
        with pytest.raises(psycopg.errors.UndefinedTable):
            second.execute("drop table never_made")
        rows = await recorded(reader, admin, "CREATE VIEW", 3)
        (missing,) = await recorded(reader, admin, "DROP TABLE")
    assert [row["execution_status"] for row in rows] == ["ROLLED_BACK", "FAILED", "COMPLETED"]
    assert [row["metadata"].get("application_name") for row in (*rows, missing)] == ["first", "first", None, None]
    assert missing["execution_status"] == "FAILED"
    assert len({row["metadata"]["pid"] for row in (*rows, missing)}) == 1, "the clients shared the server's session"
