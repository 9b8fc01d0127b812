"""Two sessions a database at most, a limit for all together, and none is left behind whatever goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from exporter import door, targetsessions
from exporter import sessions as house
from exporter.capture.reconcile import Reconciler
from exporter.capture.wal import AttemptReader
from exporter.collect.collector import TargetCollector
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import TargetStatus
from exporter.dsn import Dsn
from exporter.errors import QueryFailed, TargetUnavailable
from exporter.metricmap import CollectorSpec, load, load_own
from exporter.sessions import Session, Sessions
from exporter.target import Target
from exporter.targetconfig import CaptureConfig, TargetConfig
from exporter.targetsessions import TargetSessions
from tests.faults.road import Road
from tests.fix_exporter import StartExporter, eventually
from tests.postgres_server import Server

pytestmark = pytest.mark.majors

FAULTS = int(os.environ.get("SESSION_FAULTS", "60"))
OURS = """
select count(*)::int from pg_stat_activity where datname = %s and application_name like 'script-tracking-exporter%%'
"""


def _count(watcher: psycopg.Connection, dsn: str) -> int:
    row = watcher.execute(OURS, (urlsplit(dsn).path.removeprefix("/"),)).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def watcher(postgres: Server) -> Iterator[psycopg.Connection]:
    """A superuser's session with another database."""
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        yield connection


@asynccontextmanager
async def watched(dsn: str, sessions: Sessions | None = None) -> AsyncIterator[Target]:
    target = Target(TargetConfig(name="shop", dsn=Dsn(dsn)), sessions)
    try:
        yield target
    finally:
        await target.close()


def collector_of(target: Target, snapshot: Snapshot, specs: Sequence[CollectorSpec] = ()) -> TargetCollector:
    own = load_own()
    for metric in [*own.values(), *(metric for spec in specs for metric in spec.metrics)]:
        snapshot.declare(metric, metric.help)
    return TargetCollector(target, specs, snapshot, TargetStatus("shop", own))


