"""The rounds of upkeep of one target."""

from __future__ import annotations

import time

from exporter.errors import QueryFailed, TargetUnavailable
from exporter.logs import get_logger
from exporter.schedule import Timer, monotonic
from exporter.sqlfiles import query
from exporter.target import Target

log = get_logger("upkeep")

INTERVALS_SECONDS = {
    "ensure_incarnation": 60.0,
    "interrupt_operations": 5.0,
    "roll_up": 5.0,
    "derive_links": 5.0,
    "ensure_partitions": 600.0,
    "cut_newest": 600.0,
    "keep_retention": 600.0,
    "look_at_partitions": 600.0,
    "check_vault": 60.0,
}
TIMEOUT_SECONDS = 60.0
TIMEOUTS_SECONDS = {
    "ensure_incarnation": 3600.0,  # may build all totals anew
    "cut_newest": 3600.0,  # reads a partition
    "keep_retention": 3600.0,  # reads a partition
}
CATCH_UP_SECONDS = 60.0  # so long does a job that goes by steps keep the others waiting
BUSY_VERSIONS = 1000  # roll-ups that bring less are made less often: each rewrites a row for every tenant and type
QUIET_ROLL_UP_SECONDS = 30.0
LOCKED_OUT_SECONDS = 60.0


class Keeper:
    """Runs what is due. A lock that is not had is tried again in the next round, and is no failure before a minute."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._timers = [Timer(name, interval) for name, interval in INTERVALS_SECONDS.items()]
        self._failing: str | None = None
        self._locked_out: dict[str, float] = {}  # since when, by the job
        self._told: set[str] = set()
        self.last_success: dict[str, float] = {}  # in seconds of the epoch, by the job
        self.failures: dict[str, int] = dict.fromkeys(INTERVALS_SECONDS, 0)  # locks that were not had included

    @property
    def is_locked_out(self) -> bool:
        """Whether somebody has kept a job from its lock for long."""
        return bool(self._told)

    async def round(self) -> bool:
        """One round; whether it went well. Never raises for a fault of the database."""
        try:
            for timer in self._timers:
                if timer.due <= monotonic():
                    try:
                        done = await self._run(timer.job)
                    except QueryFailed as error:
                        self.failures[timer.job] += 1
                        if not error.is_locked_out:
                            raise
                        await self._count_lockout(timer.job)
                        continue
                    if timer.job == "roll_up":
                        busy = done >= BUSY_VERSIONS
                        timer.interval = INTERVALS_SECONDS["roll_up"] if busy else QUIET_ROLL_UP_SECONDS
                    timer.done(monotonic())
                    self.last_success[timer.job] = time.time()
                    log.debug("upkeep_done", target=self._target.name, job=timer.job, done=done)
                    self._locked_out.pop(timer.job, None)
                    if timer.job in self._told:
                        self._told.remove(timer.job)
                        log.info("upkeep_let_in", target=self._target.name, job=timer.job)
        except (QueryFailed, TargetUnavailable) as error:
            if self._failing != error.state:
                log.warning("upkeep_failed", target=self._target.name, reason=str(error))
            self._failing = error.state
            return False
        if self._failing is not None:
            log.info("upkeep_recovered", target=self._target.name)
            self._failing = None
        return True

    async def _run(self, job: str) -> int:
        """One job, each of its steps in a transaction of its own; what it did."""
        began, done = monotonic(), 0
        while True:
            timeout = TIMEOUTS_SECONDS.get(job, TIMEOUT_SECONDS)
            (row,) = await self._target.fetch(query("upkeep", job), timeout=timeout)
            done += row["done"] or 0
            if not row.get("more") or monotonic() - began > CATCH_UP_SECONDS:
                return done

    async def _count_lockout(self, job: str) -> None:
        """Tells, once, of a job that never gets its lock, and of who holds what it may wait for."""
        since = self._locked_out.setdefault(job, monotonic())
        if job in self._told or monotonic() - since < LOCKED_OUT_SECONDS:
            return
        (row,) = await self._target.fetch(query("upkeep", "holders"), timeout=TIMEOUT_SECONDS)
        self._told.add(job)
        log.warning("upkeep_locked_out", target=self._target.name, job=job, holders=row["holders"])
