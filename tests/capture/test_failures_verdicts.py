"""DDL that fails or is rolled back, told apart by its session and its transaction, without the server's log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from tests.capture.failing import reading, recorded
from tests.fix_sessions import Session, history, opened, value

SI = "script_tracking_internal"
LIVES = "select count(*) from pg_stat_activity where pid = %s"


@pytest.fixture
def watcher(shared_database: str) -> Iterator[Session]:
    """A session that does not run the DDL of the test."""
    with opened(shared_database) as found:
        yield found


async def test_a_missing_object_a_wrong_type_and_a_duplicate_are_failures(
    shared_database: str, watcher: Session, client: Session
) -> None:
    async with reading(shared_database) as reader:
        client.execute("create table twice (id int)")
        client.execute("set application_name = 'migration'")
        with pytest.raises(psycopg.errors.DuplicateTable):
            client.execute("create table twice (id int)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            client.execute("drop table never_made")
        with pytest.raises(psycopg.errors.WrongObjectType):
            client.execute("drop view twice")
        (drop_table,) = await recorded(reader, watcher, "DROP TABLE")
        (drop_view,) = await recorded(reader, watcher, "DROP VIEW")
        create_table, duplicate = await recorded(reader, watcher, "CREATE TABLE", 2)
    assert create_table["execution_status"] == "COMPLETED"
    for row in (drop_table, drop_view, duplicate):
        assert (row["execution_status"], row["evidence"], row["tenant"]) == ("FAILED", "wal", "system")
        assert row["db_session_user"] == client.info.user
        assert row["metadata"]["pid"] == client.info.backend_pid
        assert row["metadata"]["application_name"] == "migration"
        assert row["duration_seconds"] is None, "no end was announced"
    counted = value(
        watcher,
        "select operations_bucket from script_tracking_internal.collect_operation_durations()"
        " where tenant = 'system' and script_type = 'DDL' and le = 'Infinity'",
    )
    known = [row for row in history(watcher) if row["script_type"] == "DDL" and row["duration_seconds"] is not None]
    assert counted == len(known) > 0
    assert duplicate["sql_command"] == "create table twice (id int)"


async def test_a_lock_timeout_a_statement_timeout_and_a_cancel_are_failures(
    shared_database: str, watcher: Session, client: Session
) -> None:
    with opened(shared_database) as holder:
        holder.execute("create sequence held")
        async with reading(shared_database) as reader:  # first: a slot is not made while a transaction writes
            holder.execute("begin; alter sequence held cache 2")
            client.execute("set lock_timeout = '20ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                client.execute("alter sequence held cache 3")
            await recorded(reader, watcher, "ALTER SEQUENCE", 1)
            client.execute("set lock_timeout = 0; set statement_timeout = '2s'")
            with pytest.raises(psycopg.errors.QueryCanceled):
                client.execute("alter sequence held cache 3")
            client.execute("set statement_timeout = 0")
            waiting = asyncio.create_task(asyncio.to_thread(client.execute, "alter sequence held cache 4"))
            while not value(watcher, "select count(*) from pg_locks where not granted"):
                await asyncio.sleep(0.02)
            # it runs: nothing is said of it, whatever the reader does
            await recorded(reader, watcher, "ALTER SEQUENCE", 2)
            watcher.execute("select pg_cancel_backend(%s)", (client.info.backend_pid,))
            with pytest.raises(psycopg.errors.QueryCanceled):
                await waiting
            rows = await recorded(reader, watcher, "ALTER SEQUENCE", 3)
            holder.execute("rollback")
            rows = await recorded(reader, watcher, "ALTER SEQUENCE", 4)
    assert [row["execution_status"] for row in rows] == ["ROLLED_BACK", "FAILED", "FAILED", "FAILED"]


async def test_a_transaction_or_a_savepoint_rolled_back_is_told_from_a_failure(
    shared_database: str, watcher: Session, client: Session
) -> None:
    async with reading(shared_database) as reader:
        client.execute("begin; create schema gone; rollback")
        client.execute("begin; savepoint s; create schema gone; rollback to s; create schema kept; commit")
        client.execute("begin; create schema open")
        rows = await recorded(reader, watcher, "CREATE SCHEMA", 3)
        assert {row["execution_status"] for row in rows} == {"ROLLED_BACK", "COMPLETED"}
        client.execute("commit")
        tables = " ".join(f"create table t{number:02} ()" for number in range(30))
        client.execute(f"begin; create schema many {tables}; rollback".encode())
        *rows, many = await recorded(reader, watcher, "CREATE SCHEMA", 5)
    found = [(row["execution_status"], row["evidence"], row["affected_objects"]) for row in rows]
    gone = ("ROLLED_BACK", "wal", ["gone"])
    assert found == [gone, gone, ("COMPLETED", "trigger", ["kept"]), ("COMPLETED", "trigger", ["open"])]
    assert "objects" not in rows[0]["metadata"], "of which the history of objects is made"
    assert many["affected_objects"] == ["many", *(f"many.t{number:02}" for number in range(19))]
    assert rows[0]["duration_seconds"] is not None


async def test_an_error_that_a_block_catches_is_the_inner_failure_of_an_outer_success(
    shared_database: str, watcher: Session, client: Session
) -> None:
    async with reading(shared_database) as reader:
        client.execute(
            "do $$ begin create type mood as enum ('sad'); begin create type mood as enum ('ok');"
            " exception when duplicate_object then create domain caught as int; end; end $$"
        )
        rows = await recorded(reader, watcher, "CREATE TYPE", 2)
        (domain,) = await recorded(reader, watcher, "CREATE DOMAIN")
    assert [row["execution_status"] for row in rows] == ["COMPLETED", "FAILED"]
    assert domain["execution_status"] == "COMPLETED"


async def test_a_session_killed_in_the_middle_is_an_interruption(shared_database: str, watcher: Session) -> None:
    with opened(shared_database) as holder, opened(shared_database) as killed:
        holder.execute("create view seen as select 1 as one")
        holder.execute("begin; lock table seen in access share mode")
        async with reading(shared_database) as reader:
            waiting = asyncio.create_task(asyncio.to_thread(killed.execute, "alter view seen rename to unseen"))
            while not value(watcher, "select count(*) from pg_locks where not granted"):
                await asyncio.sleep(0.02)
            watcher.execute("select pg_terminate_backend(%s)", (killed.info.backend_pid,))
            with pytest.raises(psycopg.OperationalError):
                await waiting
            (row,) = await recorded(reader, watcher, "ALTER VIEW")
    assert row["execution_status"] == "INTERRUPTED"
    assert "killed" in row["metadata"]["verdict_note"]
    # that was said because nothing else was known: with the error from the server's log it is not
    watcher.execute(
        f"update {SI}.attempt set sqlstate = '42P01', log_evidence = '{{}}' where attempt_id = %s".encode(),
        (row["metadata"]["attempt_id"],),
    )
    watcher.execute(f"select {SI}.record_attempt(%s)".encode(), (row["metadata"]["attempt_id"],))
    (revised,) = history(watcher, "ALTER VIEW")
    assert (revised["execution_status"], revised["error_sqlstate"]) == ("FAILED", "42P01")
    assert "verdict_note" not in revised["metadata"]


async def test_a_client_that_leaves_after_its_error_was_not_interrupted(shared_database: str, watcher: Session) -> None:
    async with reading(shared_database) as reader:
        with opened(shared_database) as brief, pytest.raises(psycopg.errors.UndefinedFunction):
            brief.execute("drop function never_made()")
        (row,) = await recorded(reader, watcher, "DROP FUNCTION")
    assert row["execution_status"] == "FAILED"


@pytest.mark.parametrize(("end", "status"), [("commit", "COMPLETED"), ("rollback", "ROLLED_BACK")])
async def test_a_prepared_transaction_is_not_final_before_its_end(
    shared_database: str, watcher: Session, end: str, status: str
) -> None:
    before = len(
        watcher.execute(
            "select from script_tracking.script_execution_h where script_execution_bk like 'CREATE COLLATION%'"
        ).fetchall()
    )
    async with reading(shared_database) as reader:
        with opened(shared_database) as preparing:
            pid = preparing.info.backend_pid
            preparing.execute(f"begin; create collation by_{end} from \"C\"; prepare transaction 'held_{end}'".encode())
        while value(watcher, LIVES, pid):
            await asyncio.sleep(0.02)
        await recorded(reader, watcher, "CREATE COLLATION", before)  # its session has gone, and nothing is said
        watcher.execute(f"{end} prepared 'held_{end}'".encode())
        rows = await recorded(reader, watcher, "CREATE COLLATION", before + 1)
    assert rows[-1]["execution_status"] == status


async def test_a_concurrent_index_that_fails_names_the_invalid_index_that_it_leaves(
    shared_database: str, watcher: Session, client: Session
) -> None:
    client.execute("create table duplicates (id int); insert into duplicates values (1), (1)")
    async with reading(shared_database) as reader:
        with pytest.raises(psycopg.errors.UniqueViolation):
            client.execute("create unique index concurrently only_once on duplicates (id)")
        (first,) = await recorded(reader, watcher, "CREATE INDEX")
        client.execute("create index concurrently often on duplicates (id)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            client.execute("create unique index concurrently on duplicates (id)")
        with pytest.raises(psycopg.errors.UndefinedColumn):
            client.execute("create index concurrently on duplicates (nothing)")
        rows = await recorded(reader, watcher, "CREATE INDEX", 4)
    assert (first["execution_status"], first["affected_objects"]) == ("FAILED", ["public.only_once"])
    assert first["metadata"]["invalid_indexes"] == ["public.only_once"]
    assert [row["execution_status"] for row in rows] == ["FAILED", "COMPLETED", "FAILED", "FAILED"]
    assert rows[2]["affected_objects"] == ["public.duplicates_id_idx"]
    assert rows[3]["affected_objects"] is None, "what others have left is not its own"


async def test_a_concurrent_reindex_that_fails_names_the_invalid_index_that_it_leaves(
    shared_database: str, watcher: Session, client: Session
) -> None:
    client.execute(
        "create function once(i int) returns int immutable language sql as 'select i';"
        " create table rebuilt (id int); create index by_once on rebuilt (once(id)); insert into rebuilt values (1);"
        " create or replace function once(i int) returns int immutable language sql as 'select i / 0'"
    )
    async with reading(shared_database) as reader:
        with pytest.raises(psycopg.errors.DivisionByZero):
            client.execute("reindex index concurrently by_once")
        # before 17 no event is fired for it: without the server's log it leaves no record
        rows = await recorded(reader, watcher, "REINDEX", 1 if client.info.server_version >= 170000 else 0)
    for row in rows:
        assert (row["execution_status"], row["affected_objects"]) == ("FAILED", ["public.by_once_ccnew"])


async def test_the_extended_protocol_fails_and_rolls_back_like_the_simple_one(
    shared_database: str, watcher: Session, client: Session
) -> None:
    async with reading(shared_database) as reader:
        for _ in range(2):
            with pytest.raises(psycopg.errors.UndefinedObject):
                client.execute("drop operator class missing using btree", prepare=True)
        # without a transaction of its own a pipeline is one up to its end
        with pytest.raises(psycopg.errors.UniqueViolation), client.pipeline():
            client.execute("create text search dictionary taken (template = simple)")
            client.execute("create text search dictionary taken (template = simple)", prepare=True)
        prepared = await recorded(reader, watcher, "DROP OPERATOR CLASS", 2)
        pipelined = await recorded(reader, watcher, "CREATE TEXT SEARCH DICTIONARY", 2)
    assert [row["execution_status"] for row in prepared] == ["FAILED", "FAILED"]
    assert [row["execution_status"] for row in pipelined] == ["ROLLED_BACK", "FAILED"]
    assert len({row["metadata"]["batch_id"] for row in prepared}) == 2


async def test_a_failure_is_not_blamed_on_an_index_that_somebody_else_builds(
    shared_database: str, watcher: Session, client: Session
) -> None:
    client.execute("create table busy (id int)")
    with opened(shared_database) as builder, opened(shared_database) as holder:
        async with reading(shared_database) as reader:
            before = len(history(watcher, "CREATE INDEX"))
            holder.execute("begin; insert into busy values (1)")
            building = asyncio.create_task(
                asyncio.to_thread(builder.execute, "create index concurrently innocent on busy (id)")
            )
            while not value(
                watcher, "select count(*) from pg_index where not indisvalid and indrelid = 'busy'::regclass"
            ):
                await asyncio.sleep(0.02)
            with pytest.raises(psycopg.errors.UndefinedTable):
                client.execute("create index on nope (id)")
            client.execute("set lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                client.execute("create index on busy (id)")
            rows = await recorded(reader, watcher, "CREATE INDEX", before + 2)
            holder.execute("rollback")
            await building
    assert [(row["execution_status"], row["affected_objects"]) for row in rows[before:]] == [("FAILED", None)] * 2


async def test_an_open_transaction_of_thousands_keeps_no_other_failure_waiting(
    shared_database: str, watcher: Session, client: Session
) -> None:
    client.execute("create table much ()")
    with opened(shared_database) as patient:
        async with reading(shared_database) as reader:
            patient.execute(
                "begin; do $$ begin for n in 1 .. 2050 loop"
                " execute format('comment on table much is %L', n); end loop; end $$"
            )
            with pytest.raises(psycopg.errors.DuplicateTable):
                client.execute("create materialized view much as select 1 as one")
            (row,) = await recorded(reader, watcher, "CREATE MATERIALIZED VIEW")
            patient.execute("rollback")
    assert row["execution_status"] == "FAILED"
