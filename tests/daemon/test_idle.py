"""A database in which nothing happens is asked less, and what it tells again as it was is not made anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from exporter import answer, metricmap, statement, watch
from exporter.collect import collector as collecting
from exporter.collect.snapshot import Snapshot
from exporter.config import Config, LimitsConfig
from exporter.database import connect
from exporter.dsn import Dsn
from exporter.fleet import Fleet
from exporter.target import IDLE_AFTER_SECONDS
from exporter.targetconfig import TargetConfig
from exporter.upkeep.keeper import FIRST, IDLE_SECONDS, INTERVALS_SECONDS
from tests.fix_sessions import Session

SPECS = {spec.name: spec for spec in metricmap.load()}
TRACK = "select script_tracking.complete_operation(script_tracking.track_operation('x', 'BATCH'), true)"


@pytest.fixture
def admin(installed_database: str) -> Iterator[Session]:
    with psycopg.connect(installed_database, autocommit=True, row_factory=dict_row) as session:
        yield session


@asynccontextmanager
async def watched(dsn: str) -> Any:
    """A watch of a database whose schema is settled, none of its tasks begun, and its snapshot."""
    snapshot, own = Snapshot(), metricmap.load_own()
    for metric in own.values():
        snapshot.declare(metric, metric.help)
    config = Config.model_validate({"targets": [{"name": "shop", "dsn": dsn}]})
    (made,) = Fleet(snapshot, own).build(config, [TargetConfig(name="shop", dsn=Dsn(dsn))])
    try:
        await made.schema.settle()
        await made.target.probe()
        yield made, snapshot
    finally:
        await made.target.close()


async def until(condition: Callable[[], object]) -> None:
    """Waits for it, and not for ever."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def _idle(made: watch.Watch) -> None:
    made.target._seen_at -= IDLE_AFTER_SECONDS + 1


