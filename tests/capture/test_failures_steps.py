"""Each step of a round for itself: nothing is read twice, judged too early, or guessed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest

from exporter.capture.wal import AttemptReader
from tests.capture.failing import reading, recorded
from tests.fix_sessions import Session, one, opened, value

SI = "script_tracking_internal"
VERDICTS = f"select verdict, verdict_note from {SI}.attempt where tag = %s order by started_at"
LEVEL = "select level, lacks from script_tracking_internal.collect_capture()"


def verdicts(watcher: Session, tag: str) -> list[tuple[str | None, str | None]]:
    """What was judged of the attempts of a command tag, oldest first."""
    return [(row["verdict"], row["verdict_note"]) for row in watcher.execute(VERDICTS.encode(), (tag,)).fetchall()]


@asynccontextmanager
async def under_way(dsn: str, reader: AttemptReader, name: str) -> AsyncIterator[asyncio.Task[object]]:
    """An ALTER VIEW that was announced and waits for a lock until the block ends."""
    with opened(dsn) as holder, opened(dsn) as runner:
        holder.execute(f"create view {name} as select 1 as one".encode())
        holder.execute(f"begin; lock table {name} in access share mode".encode())
        alter = f"alter view {name} rename to {name}_renamed".encode()
        waiting: asyncio.Task[object] = asyncio.create_task(asyncio.to_thread(runner.execute, alter))
        waits = "select count(*) from pg_locks where pid = %s and not granted"
        while not value(holder, waits, runner.info.backend_pid):
            await asyncio.sleep(0.02)
        assert await reader.round()
        try:
            yield waiting
        finally:
            with suppress(psycopg.OperationalError):  # the server may have crashed
                holder.execute("rollback")
            await asyncio.wait({waiting})


async def test_what_is_not_forgotten_yet_is_not_taken_twice(shared_database: str, client: Session) -> None:
    """As if the exporter had died between the step that takes it and the one that lets the server forget it."""
    read = f"select started, refused, behind from {SI}.read_messages()"
    async with reading(shared_database) as reader:
        with pytest.raises(psycopg.errors.UndefinedObject):
            client.execute("drop server never_made")
        client.execute(f"select {SI}.flush_messages()".encode())
        assert one(client, read)["started"] == 1
        assert one(client, read)["started"] == 0
        (row,) = await recorded(reader, client, "DROP SERVER")
    assert row["execution_status"] == "FAILED"


async def test_what_was_read_is_on_the_disk_before_the_slot_forgets_it(shared_database: str, client: Session) -> None:
    async with reading(shared_database) as reader:
        client.execute("set synchronous_commit = off")
        with suppress(psycopg.errors.UndefinedTable):
            client.execute("alter table read_by_nobody_yet add column more text")
        client.execute(f"select {SI}.flush_messages()".encode())
        client.execute("begin")
        assert value(client, f"select started from {SI}.read_messages()") == 1
        assert value(client, "show synchronous_commit") == "local"
        client.execute("rollback")
        client.execute("set synchronous_commit = on")
        await recorded(reader, client, "ALTER TABLE")


async def test_nothing_is_judged_before_the_log_was_read_to_its_end(shared_database: str, client: Session) -> None:
    async with reading(shared_database) as reader:
        async with under_way(shared_database, reader, "early"):
            pass
        client.execute(f"select {SI}.note_activity()".encode())
        over = f"select past_lsn is not null from {SI}.attempt where tag = 'ALTER VIEW'"
        assert value(client, over) is True, "it is seen to be over"
        client.execute(f"select {SI}.judge_attempts()".encode())
        assert verdicts(client, "ALTER VIEW") == [(None, None)]
        (row,) = await recorded(reader, client, "ALTER VIEW")
        assert verdicts(client, "ALTER VIEW") == [("COMPLETED", None)]
    assert row["execution_status"] == "COMPLETED"


def test_a_session_that_has_the_process_number_of_another_is_not_that_one(client: Session) -> None:
    client.execute(
        f"insert into {SI}.attempt (attempt_id, started_at, pid, tag, payload, incarnation)"
        " select md5(''), pg_postmaster_start_time(), pg_backend_pid(), 'DROP CAST', '{\"stmt\": 9999999999999999}',"
        f" i.incarnation from {SI}.installation as i".encode()
    )
    assert value(client, f"select {SI}.note_activity()") == 1
    assert one(client, f"select gone, past_at is null as runs from {SI}.attempt where tag = 'DROP CAST'") == {
        "gone": True,
        "runs": False,
    }
    client.execute(f"delete from {SI}.attempt where tag = 'DROP CAST'".encode())


async def test_beside_a_loss_only_an_aborted_transaction_is_certain(shared_database: str, client: Session) -> None:
    async with reading(shared_database) as reader:
        client.execute("begin; savepoint s; create sequence doubtful; rollback to s; commit")
        client.execute("begin; create sequence undone; rollback")
        client.execute(f"select {SI}.count_loss('COMMENT', '00000', 'somebody else''s')".encode())
        (row,) = await recorded(reader, client, "CREATE SEQUENCE")
        lost, rolled_back = verdicts(client, "CREATE SEQUENCE")
    assert row["execution_status"] == "ROLLED_BACK"
    assert "undone" in row["sql_command"]
    assert lost == ("LOST", "rolled back to a savepoint, or among the records that were lost meanwhile")
    assert rolled_back == ("ROLLED_BACK", None)


async def test_another_slot_than_that_which_was_read_makes_no_failure(shared_database: str, client: Session) -> None:
    async with reading(shared_database) as reader:
        async with under_way(shared_database, reader, "unread"):
            client.execute(f"select pg_drop_replication_slot({SI}.slot_name())".encode())
        client.execute(f"select {SI}.create_slot()".encode())  # the reader meets one, and does not look again
        for _ in range(2):
            assert await reader.round()
        assert verdicts(client, "ALTER VIEW")[-1] == ("LOST", "the log was not read from where the last reader stopped")


async def test_without_its_publication_the_level_falls_and_what_was_open_is_given_up(
    installed_database: str, admin: Session
) -> None:
    async with reading(installed_database) as reader:
        async with under_way(installed_database, reader, "unheard"):
            admin.execute("drop publication script_tracking_capture")
            async with reading(installed_database):
                assert one(admin, LEVEL) == {"level": "basic", "lacks": "publication"}
            assert verdicts(admin, "ALTER VIEW") == [("LOST", "the level fell to basic")]
        admin.execute("create publication script_tracking_capture")
        reader._probe.due = 0.0
        for _ in range(3):
            await reader.round()
    # before 18 the server decodes nothing of the time without it: that slot has to go, which is told
    dropped = one(admin, f"select slots_dropped, slot_drop_reason from {SI}.capture_state")
    if admin.info.server_version >= 180000:
        assert (one(admin, LEVEL)["level"], dropped["slots_dropped"]) == ("failures", 0)
    else:
        assert (one(admin, LEVEL)["lacks"], dropped["slots_dropped"]) == ("slot_dropped", 1)
        assert "script_tracking_capture" in dropped["slot_drop_reason"]


async def test_a_crash_of_the_server_interrupts_what_was_under_way(installed_database: str, admin: Session) -> None:
    async with reading(installed_database) as reader:
        async with under_way(installed_database, reader, "crashed") as waiting:
            admin.execute("checkpoint")  # what the reader has noted is not what the crash takes
            with pytest.raises(psycopg.OperationalError):
                admin.execute("copy (select 1) to program 'kill -9 $PPID'")
            with pytest.raises(psycopg.OperationalError):
                await waiting
        end = time.monotonic() + 60
        while not await reader.round():
            assert time.monotonic() < end
            await asyncio.sleep(0.1)
        with opened(installed_database) as again:
            (row,) = await recorded(reader, again, "ALTER VIEW")
    assert row["execution_status"] == "INTERRUPTED"
    assert row["metadata"]["verdict_note"] == "the server was stopped or crashed"
