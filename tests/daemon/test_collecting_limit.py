"""A server works on few collections at a time, however many of its databases are watched."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from exporter import door
from exporter.collect.collector import TargetCollector
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import TargetStatus
from exporter.dsn import Dsn
from exporter.metricmap import CollectorSpec, load_own
from exporter.sessions import Sessions
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from tests.postgres_server import Server

TARGETS = 6
FUNCTION = """
create function public.slow(out value double precision) language sql volatile as 'select 1 from pg_sleep(0.3)'
"""
SPEC = CollectorSpec.model_validate(
    {
        "name": "slow",
        "function": "public.slow",
        "interval": "1h",
        "timeout": "30s",
        "minimum_version": 1,
        "metrics": [{"name": "script_tracking_slow", "type": "gauge", "help": "Slow.", "value": "value"}],
    }
)
ACTIVE = """
select count(*)::integer from pg_stat_activity
where wait_event = 'PgSleep' and application_name like 'script-tracking-exporter%%' and datname = %s
"""


@pytest.fixture
def watcher(postgres: Server) -> Iterator[psycopg.Connection]:
    """A superuser's session with another database."""
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        yield connection


@contextlib.asynccontextmanager
async def collectors(dsn: str, sessions: Sessions) -> AsyncIterator[list[TargetCollector]]:
    """What collects from several targets of one server."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(FUNCTION)
    snapshot, own = Snapshot(), load_own()
    for metric in [*own.values(), *SPEC.metrics]:
        snapshot.declare(metric, metric.help)
    targets = [Target(TargetConfig(name=f"shop{number}", dsn=Dsn(dsn)), sessions) for number in range(TARGETS)]
    for one in targets:
        one.schema_version = 1
    try:
        yield [TargetCollector(one, [SPEC], snapshot, TargetStatus(one.name, own)) for one in targets]
    finally:
        for one in targets:
            await one.close()


async def most_at_work(watcher: psycopg.Connection, database: str, made: list[TargetCollector]) -> int:
    """Has all collect at once, and tells how many of them the server worked on at the same time."""
    jobs = [asyncio.create_task(one.collect_all()) for one in made]
    most = 0
    async with asyncio.timeout(120):
        while not all(job.done() for job in jobs):
            row = await asyncio.to_thread(lambda: watcher.execute(ACTIVE, [Dsn(database).dbname]).fetchone())
            most = max(most, row[0] if row else 0)
            await asyncio.sleep(0.01)
    assert [job.result() for job in jobs] == [True] * TARGETS
    return most


async def test_a_server_works_on_so_many_collections_at_a_time(
    database: str, watcher: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "YIELDING_SECONDS", 60.0)
    sessions = Sessions(collecting=2)
    async with collectors(database, sessions) as made:
        assert await most_at_work(watcher, database, made) == 2
        sessions.limit_to(100, 20, 4)
        assert await most_at_work(watcher, database, made) == 4


async def test_those_that_take_long_hold_nobody_up(
    database: str, watcher: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "YIELDING_SECONDS", 0.01)
    async with collectors(database, Sessions(collecting=1)) as made:
        assert await most_at_work(watcher, database, made) > 1


def test_each_server_has_a_limit_of_its_own_while_it_is_watched() -> None:
    sessions = Sessions(collecting=2)
    one = sessions.server("db1.example:5432")
    assert sessions.server("db1.example:5432") is one
    assert sessions.server("db2.example:5432") is not one


async def test_who_waits_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "NEWS_SECONDS", 0.01)
    monkeypatch.setattr(door, "YIELDING_SECONDS", 60.0)
    server, signs = Sessions(collecting=1).server("db1.example:5432"), 0

    def lives() -> None:
        nonlocal signs
        signs += 1

    async def waits() -> None:
        async with server.through(lives):
            pass

    async with server.through():
        waiting = asyncio.create_task(waits())
        async with asyncio.timeout(60):
            while signs < 3:
                await asyncio.sleep(0.01)
        assert not waiting.done()
    await waiting
