"""Changes of the catalog that went round the event triggers: found by comparing it with the record."""

from __future__ import annotations

from psycopg import sql

from exporter.errors import QueryFailed, TargetUnavailable
from exporter.fault import Fault
from exporter.logs import get_logger
from exporter.schedule import monotonic
from exporter.sqlfiles import query
from exporter.target import Target

log = get_logger("capture")

STATEMENT_TIMEOUT_SECONDS = 60.0
LONGEST_CONFIRMATION_SECONDS = 5.0
PASSED_SHARE = 0.9  # of the time between two passes: after so much another one is made, whoever made the last
LOOK_SHARE = 0.25  # after so much who made none looks again: whoever made it may be gone


class Reconciler:
    """Makes a pass when one is due.

    A difference is reported when a second pass sees it still unaccounted for. That pass follows sooner, so that both
    lie within `interval` seconds of the change. Of several exporters of a database one makes the passes at a time;
    another begins where there was none for long enough.
    """

    def __init__(self, target: Target, interval: float) -> None:
        self._target = target
        self._confirmation = min(LONGEST_CONFIRMATION_SECONDS, interval / 4)
        self._pause = interval - self._confirmation
        self._due = 0.0
        self._fault = Fault(log, "capture_failed", "capture_recovered", target=target.name, source="reconciler")

    @property
    def pause(self) -> float:
        """Seconds from the beginning of a round for which no other one is needed: it knows itself when it is due."""
        return 0.0

    async def round(self) -> bool:
        """One round; whether it went well. Never raises for a fault of the database."""
        if monotonic() < self._due:
            return not self._fault.lasts
        began = monotonic()
        try:
            rows = await self._target.fetch(
                sql.SQL(query("capture", "reconcile")).format(seconds=f"{self._pause * PASSED_SHARE:.3f}"),
                timeout=STATEMENT_TIMEOUT_SECONDS + 1,
                statement_timeout=STATEMENT_TIMEOUT_SECONDS,
            )
        except (QueryFailed, TargetUnavailable) as error:
            if isinstance(error, QueryFailed) and error.is_locked_out:  # a catalog is rewritten: in the next round
                return True
            self._fault.meet(error)
            self._due = monotonic() + self._confirmation
            return False
        self._fault.clear()
        wait = self._pause if rows else self._pause * LOOK_SHARE
        for found in rows:  # none where another exporter makes the passes
            if found["baseline"]:
                log.warning("catalog_baseline", target=self._target.name, objects=found["objects"])
            if found["reported"]:
                log.warning("untracked_changes", target=self._target.name, changes=found["reported"])
            if found["fresh"]:
                wait = self._confirmation
        self._due = began + wait
        return True
