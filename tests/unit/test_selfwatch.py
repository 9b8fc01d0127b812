"""How long the event loop keeps others waiting is told whoever does so, the one that measures it included."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from exporter import garbage, selfwatch
from exporter.collect.snapshot import Snapshot
from exporter.metricmap import load_own
from exporter.selfwatch import TICK_SECONDS, SelfWatch
from exporter.sessions import Sessions

LAG = "script_tracking_exporter_event_loop_lag_seconds"
SECONDS = 0.5
BLOCKED = "script_tracking_exporter_event_loop_blocked_total"


def told(snapshot: Snapshot, name: str) -> float:
    """The value of a metric of the program itself."""
    lines = snapshot.exposition(openmetrics=False).decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)


async def test_a_look_for_garbage_counts_as_what_keeps_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selfwatch, "TELL_SECONDS", 0.2)
    monkeypatch.setattr(garbage, "look_at_all", lambda: time.sleep(SECONDS + TICK_SECONDS))
    snapshot, specs = Snapshot(), load_own()
    for spec in specs.values():
        snapshot.declare(spec, spec.help)
    watching = asyncio.create_task(SelfWatch(snapshot, specs, Sessions()).run())
    async with asyncio.timeout(60):
        while told(snapshot, LAG) < SECONDS:
            await asyncio.sleep(0.01)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    assert told(snapshot, BLOCKED) >= 1
