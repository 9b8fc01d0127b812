"""Under much DDL: the reader keeps nobody from a turn, decodes in a fresh session, and keeps the slot's start young."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import psycopg
import pytest

from exporter.capture import wal
from tests.capture.failing import reading, recorded, silent_writer
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, value

SI = "script_tracking_internal"
READERS = "select pid from pg_stat_activity where application_name = 'script-tracking-exporter'"
BEHIND = (
    "select (pg_current_wal_insert_lsn() - restart_lsn)::bigint from pg_replication_slots"
    f" where slot_name = {SI}.slot_name()"
)
KEPT = f"select catalog_xmin::text::bigint from pg_replication_slots where slot_name = {SI}.slot_name()"


def fail(client: Session, name: str) -> None:
    """A DDL statement that is announced and fails."""
    with suppress(psycopg.errors.UndefinedTable):
        client.execute(f"alter table {name} add column more text".encode())


def takes_notes_when_asked(client: Session) -> bool:
    """Whether the server notes which transactions run when it is asked to; by itself it does so every 15 seconds."""
    asked = value(client, "select to_regprocedure('pg_log_standby_snapshot()') is not null")
    assert asked == (client.info.server_version >= 160000)
    return bool(asked)


def readers(client: Session) -> set[int]:
    """Processes of the capture's sessions with this database."""
    return {row["pid"] for row in client.execute((READERS + " and datname = current_database()").encode())}


async def test_a_turn_ends_although_there_is_more_to_read(
    shared_database: str, client: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(shared_database) as reader:
        before = value(client, f"select read_lsn from {SI}.capture_state")
        monkeypatch.setattr(wal, "READING_SECONDS", 0.0)
        fail(client, "absent_now")
        assert await reader.round()
        assert value(client, f"select read_lsn from {SI}.capture_state") == before
        monkeypatch.undo()
        await recorded(reader, client, "ALTER TABLE")


async def test_after_a_slow_read_another_session_goes_on(
    shared_database: str, client: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(shared_database) as reader:
        before = readers(client)
        fail(client, "absent_a_while")
        monkeypatch.setattr(wal, "SLOW_READ_SECONDS", 0.0)
        assert await reader.round()
        assert await reader.round()
        eventually(lambda: not readers(client) & before, 30)  # the server is slower to forget those that were closed
        after = readers(client)
        assert after
        monkeypatch.setattr(wal, "SLOW_READ_SECONDS", 3600.0)  # none is slow any more, whatever the machine does
        assert await reader.round()
        eventually(lambda: not readers(client) & after, 30)
        kept = readers(client)
        assert await reader.round()
        assert readers(client) == kept


async def test_the_start_of_the_slot_follows_without_waiting_for_the_server(
    shared_database: str, client: Session
) -> None:
    if not takes_notes_when_asked(client):
        return
    async with reading(shared_database) as reader:
        end = time.monotonic() + 300
        client.execute("create table if not exists much as select repeat('x', 1000) from generate_series(1, 20000)")
        assert int(str(value(client, BEHIND))) > 8388608
        with silent_writer(client):
            while int(str(value(client, BEHIND))) > 8388608:  # transactions of other databases may hold it for a moment
                assert time.monotonic() < end
                fail(client, "absent_still")
                assert await reader.round()
                await asyncio.sleep(0.05)


async def test_the_horizon_of_the_catalogs_follows_without_waiting_for_the_server(
    shared_database: str, client: Session
) -> None:
    if not takes_notes_when_asked(client):
        return
    async with reading(shared_database) as reader, asyncio.timeout(300):
        for _ in range(5):
            begun = int(str(value(client, "select pg_current_xact_id()")))
            for _ in range(150):
                client.execute("select pg_current_xact_id()")
            with silent_writer(client):
                while int(str(value(client, KEPT))) < begun:  # transactions of other databases may hold it for a moment
                    assert await reader.round()
                    await asyncio.sleep(0.02)
