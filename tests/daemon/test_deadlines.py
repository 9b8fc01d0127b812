"""What is asked of a server has an end: here, whatever the server does, and there, whatever becomes of who asked."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from exporter import settler
from exporter.collect.status import TargetStatus
from exporter.database import connect
from exporter.dsn import Dsn
from exporter.errors import TargetUnavailable
from exporter.metricmap import load_own
from exporter.settler import Settler
from exporter.statement import fetch
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from tests.faults.road import Road

PATIENCE_SECONDS = 120.0


async def until(watcher: psycopg.Connection, statement: str, expected: int) -> None:
    """Asks until so many are counted."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while watcher.execute(statement.encode()).fetchone() != (expected,):
            await asyncio.sleep(0.05)


async def test_the_server_ends_what_nobody_waits_for_any_more(database: str) -> None:
    """It would go on to its end, with its locks, and see only then that its client has gone."""
    with psycopg.connect(database, autocommit=True) as watcher:
        session = await connect(Dsn(database), application_name="given up")
        with pytest.raises(TargetUnavailable, match=r"no answer within 0\.2 s"):
            await fetch(session, "select pg_sleep(600)", timeout=0.2)
        await session.close()
        await until(watcher, "select count(*) from pg_stat_activity where application_name = 'given up'", 0)


@pytest.mark.parametrize(("amid", "limit"), [("read_ledger", "READ_SECONDS"), ("install", "INSTALL_SECONDS")])
async def test_a_server_that_falls_silent_amid_the_settling_of_its_schema_keeps_nobody_waiting(
    database: str, monkeypatch: pytest.MonkeyPatch, amid: str, limit: str
) -> None:
    at = urlsplit(database)
    road = Road(at.hostname or "", at.port or 0)
    by_road = at._replace(netloc=f"{at.username}@127.0.0.1:{road.port}").geturl()
    target = Target(TargetConfig(name="shop", dsn=Dsn(by_road)))
    settling = Settler(target, TargetStatus("shop", load_own()), "auto", None)
    step = getattr(settler, amid)

    async def silenced(*arguments: Any, **keywords: Any) -> Any:
        road.silence(True)
        return await step(*arguments, **keywords)

    try:
        with monkeypatch.context() as patched:
            patched.setattr(settler, limit, 0.5)
            patched.setattr(settler, amid, silenced)
            with pytest.raises(TargetUnavailable, match=r"no answer within 0\.5 s"):
                await asyncio.wait_for(settling.settle(), PATIENCE_SECONDS)
        road.silence(False)
        assert await asyncio.wait_for(settling.settle(), PATIENCE_SECONDS), "the next attempt has another session"
    finally:
        await target.close()
        road.close()
