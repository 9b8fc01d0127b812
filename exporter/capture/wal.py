"""Attempts that are announced in the write-ahead log, read through a logical slot."""

from __future__ import annotations

from exporter.database import fetch
from exporter.errors import QueryFailed, TargetUnavailable
from exporter.logs import get_logger
from exporter.schedule import Timer, monotonic
from exporter.sqlfiles import query
from exporter.target import Target

log = get_logger("capture")

TIMEOUT_SECONDS = 30.0
PURGE_INTERVAL_SECONDS = 300.0


class AttemptReader:
    """Reads, judges and records attempts, a round at a time."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._purge = Timer("purge_attempts", PURGE_INTERVAL_SECONDS)
        self._failing: str | None = None

    async def round(self) -> bool:
        """One round; whether it went well. Never raises for a fault of the database."""
        try:
            if self._purge.due <= monotonic():
                connection = await self._target.capturing.get()
                await fetch(connection, query("capture", self._purge.job), timeout=TIMEOUT_SECONDS)
                self._purge.done(monotonic())
        except (QueryFailed, TargetUnavailable) as error:
            if self._failing != str(error):
                log.warning("capture_failed", target=self._target.name, source="wal", reason=str(error))
            self._failing = str(error)
            if isinstance(error, TargetUnavailable):
                await self._target.capturing.discard()
            return False
        if self._failing is not None:
            log.info("capture_recovered", target=self._target.name, source="wal")
            self._failing = None
        return True
