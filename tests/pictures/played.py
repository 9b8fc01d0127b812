"""What happens on the stage besides the demo's teams: another database's jobs, a close of books in steps, auditors."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg

from exporter.demo.playground import TENANTS
from tests.fix_exporter import Exporter

RELEASE_SECONDS = 150.0  # between two releases of a team: marks of schema changes are to leave the curves to be seen
ACKNOWLEDGE_SECONDS = 5.0
_BILLED = (("invoice-run", "BATCH"), ("dunning", "BATCH"), ("ledger-export", "REPORT"))
_TRACK = "select script_tracking.track_operation(%s, %s, %s, parent_hk => %s)"
_COMPLETE = "select script_tracking.complete_operation(%s, %s, %s, %s)"
_ACKNOWLEDGED = """
select script_tracking.acknowledge_change(change_id, 'made for a picture') from script_tracking.get_untracked_changes()
where acknowledged_at is null
"""

Session = psycopg.AsyncConnection


async def invoice(dsn: str, exporter: Exporter, token: str) -> None:
    """The other database: jobs of all tenants, now and then a change of its schema, and a program that asks the API."""
    chance = random.Random(11)
    number, released = 0, -RELEASE_SECONDS
    async with await Session.connect(dsn, autocommit=True) as session:
        for tenant in TENANTS:
            await session.execute("select script_tracking.grant_tenant(%s, current_user)", (tenant,))
        while True:
            number += 1
            name, kind = chance.choice(_BILLED)
            key = await begin(session, name, kind, chance.choice(TENANTS))
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            sqlstate = chance.choice(("23505", "40001")) if chance.random() < 0.03 else None
            await _complete(session, key, sqlstate)
            now = asyncio.get_running_loop().time()
            if now - released > RELEASE_SECONDS:
                released = now
                await session.execute(f"create table invoice_{number} (id bigint primary key)".encode())
                await session.execute(f"create index on invoice_{number} (id)".encode())
            if number % 5 == 0:
                await asyncio.to_thread(exporter.get, "/api/v1/targets", Authorization=f"Bearer {token}")


async def close_of_books(dsn: str, tenant: str) -> str:
    """An operation with steps of its own, one of which fails and is done again; its key, hexadecimal."""
    async with await Session.connect(dsn, autocommit=True) as session:
        whole = await begin(session, "monthly-close", "BATCH", tenant)
        for name, kind, sqlstate in (
            ("post-invoices", "BATCH", None),
            ("reconcile-stock", "IMPORT", "40001"),
            ("reconcile-stock", "IMPORT", None),
            ("ledger-report", "REPORT", None),
        ):
            step = await begin(session, name, kind, tenant, whole)
            if kind == "REPORT":
                await _complete(session, await begin(session, "balance-sheet", "REPORT", tenant, step), None)
            await asyncio.sleep(0.2)
            await _complete(session, step, sqlstate)
        await _complete(session, whole, None)
    return whole.hex()


@asynccontextmanager
async def held_up(dsn: str, tenant: str) -> AsyncIterator[None]:
    """A declared change that waits for somebody's transaction, and a reader that waits behind it."""
    table = f"{tenant}.price_list"
    async with AsyncExitStack() as stack:
        holder, changing, reading = [
            await stack.enter_async_context(await Session.connect(dsn, autocommit=True)) for _ in range(3)
        ]
        await holder.execute("select script_tracking.grant_tenant(%s, current_user)", (tenant,))
        await begin(changing, "price-list", "BATCH", tenant)
        await holder.execute(f"create table {table} (item text primary key, cents integer)".encode())
        await holder.execute("begin")
        await holder.execute(f"table {table}".encode())
        waiting = [asyncio.create_task(changing.execute(f"alter table {table} add column since date".encode()))]
        await asyncio.sleep(ACKNOWLEDGE_SECONDS)
        waiting.append(asyncio.create_task(reading.execute(f"table {table}".encode())))
        try:
            yield
        finally:
            await holder.execute("rollback")
            await asyncio.gather(*waiting)


async def acknowledge(dsn: str) -> None:
    """Says of what a comparison finds, whenever it does, that it is known: the other database is on the same server."""
    async with await Session.connect(dsn, autocommit=True) as session:
        while True:
            await session.execute(_ACKNOWLEDGED.encode())
            await asyncio.sleep(ACKNOWLEDGE_SECONDS)


async def begin(session: Session, name: str, kind: str, tenant: str, parent: bytes | None = None) -> bytes:
    """The key of an operation that runs from now on."""
    cursor = await session.execute(_TRACK, (name, kind, tenant, parent))
    (key,) = await cursor.fetchone() or (b"",)
    return bytes(key)


async def _complete(session: Session, key: bytes, sqlstate: str | None) -> None:
    message = sqlstate and "could not serialize access"
    await session.execute(_COMPLETE, (key, sqlstate is None, message, sqlstate))
