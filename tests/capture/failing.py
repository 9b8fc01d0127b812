"""Runs DDL that fails or is rolled back on a real server, and the daemon's own reader until the record tells of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from psycopg import sql
from psycopg.rows import DictRow

from exporter.capture.wal import AttemptReader
from exporter.target import Target
from exporter.targetconfig import CaptureConfig, TargetConfig
from tests.fix_databases import new_database
from tests.fix_sessions import Session, history, value
from tests.installing import installed
from tests.postgres_server import Server

CAPTURED = "attempt_id"  # every record of DDL names its attempt


@contextmanager
def fresh_database(server: Server) -> Iterator[str]:
    """DSN of a database with the schema, for a module."""
    with new_database(server) as dsn:
        asyncio.run(installed(dsn))
        yield dsn


@contextmanager
def silent_writer(session: Session) -> Iterator[None]:
    """The server's background writer stands still, which else notes every 15 seconds which transactions run: what goes
    on then goes on by what was asked for. No database may be dropped meanwhile.
    """
    pid = value(session, "select pid from pg_stat_activity where backend_type = 'background writer'")

    def send(signal: str) -> None:
        program = sql.Literal(f"cat > /dev/null; kill -{signal} {pid}")
        session.execute(sql.SQL("copy (select 1) to program {}").format(program))

    send("STOP")
    try:
        yield
    finally:
        send("CONT")


@asynccontextmanager
async def reading(dsn: str, **settings: object) -> AsyncIterator[AttemptReader]:
    """The daemon's reader at level failures, or whatever level there is."""
    target = Target(TargetConfig.model_validate({"dsn": dsn}))
    try:
        reader = AttemptReader(target, CaptureConfig.model_validate(settings))
        assert await reader.round()
        yield reader
    finally:
        await target.close()


async def recorded(
    reader: AttemptReader, watcher: Session, name: str, expected: int = 1, within: float = 120.0
) -> list[DictRow]:
    """The records of a command tag, once there are as many as expected; nothing is added in two rounds more."""
    end = time.monotonic() + within
    while len(history(watcher, name)) < expected:
        assert time.monotonic() < end, f"{len(history(watcher, name))} records of {name} within {within:g} s"
        assert await reader.round()
        await asyncio.sleep(0.1)
    for _ in range(2):
        assert await reader.round()
    rows = history(watcher, name)
    assert len(rows) == expected
    return rows
