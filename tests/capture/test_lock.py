"""The lock by which the readers of capture take turns: it is the owner's, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from structlog.testing import capture_logs

from exporter.capture import wal
from tests.capture.failing import reading, recorded
from tests.fix_logs import told
from tests.fix_sessions import Session, one, opened, value

SI = "script_tracking_internal"
TURNS = (
    f"select started is not null as turn from {SI}.read_messages()",
    f"select unsettled is not null as turn from {SI}.merge_log_errors('{{}}')",
    f"select count(*) > 0 as turn from {SI}.reconcile()",
)


@pytest.fixture
def stranger(shared_database: str, client: Session) -> Iterator[Session]:
    """A session of a role that may connect and nothing else."""
    client.execute("create role stranger login")
    try:
        dsn = make_conninfo(shared_database, user="stranger")
        with opened(dsn) as found:
            yield found
    finally:
        client.execute("drop role stranger")


async def test_whoever_may_only_connect_keeps_no_failure_out_of_the_record(
    shared_database: str, client: Session, stranger: Session
) -> None:
    """It holds each advisory lock that was ever ours."""
    for number in range(6001874101, 6001874110):
        stranger.execute("select pg_advisory_lock(%s)", (number,))
    async with reading(shared_database) as reader:
        with pytest.raises(psycopg.errors.UndefinedObject):
            client.execute("drop server never_made")
        (row,) = await recorded(reader, client, "DROP SERVER")
        assert row["execution_status"] == "FAILED"
        assert [value(client, turn) for turn in TURNS] == [True, True, True]


async def test_two_readers_take_turns_and_neither_waits(shared_database: str, client: Session) -> None:
    async with reading(shared_database):  # it makes the slot
        with opened(shared_database) as other:
            for turn in TURNS:
                with other.transaction():
                    assert value(other, turn) is True
                    client.execute("set statement_timeout = '60s'")
                    assert [value(client, mine) for mine in TURNS] == [False, False, False], turn
                    assert value(client, f"select {SI}.judge_attempts()") == 0
                    # and whoever reads the slot has the lock still
                    assert value(other, turn) is True
            assert [value(client, mine) for mine in TURNS] == [True, True, True]


async def test_a_turn_that_never_comes_is_told_once_with_the_holder(
    shared_database: str, client: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(shared_database) as reader:
        with client.transaction(), capture_logs() as logs:
            assert value(client, f"select {SI}.lock_capture()") is True
            assert await reader.round()
            assert told(logs) == [], "a turn of another for a moment is nothing to tell"
            monkeypatch.setattr(wal, "LOCKED_OUT_SECONDS", 0.3)
            await asyncio.sleep(0.3)
            for _ in range(2):
                assert not await reader.round()
            (line,) = told(logs)
            assert line["event"] == "capture_failed"
            assert line["reason"] == f"kept from its turn for 0.3 s; who has it: pid {client.info.backend_pid}"
        with capture_logs() as logs:
            assert await reader.round()
            assert await reader.round()
            assert [line["event"] for line in told(logs)] == ["capture_recovered"]


async def test_no_statement_of_anybody_meets_the_lock(shared_database: str, client: Session, stranger: Session) -> None:
    """What it locks is a view: no VACUUM or ANALYZE of the database, no dump and no query comes by."""
    held = (
        "select c.relkind::text as kind, l.mode from pg_locks as l join pg_class as c on c.oid = l.relation"
        " where l.pid = pg_backend_pid() and l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')"
    )
    async with reading(shared_database):
        for turn in TURNS:
            with client.transaction():
                assert value(client, turn) is True
                assert one(client, held) == {"kind": "v", "mode": "ShareUpdateExclusiveLock"}
    for take in (f"lock table {SI}.capture_lock in share update exclusive mode", f"select {SI}.lock_capture()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), stranger.transaction():
            stranger.execute(take.encode())