async def settled(condition: object, within: float = 120.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


def test_a_daemon_that_does_everything_has_two_sessions(
    installed_database: str, watcher: psycopg.Connection, exporter: StartExporter
) -> None:
    running = exporter(installed_database)
    for task in ("upkeep", "capture"):
        running.wait_for_value(1, f"script_tracking_{task}_success", target="shop")
    for spec in load():
        running.wait_for_value(1, "script_tracking_collector_success", target="shop", collector=spec.name)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if _count(watcher, installed_database) > 2:  # the server is slower to forget one that was closed
            eventually(lambda: _count(watcher, installed_database) <= 2, 30)
        time.sleep(0.01)
    running.wait_for_value(1000, "script_tracking_exporter_sessions_limit")
    assert running.value("script_tracking_exporter_sessions_open") in (1, 2)
    assert (running.value("script_tracking_exporter_sessions_opened_total") or 0) >= 1
    assert running.stop() == 0
    eventually(lambda: _count(watcher, installed_database) == 0, 30)


async def test_a_long_job_of_upkeep_holds_up_neither_capture_nor_collection(installed_database: str) -> None:
    async with watched(installed_database) as target:
        target.schema_version, target.up = len(os.listdir("sql/migrations")), True
        snapshot = Snapshot()
        collector = collector_of(target, snapshot, load())
        readers = AttemptReader(target, CaptureConfig()), Reconciler(target, 60)
        job = asyncio.create_task(target.fetch("select pg_sleep(600)", timeout=600))
        await settled(lambda: target.sessions.count == 1)

        async def capture() -> None:
            for reader in readers:
                assert await reader.round()

        async with asyncio.timeout(120):
            await asyncio.gather(capture(), collector.collect_all())
        assert not job.done()
        assert target.sessions.count == 2
        assert b'collector_success{collector="operations",target="shop"} 1.0' in snapshot.exposition(openmetrics=False)
        job.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await job


async def test_silence_is_told_although_others_wait_in_both_sessions(
    installed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house, "NEWS_SECONDS", 0.2)
    at = urlsplit(installed_database)
    road = Road(at.hostname or "", at.port or 0)
    try:
        async with watched(at._replace(netloc=f"{at.username}@127.0.0.1:{road.port}").geturl()) as target:
            collector = collector_of(target, Snapshot())
            collecting = asyncio.create_task(collector.run())
            await settled(lambda: target.up is True)
            async with target.sessions.session(), target.sessions.session():
                asked = road.welcomed
                await settled(lambda: road.welcomed > asked + 3)
                assert target.up is True, "who has both sessions may take its time while the server answers"
                road.silence(True)
                await settled(lambda: target.up is False)
                assert "not to a new connection either" in str(target.reason)
                road.silence(False)
            await settled(lambda: target.up is True)
            collecting.cancel()
            await asyncio.wait([collecting])
    finally:
        road.close()


async def test_beyond_the_limit_targets_take_turns(
    database: str, watcher: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions(limit=2)
    served: list[int] = []
    given: list[TargetSessions] = []
    turn = sessions.turn

    async def noted(of: TargetSessions, on_wait: Callable[[], Awaitable[None]]) -> Session | None:
        session = await turn(of, on_wait)
        given.append(of)
        return session

    monkeypatch.setattr(sessions, "turn", noted)
    pids: set[int] = set()

    async def work(number: int, target: Target) -> None:
        for _ in range(3):
            (row,) = await target.fetch("select pg_backend_pid() as pid, pg_sleep(0.02)", timeout=30)
            pids.add(row["pid"])
            served.append(number)
            assert sessions.open <= 2

    async with contextlib.AsyncExitStack() as stack:
        targets = [await stack.enter_async_context(watched(database, sessions)) for _ in range(6)]
        await asyncio.gather(*(work(number, target) for number, target in enumerate(targets)))
        assert len(set(given[:6])) == 6, "nobody has a second turn before everybody had a first one"
        assert sorted(served) == sorted([*range(6)] * 3)
        assert sessions.waits > 0 and sessions.waited_seconds > 0
        assert sessions.opened == len(pids) > 2
        await settled(lambda: _count(watcher, database) <= 2)
        sessions.limit_to(1, 20)
        assert sessions.open == 1
    assert sessions.open == 0
    await settled(lambda: _count(watcher, database) == 0)


async def test_a_lower_limit_closes_what_was_used_at_that_moment_once_it_is_not(database: str) -> None:
    sessions = Sessions(limit=3)
    async with contextlib.AsyncExitStack() as stack:
        targets = [await stack.enter_async_context(watched(database, sessions)) for _ in range(3)]
        async with contextlib.AsyncExitStack() as using:
            for target in targets:
                await using.enter_async_context(target.sessions.session())
            sessions.limit_to(1, 20)
            assert sessions.open == 3, "nothing is broken off"
        assert sessions.open == 1
        await asyncio.gather(*(target.fetch("select 1", timeout=30) for target in targets))
        assert sessions.open == 1
    assert sessions.open == 0


async def test_at_the_limit_a_second_session_costs_no_other_its_only_one(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else hundreds of targets close one another's sessions over and over, and each new one plans everything anew."""
    monkeypatch.setattr(house, "NEWS_SECONDS", 3600.0)
    sessions = Sessions(limit=2)
    async with watched(database, sessions) as quiet, watched(database, sessions) as busy:
        await quiet.fetch("select 1", timeout=30)
        await asyncio.gather(*(busy.fetch("select pg_sleep(0.02)", timeout=30) for _ in range(5)))
        assert (sessions.opened, quiet.sessions.count, busy.sessions.count) == (2, 1, 1)
        monkeypatch.setattr(house, "PATIENCE_SECONDS", 0.05)
        await asyncio.gather(*(busy.fetch("select pg_sleep(0.2)", timeout=30) for _ in range(3)))
        assert (sessions.opened, quiet.sessions.count, busy.sessions.count) == (2, 1, 1)
        monkeypatch.setattr(house, "NEWS_SECONDS", 0.05)
        monkeypatch.setattr(house, "REST_SECONDS", 3600.0)  # in which the quiet one's was used
        await asyncio.gather(*(busy.fetch("select pg_sleep(0.2)", timeout=30) for _ in range(3)))
        assert (sessions.opened, quiet.sessions.count, busy.sessions.count) == (2, 1, 1)
        monkeypatch.setattr(house, "REST_SECONDS", 0.0)
        async with busy.sessions.session():  # a job of an hour, say
            await busy.fetch("select 1", timeout=30)
        assert (sessions.opened, quiet.sessions.count, busy.sessions.count) == (3, 0, 2)
        async with watched(database, sessions) as another:  # has none yet, and takes a second one rather than an only
            await quiet.fetch("select 1", timeout=30)
            assert (quiet.sessions.count, busy.sessions.count) == (1, 1)
            await another.fetch("select 1", timeout=30)
        assert sessions.opened == 5
    assert sessions.open == 0


async def test_a_target_has_no_third_session_and_an_idle_second_one_goes(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(database) as target:
        monkeypatch.setattr(house, "PATIENCE_SECONDS", 3600.0)
        await asyncio.gather(*(target.fetch("select pg_sleep(0.05)", timeout=30) for _ in range(5)))
        assert target.sessions.count == 1, "whoever waits but a moment opens none"
        monkeypatch.setattr(house, "PATIENCE_SECONDS", 0.05)
        await asyncio.gather(*(target.fetch("select pg_sleep(0.2)", timeout=30) for _ in range(5)))
        assert target.sessions.count == 2
        monkeypatch.setattr(targetsessions, "IDLE_SECONDS", 0.0)
        await target.fetch("select 1", timeout=30)
        assert target.sessions.count == 1


async def test_few_are_let_in_at_a_time_and_one_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(connecting=3)
    inside, most = 0, 0

    async def quick() -> None:
        nonlocal inside, most
        async with sessions.door.through():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    async def hanging() -> None:
        async with sessions.door.through():
            await asyncio.Event().wait()

    await asyncio.gather(*(quick() for _ in range(50)))
    assert most == 3
    monkeypatch.setattr(door, "YIELDING_SECONDS", 0.2)
    stuck = [asyncio.create_task(hanging()) for _ in range(10)]
    await asyncio.sleep(0)
    await asyncio.wait_for(quick(), 30)
    for task in stuck:
        task.cancel()
    await asyncio.wait(stuck)
    monkeypatch.undo()
    most = 0
    await asyncio.gather(*(quick() for _ in range(50)))
    assert most == 3


async def _terminated(target: Target, watcher: psycopg.Connection, name: str) -> None:
    job = asyncio.create_task(target.fetch("select pg_sleep(60) as ended", timeout=90))
    # its own text: that of another fault may stand beside it, or have been the last of an idle session
    kill = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and query like '%%(60) as ended'"
    await settled(lambda: bool(watcher.execute(kill + " and state = 'active'", (name,)).fetchall()))
    with pytest.raises(TargetUnavailable):
        await job


async def _cancelled(target: Target, watcher: psycopg.Connection, name: str) -> None:
    # should a busy server not take the cancel in time, the statement goes on to its end: before the last look
    job = asyncio.create_task(target.fetch("select pg_sleep(15)", timeout=90))
    await asyncio.sleep(0.01)  # amid the opening, the statement or its beginning
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job


async def _hung_up(target: Target, watcher: psycopg.Connection, name: str) -> None:
    with pytest.raises(TargetUnavailable):
        await target.fetch("select pg_sleep(2)", timeout=0.02)


async def _refused(target: Target, watcher: psycopg.Connection, name: str) -> None:
    target.sessions.retire()
    watcher.execute(sql.SQL("alter database {} allow_connections false").format(sql.Identifier(name)))
    try:
        with pytest.raises(TargetUnavailable):
            await target.fetch("select 1", timeout=30)
    finally:
        watcher.execute(sql.SQL("alter database {} allow_connections true").format(sql.Identifier(name)))


async def _failed(target: Target, watcher: psycopg.Connection, name: str) -> None:
    with pytest.raises(QueryFailed):
        await target.fetch("select 1/0", timeout=30)


async def test_no_session_is_left_behind_by_faults(database: str, watcher: psycopg.Connection) -> None:
    """SESSION_FAULTS=1000 for many: `make test-faults`."""
    name = urlsplit(database).path.removeprefix("/")
    sessions = Sessions()
    async with watched(database, sessions) as target:
        for number in range(FAULTS):
            fault = (_terminated, _cancelled, _hung_up, _refused, _failed)[number % 5]
            both = [fault(target, watcher, name)]
            if number % 3 == 0 and fault is not _refused:
                beside = _failed if fault is _cancelled else _cancelled
                both.append(beside(target, watcher, name))
            await asyncio.gather(*both)
            assert sessions.open == target.sessions.count <= 2
            (row,) = await target.fetch("select 1 as one", timeout=30)
            assert row["one"] == 1
        await settled(lambda: _count(watcher, database) == sessions.open <= 2)
    assert sessions.open == 0
    await settled(lambda: _count(watcher, database) == 0)
