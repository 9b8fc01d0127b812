"""The rounds of upkeep of one target, where another exporter may keep house as well."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from exporter.database import Row
from exporter.errors import QueryFailed, TargetUnavailable
from exporter.fault import Fault
from exporter.logs import get_logger
from exporter.schedule import Timer, monotonic
from exporter.sqlfiles import query
from exporter.target import Target

log = get_logger("upkeep")

FIRST = "ensure_incarnation"  # each exporter sees for itself that it is where it was
INTERVALS_SECONDS = {
    FIRST: 60.0,
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
    FIRST: 3600.0,  # may build all totals anew
    "cut_newest": 3600.0,  # reads a partition
    "keep_retention": 3600.0,  # reads a partition
}
CATCH_UP_SECONDS = 60.0  # so long does a job that goes by steps keep the others waiting
BUSY_VERSIONS = 1000  # roll-ups that bring less are made less often: each rewrites a row for every tenant and type
QUIET_ROLL_UP_SECONDS = 30.0
IDLE_SECONDS = {"interrupt_operations": 15.0, "derive_links": 15.0}  # where nothing happens
SEEN = ("roll_up", "interrupt_operations", "derive_links")  # what they do tells that something has happened
LOCKED_OUT_SECONDS = 60.0


class Keeper:
    """Runs what is due. A lock that is not had is tried again in the next round, and is no failure before a minute."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._timers = [Timer(name, interval) for name, interval in INTERVALS_SECONDS.items()]
        self._fault = Fault(log, "upkeep_failed", "upkeep_recovered", target=target.name)
        self._locked_out: dict[str, float] = {}  # since when, by the job
        self._told: set[str] = set()
        self.last_success: dict[str, float] = {}  # in seconds of the epoch, by the job
        self._is_known = False
        self.runs: dict[str, int] = dict.fromkeys(INTERVALS_SECONDS, 0)
        self.failures: dict[str, int] = dict.fromkeys(INTERVALS_SECONDS, 0)  # locks that were not had included

    @property
    def is_locked_out(self) -> bool:
        """Whether somebody has kept a job from its lock for long."""
        return bool(self._told)

    async def begin(self) -> bool:
        """What comes before all else: to see that the database is where it was. Returns and raises as round()."""
        return await self._round(self._timers[:1])

    async def round(self) -> bool:
        """One round; whether it went well. Never raises for a fault of the database."""
        return await self._round(self._timers)

    async def _round(self, timers: Sequence[Timer[str]]) -> bool:
        failed: QueryFailed | None = None  # the first failure: none but FIRST keeps the others from their turn
        try:
            for timer in timers:
                if timer.due <= monotonic():
                    try:
                        outcome = await self._run(timer)
                    except QueryFailed as error:
                        self.failures[timer.job] += 1
                        if error.is_locked_out:
                            await self._count_lockout(timer.job)
                        elif timer.job == FIRST:
                            raise
                        else:
                            failed = failed or error
                        continue
                    self._note(timer, outcome)
                    self._locked_out.pop(timer.job, None)
                    if timer.job in self._told:
                        self._told.remove(timer.job)
                        log.info("upkeep_let_in", target=self._target.name, job=timer.job)
        except (QueryFailed, TargetUnavailable) as error:
            self._fault.meet(error)
            return False
        if failed is not None:
            self._fault.meet(failed)
            return False
        self._fault.clear()
        return True

    async def _run(self, timer: Timer[str]) -> Row:
        """One job, each of its steps in a transaction of its own; what the last step returned, with what all did."""
        began, done = monotonic(), 0
        # whatever another exporter has found there, who begins has to know where he is
        every = timer.interval if timer.job != FIRST or self._is_known else 0
        while True:
            statement = sql.SQL(query("upkeep", "run")).format(job=timer.job, every=every)
            (row,) = await self._target.fetch(statement, timeout=TIMEOUTS_SECONDS.get(timer.job, TIMEOUT_SECONDS))
            done += row["done"]
            if not row["more"] or monotonic() - began > CATCH_UP_SECONDS:
                return {**row, "done": done}
            every = 0

    def _note(self, timer: Timer[str], outcome: Row) -> None:
        """Notes that a job is done, by whichever exporter, and when it is due again."""
        if outcome["ran"]:
            self._is_known = self._is_known or timer.job == FIRST
            self.runs[timer.job] += 1
            if timer.job == "roll_up":
                busy = outcome["done"] >= BUSY_VERSIONS
                timer.interval = INTERVALS_SECONDS["roll_up"] if busy else QUIET_ROLL_UP_SECONDS
            elif timer.job in IDLE_SECONDS:
                idle = self._target.is_idle and not outcome["done"]
                timer.interval = (IDLE_SECONDS if idle else INTERVALS_SECONDS)[timer.job]
            if outcome["done"] and timer.job in SEEN:
                self._target.saw()
            timer.done(monotonic())
            log.debug("upkeep_done", target=self._target.name, job=timer.job, done=outcome["done"])
        else:
            timer.due = monotonic() + outcome["next_in_seconds"]
        if outcome["last_run_timestamp_seconds"] is not None:
            self.last_success[timer.job] = outcome["last_run_timestamp_seconds"]

    async def _count_lockout(self, job: str) -> None:
        """Tells, once, of a job that never gets its lock, and of who holds what it may wait for."""
        since = self._locked_out.setdefault(job, monotonic())
        if job in self._told or monotonic() - since < LOCKED_OUT_SECONDS:
            return
        (row,) = await self._target.fetch(query("upkeep", "holders"), timeout=TIMEOUT_SECONDS)
        self._told.add(job)
        log.warning("upkeep_locked_out", target=self._target.name, job=job, holders=row["holders"])
