"""The part of the story in which the database goes and comes back."""

from __future__ import annotations

import time
from functools import partial

from exporter.demo.exposition import Scrape
from exporter.demo.scene import OPERATIONS, Scene
from exporter.demo.watcher import NeverSeen

UP = "script_tracking_up"
SETTLED_SECONDS = 120.0
COUNTED_SECONDS = 5.0  # after so long the record is looked at anew: capture writes late what was rolled back
OUTAGE_SECONDS = 120.0


async def database_stops(scene: Scene) -> None:
    """`up` says so without a restart of the exporter, and nothing is lost."""
    scene.terminal.step("The database stops: up 0; it starts: up 1, and nothing is lost")
    server = scene.playground.server
    if server is None:
        scene.terminal.fact("left out", "this server is not the demo's to stop")
        return
    await scene.workload.pause()
    await scene.caught_up("before the outage")
    before, counted = await _counted(scene)
    scene.terminal.fact("before", f"{before} executions in the record, {counted:.0f} in the counters")
    server.stop()  # here and now: a signal that comes meanwhile waits its turn
    began = time.monotonic()
    gone = await scene.watcher.until(lambda told: told.value(UP) == 0, OUTAGE_SECONDS)
    withdrawn = "its other series are withdrawn" if not gone.select(OPERATIONS) else "stale values are still served"
    scene.terminal.fact("server stopped", f"{UP} 0 after {time.monotonic() - began:.1f} s; {withdrawn}", "bad")
    server.start()
    began = time.monotonic()
    await scene.watcher.until(lambda told: told.value(UP) == 1, OUTAGE_SECONDS)
    scene.terminal.fact(
        "server started", f"{UP} 1 after {time.monotonic() - began:.1f} s, exporter not restarted", "good"
    )
    after, counted = await _counted(scene)
    whole = before == after == counted
    verdict = "nothing lost" if whole else "they differ"
    scene.terminal.fact(
        "after",
        f"{after} executions in the record, {counted:.0f} in the counters: {verdict}",
        "good" if whole else "bad",
    )
    scene.terminal.curl(scene.watcher.metrics_url, f"^{UP}{{")
    await scene.caught_up("after the outage")
    scene.workload.resume()


async def _counted(scene: Scene) -> tuple[int, float]:
    """Executions in the record and in the counters once these are the same, or what they say instead after a while."""
    end = time.monotonic() + SETTLED_SECONDS
    while True:
        recorded = await scene.ended()
        try:
            wait = min(COUNTED_SECONDS, max(end - time.monotonic(), 0.0))
            scrape = await scene.watcher.until(partial(_tells, recorded), wait)
        except NeverSeen:
            scrape = await scene.watcher.scrape()
        counted = scrape.total(OPERATIONS)
        if counted == recorded or time.monotonic() >= end:
            return recorded, counted


def _tells(executions: int, scrape: Scrape) -> bool:
    return scrape.total(OPERATIONS) == executions