async def test_what_is_told_again_is_not_made_anew_and_what_changes_is(
    admin: Session, installed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(installed_database) as (made, snapshot):
        answers = []
        prepare = made.collector._teller.prepare

        async def noting(spec: Any, answer: Any) -> Any:
            answers.append(answer)
            return await prepare(spec, answer)

        monkeypatch.setattr(made.collector._teller, "prepare", noting)
        for _ in range(2):
            await made.collector.collect(SPECS["operations"])
        assert [answer.is_known for answer in answers] == [False, True]
        assert answers[1].rows == []
        before = snapshot.exposition(openmetrics=False)
        assert b"script_tracking_operations_total{" in before

        admin.execute(TRACK)
        admin.execute("select script_tracking_internal.roll_up()")
        await made.collector.collect(SPECS["operations"])
        batch = b'script_type="BATCH",status="COMPLETED",target="shop",tenant="system"} 1.0'
        assert batch not in before
        assert batch in snapshot.exposition(openmetrics=False)

        made.collector.caps.limits = LimitsConfig(samples=1)
        await made.collector.collect(SPECS["operations"])
        assert not answers[-1].is_known, "other limits leave other samples"
        await made.collector.collect(SPECS["operations"])
        assert not answers[-1].is_known, "what is dropped is counted each time"
        assert made.status.get("dropped_series", collector="operations") > 1

        made.collector.caps.limits = LimitsConfig()
        await made.collector.collect(SPECS["operations"])
        made.collector.withdraw()
        assert b"script_tracking_operations_total{" not in snapshot.exposition(openmetrics=False)
        await made.collector.collect(SPECS["operations"])
        assert batch in snapshot.exposition(openmetrics=False)


async def test_what_is_told_again_holds_as_long_as_if_it_were_made_anew(
    installed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr("exporter.collect.snapshot.monotonic", lambda: now)
    monkeypatch.setattr("exporter.collect.digest.monotonic", lambda: now)
    monkeypatch.setattr(collecting, "monotonic", lambda: now)
    async with watched(installed_database) as (made, snapshot):

        def is_told() -> tuple[bool, bool]:
            text = snapshot.exposition(openmetrics=False)
            return b"script_tracking_capture_level_info{" in text, made.collector.digester.digest().capture is not None

        spec = SPECS["capture"]
        kept = collecting.STALE_AFTER_INTERVALS * spec.interval + spec.timeout
        await made.collector.collect(spec)
        now += kept - 1
        assert is_told() == (True, True)
        await made.collector.collect(spec)  # as before
        now += kept - 1
        assert is_told() == (True, True)
        now += 2
        assert is_told() == (False, False)
        await made.collector.collect(spec)
        assert is_told() == (True, True)


async def test_capture_and_upkeep_ask_less_until_something_happens(admin: Session, installed_database: str) -> None:
    async with watched(installed_database) as (made, _):
        attempts, server_log, _ = made._readers
        upkeep = {timer.job: timer for timer in made._keeper._timers}
        for reader in made._readers:
            assert await reader.round()
        level = admin.execute("select capture_level from script_tracking_internal.installation").fetchone()
        quick = 5.0 if level == {"capture_level": "basic"} else 0.0
        assert (made.target.is_idle, attempts.pause) == (False, quick)
        _idle(made)
        assert made.target.is_idle
        assert attempts.pause == max(quick, 2.0)
        assert server_log.pause in (2.0, 5.0), "where there is none to be read it is asked for by the probe alone"
        upkeep["derive_links"].due = upkeep["interrupt_operations"].due = 0.0
        admin.execute("update script_tracking_internal.upkeep_run set ran_at = '-infinity'")
        assert await made._keeper.round()
        assert {job: upkeep[job].interval for job in IDLE_SECONDS} == IDLE_SECONDS

        admin.execute(TRACK)
        for job in ("roll_up", *IDLE_SECONDS):
            upkeep[job].due = 0.0
        admin.execute("update script_tracking_internal.upkeep_run set ran_at = '-infinity'")
        assert await made._keeper.round()
        assert not made.target.is_idle
        assert upkeep["derive_links"].interval == INTERVALS_SECONDS["derive_links"]


class Reader:
    """A reader of which is known when it was asked."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.rounds = 0

    async def round(self) -> bool:
        """One more."""
        self.rounds += 1
        return True


async def test_a_reader_that_pauses_is_not_asked_and_holds_no_other_up(
    installed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "CAPTURE_TICK_SECONDS", 0.01)
    async with watched(installed_database) as (made, _):
        made.collector.attempted.set()
        resting, busy = Reader(3600), Reader(0)
        made._readers = (resting, busy)
        task = asyncio.create_task(made.capture())
        await until(lambda: busy.rounds >= 20)
        assert resting.rounds == 1
        resting.pause = 0
        await until(lambda: resting.rounds >= 3)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_whether_it_answers_is_asked_less_where_nothing_happens(
    installed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "PROBE_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(collecting, "IDLE_PROBE_INTERVAL_SECONDS", 3600.0)
    async with watched(installed_database) as (made, _):
        made.collector.adopt([])
        asked = 0
        probe = made.target.probe

        async def counting() -> None:
            nonlocal asked
            asked += 1
            await probe()

        monkeypatch.setattr(made.target, "probe", counting)
        task = asyncio.create_task(made.collector.run())
        await until(lambda: asked >= 5)
        _idle(made)
        before = asked
        await asyncio.sleep(1)
        assert asked <= before + 2, "one that was under way, and one that found it idle"
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_of_upkeep_only_what_tells_where_the_database_is_comes_before_the_first_snapshot(
    installed_database: str,
) -> None:
    async with watched(installed_database) as (made, _):
        runs = made._keeper.runs
        task = asyncio.create_task(made._keep_house())
        await until(lambda: runs[FIRST])
        await asyncio.sleep(0.3)
        assert sum(runs.values()) == 1
        made.collector.attempted.set()
        assert await task
        assert set(runs.values()) == {1}, "each job once, the first one included"
        assert made.status.get("upkeep_success") == 1


async def test_upkeep_does_not_wait_for_ever_for_the_first_snapshot(
    installed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FIRST_SECONDS", 0.05)
    async with watched(installed_database) as (made, _):
        assert await made._keep_house()
        assert set(made._keeper.runs.values()) == {1}


async def test_whether_it_answers_is_asked_at_once_where_a_session_broke(
    installed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "PROBE_INTERVAL_SECONDS", 3600.0)
    monkeypatch.setattr(collecting, "IDLE_PROBE_INTERVAL_SECONDS", 3600.0)
    async with watched(installed_database) as (made, _):
        made.collector.adopt([])
        asked = []
        probe = made.target.probe

        async def noting() -> None:
            asked.append(time.monotonic())
            await probe()

        monkeypatch.setattr(made.target, "probe", noting)
        task = asyncio.create_task(made.collector.run())
        await until(lambda: asked and not made.target.doubted.is_set())
        await asyncio.sleep(0.1)
        assert len(asked) == 1
        with suppress(Exception):
            await made.target.fetch("select pg_terminate_backend(pg_backend_pid())", timeout=30)
        await until(lambda: len(asked) >= 2)
        assert made.target.up is True
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_nobody_asks_for_again_is_not_looked_through_for_a_mark(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = list[int]()
    mark = answer._mark

    async def noting(result: Any) -> int | None:
        looked.append(result.ntuples)
        return await mark(result)

    monkeypatch.setattr(answer, "_mark", noting)
    connection = await connect(Dsn(database), application_name="tests")
    try:
        rows = await statement.fetch(connection, "select n from generate_series(1, 500) as n", timeout=30)
        assert (len(rows), looked) == (500, [])
        await statement.call(connection, "pg_catalog.pg_backend_pid", timeout=30)
        assert looked == [1]
    finally:
        await connection.close()
