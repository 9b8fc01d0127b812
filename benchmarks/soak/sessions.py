"""The load: sessions that run scripts, and one that cancels and kills among them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import psycopg

from benchmarks.soak.statements import SHARED, Script, Writer

PAUSE_SECONDS = 0.3  # between two scripts of a session: much DDL, and less than would starve two cores
KILL_SECONDS = 0.4
APPLICATION = "soak"


@dataclass
class Load:
    """What the clients saw."""

    scripts: Counter[str] = field(default_factory=Counter)
    sqlstates: Counter[str] = field(default_factory=Counter)
    cancelled: int = 0
    killed: int = 0
    slowest_seconds: float = 0.0
    slowest: str = ""


async def run(dsn: str, sessions: int, seconds: float, seed: int) -> Load:
    """Runs the load for so long, and returns when every session has ended."""
    load = Load()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(f"create table {SHARED} (id bigint, note text)".encode())
    deadline = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(sessions):
            group.create_task(_session(dsn, Writer(number, seed), deadline, load))
        group.create_task(_disturb(dsn, deadline, load, random.Random(seed)))
    return load


async def _session(dsn: str, writer: Writer, deadline: float, load: Load) -> None:
    while time.monotonic() < deadline:
        try:
            connection = await psycopg.AsyncConnection.connect(
                dsn, autocommit=True, application_name=APPLICATION, prepare_threshold=None
            )
        except psycopg.OperationalError:
            await asyncio.sleep(0.2)
            continue
        try:
            while time.monotonic() < deadline:
                script = writer.next()
                await _play(connection, script, load)
                load.scripts[script.kind] += 1
                await asyncio.sleep(PAUSE_SECONDS)
        except psycopg.OperationalError as error:  # killed: another session takes its place
            load.sqlstates[error.sqlstate or "connection lost"] += 1
        finally:
            await connection.close()


async def _play(connection: psycopg.AsyncConnection[tuple[object, ...]], script: Script, load: Load) -> None:
    """Sends the statements; an error in a transaction leads to its end, elsewhere to the next script."""
    for position, statement in enumerate(script.statements):
        began = time.monotonic()
        try:
            await connection.execute(statement.encode())
        except psycopg.Error as error:
            if connection.broken or connection.closed:
                raise
            load.sqlstates[error.sqlstate or "?"] += 1
            rest = script.statements[position + 1 :]
            if connection.info.transaction_status is psycopg.pq.TransactionStatus.INERROR and rest:
                await connection.execute(b"rollback")
            return
        finally:
            seconds = time.monotonic() - began
            if seconds > load.slowest_seconds:
                load.slowest_seconds, load.slowest = seconds, statement


async def _disturb(dsn: str, deadline: float, load: Load, chance: random.Random) -> None:
    """Cancels or kills a session that is busy, now and then."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while time.monotonic() < deadline:
            await asyncio.sleep(KILL_SECONDS)
            cursor = await connection.execute(
                "select pid from pg_stat_activity where application_name = %s and state <> 'idle'", (APPLICATION,)
            )
            pids = [row[0] for row in await cursor.fetchall()]
            if not pids:
                continue
            cancel = chance.random() < 0.6
            with contextlib.suppress(psycopg.Error):
                function = "pg_cancel_backend" if cancel else "pg_terminate_backend"
                await connection.execute(f"select {function}(%s)".encode(), (chance.choice(pids),))
                load.cancelled += cancel
                load.killed += not cancel
