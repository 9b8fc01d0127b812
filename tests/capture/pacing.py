"""The daemon's loop of capture by a clock of the test's own: its pauses take their time, what it does takes none. So
what is told of its pace is true of the design, on whatever machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from exporter import metricmap, target, watch
from exporter.capture import reconcile, serverlog, wal
from exporter.collect.snapshot import Snapshot
from exporter.config import Config
from exporter.dsn import Dsn
from exporter.fleet import Fleet
from exporter.target import IDLE_AFTER_SECONDS
from exporter.targetconfig import TargetConfig


class Pace:
    """The loop, a turn at a time. `now` is when the last turn was, by its clock."""

    def __init__(self, made: watch.Watch) -> None:
        self.now = 1_000_000.0
        self.read_at = 0.0  # when the write-ahead log was read last
        self._target = made.target
        self._asleep = asyncio.Event()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def sleep(self, seconds: float) -> None:
        """What the loop calls between its turns."""
        self._asleep.set()
        await self._wake.wait()
        self._wake.clear()
        self.now += seconds

    async def turn(self) -> None:
        """One turn, to its end."""
        self._asleep.clear()
        self._wake.set()
        await self._end_of_turn()

    async def begin(self, capture: Coroutine[None, None, None]) -> None:
        """The first turn, which no sleep comes before."""
        self._task = asyncio.create_task(capture)
        await self._end_of_turn()

    async def end(self) -> None:
        """Ends the loop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _end_of_turn(self) -> None:
        assert self._task is not None
        asleep = asyncio.create_task(self._asleep.wait())
        await asyncio.wait({self._task, asleep}, timeout=300, return_when=asyncio.FIRST_COMPLETED)
        assert self._asleep.is_set(), "the loop has ended, or never does"

    async def idle(self) -> None:
        """Turns until nothing has been seen to happen for long, and the log was read just now."""
        self._target._seen_at = self.now - IDLE_AFTER_SECONDS - 1
        while self.read_at != self.now:
            await self.turn()
        assert self._target.is_idle

    async def seconds_until(self, probe: Callable[[], object]) -> float:
        """How much time passes by its clock until a probe is true; a minute where it never is."""
        began = self.now
        while self.now < began + 60:
            await self.turn()
            if probe():
                break
        return self.now - began


@asynccontextmanager
async def paced(dsn: str, patch: pytest.MonkeyPatch) -> AsyncIterator[Pace]:
    """The loop of a database with the schema, after its first turns."""
    config = Config.model_validate({"targets": [{"name": "shop", "dsn": dsn}]})
    snapshot, own = Snapshot(), metricmap.load_own()
    for metric in own.values():
        snapshot.declare(metric, metric.help)
    (made,) = Fleet(snapshot, own).build(config, [TargetConfig(name="shop", dsn=Dsn(dsn))])
    pace = Pace(made)
    read = wal.AttemptReader.round

    async def noting(reader: wal.AttemptReader) -> bool:
        pace.read_at = pace.now
        return await read(reader)

    try:
        await made.schema.settle()
        await made.target.probe()
        made.collector.attempted.set()
        for module in (watch, wal, serverlog, reconcile, target):
            patch.setattr(module, "monotonic", lambda: pace.now)
        patch.setattr(watch, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": pace.sleep}))
        patch.setattr(wal.AttemptReader, "round", noting)
        made.target.saw()  # by that clock
        await pace.begin(made.capture())
        for _ in range(3):
            await pace.turn()
        yield pace
    finally:
        await pace.end()
        await made.target.close()
