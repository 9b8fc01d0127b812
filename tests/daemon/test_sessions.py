"""The sessions that the daemon opens, whatever the database's own settings are."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from exporter.database import connect
from exporter.dsn import Dsn
from exporter.statement import fetch
from tests.installing import as_program

KEPT = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3, socket.TCP_USER_TIMEOUT: 20000}


async def test_nothing_is_compiled_for_a_collection(installed_database: str) -> None:
    """Debian's server, for one, compiles what the planner deems expensive: counting 200 rows took 2 s, not 6 ms."""
    name = sql.Identifier(urlsplit(installed_database).path.removeprefix("/"))
    with psycopg.connect(installed_database, autocommit=True) as admin:
        admin.execute(sql.SQL("alter database {} set jit = on").format(name))
    async with as_program(installed_database) as connection:
        assert await fetch(connection, "show jit", timeout=60) == [{"jit": "off"}]


async def test_each_statement_has_its_limits_and_the_session_none(database: str) -> None:
    """What is the session's would be another's behind a pooler."""
    names = (
        "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "transaction_read_only",
        "search_path", "application_name",
    )  # fmt: skip
    asked = ", ".join(f"current_setting('{name}') as {name}" for name in names)
    connection = await connect(Dsn(database), application_name="limited")
    try:
        (within,) = await fetch(connection, f"select {asked}", timeout=60, statement_timeout=7, read_only=True)
        after = await (await connection.execute(f"select {asked}")).fetchone()
        with socket.socket(fileno=os.dup(connection.fileno())) as wire:
            kept = {option: wire.getsockopt(socket.IPPROTO_TCP, option) for option in KEPT}
            alive = wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    finally:
        await connection.close()
    assert list(within.values()) == ["200ms", "7s", "1min", "on", "pg_catalog, pg_temp", "limited"]
    assert after is not None
    assert list(after.values()) == ["0", "0", "0", "off", '"$user", public', "limited"]
    assert (alive, kept) == (1, KEPT), "a server that is gone without a word is noticed"


async def test_an_opening_that_is_cancelled_leaves_no_session(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as watcher:
        gc.disable()  # which would close the sessions some time
        try:
            for step in range(30):
                opening = asyncio.create_task(connect(Dsn(database), application_name="cancelled"))
                await asyncio.sleep(step / 1000)
                opening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await (await opening).close()
            left = "select count(*) from pg_stat_activity where application_name = 'cancelled'"
            async with asyncio.timeout(60):
                while watcher.execute(left).fetchone() != (0,):
                    await asyncio.sleep(0.05)
        finally:
            gc.enable()


async def test_one_cancelled_between_its_opening_and_its_use_is_closed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()
    opened: list[psycopg.AsyncConnection] = []

    async def held_up(self: psycopg.AsyncConnection, value: bool | None) -> None:
        opened.append(self)
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(psycopg.AsyncConnection, "set_read_only", held_up)
    opening = asyncio.create_task(connect(Dsn(database), application_name="cancelled"))
    await asyncio.wait_for(reached.wait(), 60)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert [connection.closed for connection in opened] == [True]
