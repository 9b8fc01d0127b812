"""Watches over those who watch: tells of collections that stall, and the service manager of the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from exporter.logs import get_logger
from exporter.systemd import Manager
from exporter.watch import Watch

log = get_logger("vigil")

LOOK_SECONDS = 1.0
NAMED = 5  # targets, where there may be hundreds


class Vigil:
    """Looks at all watches again and again, beside them: a task that hangs cannot say so itself."""

    def __init__(self, watches: Callable[[], Sequence[Watch]], manager: Manager) -> None:
        self._watches = watches
        self._manager = manager
        self._stalled: set[Watch] = set()

    @property
    def stalled(self) -> list[str]:
        """Names of the targets whose collection is overdue."""
        return [watch.config.name for watch in self._watches() if watch.collector.pulse.is_overdue]

    async def run(self) -> None:
        """Looks until cancelled."""
        within = self._manager.watchdog_seconds
        while True:
            self.look()
            # twice in the time that systemd allows is what it recommends
            await asyncio.sleep(LOOK_SECONDS if within is None else min(LOOK_SECONDS, within / 2))

    def look(self) -> None:
        """Looks once. Where something stalls the watchdog hears nothing, and may start the daemon anew."""
        watches = self._watches()
        stalled = {watch for watch in watches if watch.collector.pulse.is_overdue}
        for watch in stalled - self._stalled:
            log.error("collection_stalled", target=watch.config.name, advice="its values are withdrawn")
            watch.collector.withdraw()
        for watch in self._stalled & set(watches) - stalled:
            log.info("collection_resumed", target=watch.config.name)
        self._stalled = stalled
        if not stalled:
            self._manager.alive()
        down = [watch.config.name for watch in watches if watch.target.up is False]
        parts = [f"{len(watches)} targets", *_some("down", down), *_some("stalled", self.stalled)]
        self._manager.status("; ".join(parts))


def _some(state: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"{len(names)} {state}: {', '.join(names[:NAMED])}{more}"]
