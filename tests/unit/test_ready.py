"""Ready is who has tried every target, and goes on trying."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from exporter import schedule
from exporter.collect import collector
from exporter.collect.collector import TargetCollector
from exporter.configfile import from_dsn
from exporter.daemon import Daemon
from exporter.dsn import Dsn
from exporter.errors import TargetUnavailable
from exporter.metricmap import CollectorSpec
from exporter.target import Target


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which the monotonic clock is ahead."""
    ahead = [0.0]
    real = schedule.monotonic
    monkeypatch.setattr(schedule, "monotonic", lambda: real() + ahead[0])
    return ahead


async def test_a_collection_that_hangs_is_not_ready_and_a_database_that_does_not_answer_is(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    config = from_dsn(Dsn("postgresql://nobody@127.0.0.1:1/none"))
    daemon = Daemon(config, lambda: config)
    assert daemon.not_ready() == "no snapshot yet"
    (watch,) = daemon.fleet.build(config, config.targets)
    daemon._applied = True
    hang = asyncio.Event()
    hanging = asyncio.Event()

    async def probe(_target: Target) -> None:
        if hang.is_set():
            hanging.set()
            await asyncio.Event().wait()
        raise TargetUnavailable

    monkeypatch.setattr(Target, "probe", probe)
    monkeypatch.setattr(schedule.BackOff, "next", lambda _back_off: 0.05)
    collecting = asyncio.create_task(watch.collector.run())
    await watch.collector.attempted.wait()
    assert daemon.not_ready() is None, "that the database does not answer is for script_tracking_up"
    clock[0] += 3600
    assert daemon.not_ready() == "collection stalls: 127.0.0.1:1/none"
    async with asyncio.timeout(60):
        while daemon.not_ready() is not None:  # until it has gone on
            await asyncio.sleep(0.02)
    hang.set()
    await hanging.wait()
    assert daemon.not_ready() is None
    clock[0] += collector.STALLED_SECONDS + max(spec.timeout for spec in watch.collector._specs) + 5
    assert daemon.not_ready() == "collection stalls: 127.0.0.1:1/none"
    collecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await collecting


async def test_it_is_ready_once_each_collector_had_a_turn_though_some_are_due_again(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    """As where the database is so slow that there is always one whose turn it is."""
    monkeypatch.setattr(collector, "monotonic", schedule.monotonic)
    config = from_dsn(Dsn("postgresql://nobody@127.0.0.1:1/none"))
    daemon = Daemon(config, lambda: config)
    (watch,) = daemon.fleet.build(config, config.targets)
    turns: list[str] = []

    async def probe(target: Target) -> None:
        target.up = True

    async def collect(_collector: TargetCollector, spec: CollectorSpec) -> None:
        turns.append(spec.name)
        clock[0] += 3600
        await asyncio.sleep(0)

    monkeypatch.setattr(Target, "probe", probe)
    monkeypatch.setattr(TargetCollector, "collect", collect)
    watch.target.schema_known.set()
    collecting = asyncio.create_task(watch.collector.run())
    async with asyncio.timeout(60):
        await watch.collector.attempted.wait()
    assert set(turns) == {spec.name for spec in watch.collector._specs}
    collecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await collecting
