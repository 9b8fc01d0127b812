"""Mistakes of the program's own, made in tests: what breaks, and what is told of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from exporter import metricmap, schedule
from exporter.collect.snapshot import Snapshot
from exporter.config import Config
from exporter.configfile import from_dsn
from exporter.daemon import Daemon
from exporter.dsn import Dsn
from exporter.fleet import Fleet
from exporter.watch import Watch

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
NO_TARGETS = {"file_sd": {"files": ["/nowhere/*.yaml"]}}
WITHIN = 60.0


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits long to be begun anew."""
    monkeypatch.setattr(schedule.BackOff, "next", lambda _back_off: 0.01)


def mistake(*_: Any, **__: Any) -> Any:
    raise RuntimeError("hunter2")


async def mistake_later(*_: Any) -> None:
    mistake()


async def until(condition: Any) -> None:
    async with asyncio.timeout(WITHIN):
        while not condition():
            await asyncio.sleep(0.005)


def snapshot_of(own: dict[str, metricmap.MetricSpec]) -> Snapshot:
    """One that knows the exporter's own metrics."""
    snapshot = Snapshot()
    for metric in own.values():
        snapshot.declare(metric, metric.help)
    return snapshot


def fleet() -> tuple[Fleet, Watch]:
    """All watches, which is one, of a database that does not answer."""
    own = metricmap.load_own()
    config = from_dsn(Dsn(NOWHERE))
    made = Fleet(snapshot_of(own), own)
    (watch,) = made.build(config, config.targets)
    return made, watch


def daemon() -> Daemon:
    """One without targets, whose configuration cannot be read again."""
    return Daemon(Config.model_validate(NO_TARGETS), mistake)


def lines(logs: Any, event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


def failures(running: Daemon, task: str) -> float:
    """How often a task has broken, as /metrics has it."""
    start = f'script_tracking_exporter_task_failures_total{{task="{task}"}} '
    text = running.snapshot.exposition(openmetrics=False).decode()
    (value,) = [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]
    return float(value)
