"""Mistakes of our own that end what should never end: counted, and told when that changes; it is begun anew."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping

import structlog

from exporter.collect.families import Family, LabelSet
from exporter.collect.snapshot import Snapshot
from exporter.logs import mistake
from exporter.metricmap import MetricSpec
from exporter.schedule import BackOff, monotonic

TASKS = ("discovery", "follow", "self_watch", "target_files", "vigil", "watch", "web_config")  # what may break
LASTING_SECONDS = 600.0  # what broke after so long is no worse than what never did
SETTLED_TIMES = 10  # as long as it waited has it to go on before it counts as mended


class Breakages:
    """How often what breaks has broken, by kind."""

    def __init__(self, snapshot: Snapshot, own_metrics: Mapping[str, MetricSpec]) -> None:
        self._snapshot = snapshot
        self._spec = own_metrics["task_failures"]
        self._counts = Counter(dict.fromkeys(TASKS, 0))
        self._tell()

    def count(self, task: str) -> None:
        """One more."""
        self._counts[task] += 1
        self._tell()

    def _tell(self) -> None:
        samples: dict[LabelSet, float] = {(("task", task),): float(count) for task, count in self._counts.items()}
        self._snapshot.put("", self._spec.name, [Family(self._spec, samples)])


class Breakage:
    """What is known of one that breaks; `broken` and `resumed` are the log's events."""

    def __init__(
        self,
        breakages: Breakages,
        task: str,
        log: structlog.stdlib.BoundLogger,
        broken: str,
        resumed: str,
        /,
        *,
        least: float = 0.0,
        **fields: str,
    ) -> None:
        """It has to go on for `least` seconds before it counts as mended."""
        self._breakages = breakages
        self._task = task
        self._log = log
        self._broken = broken
        self._resumed = resumed
        self._fields = fields
        self._least = least
        self._told: set[str] = set()  # mistakes of which the log tells, since it last resumed
        self._back_off = BackOff()
        self._wait = 0.0
        self._began = monotonic()
        self._settling: asyncio.TimerHandle | None = None

    def met(self, error: BaseException | None, *, again: bool = True) -> None:
        """It has ended, by a mistake or for no reason. What the error says may be anything, and is not told. Without
        `again` it was to end anyway.
        """
        self.end()
        self._breakages.count(self._task)
        told = mistake(error)
        if str(told) not in self._told:
            self._told.add(str(told))
            what = "it is begun anew" if again else "it was to end, and has"
            self._log.error(self._broken, **self._fields, **told, advice=f"{what}; report this line")

    def wait(self) -> float:
        """Seconds until it is begun anew."""
        if monotonic() - self._began > LASTING_SECONDS:
            self._back_off.reset()
        self._wait = self._back_off.next()
        return self._wait

    def begun(self) -> None:
        """It is begun, for the first time or anew."""
        self.end()
        self._began = monotonic()
        if self._told:
            seconds = max(self._wait * SETTLED_TIMES, self._least)
            self._settling = asyncio.get_running_loop().call_later(seconds, self._settled)

    def _settled(self) -> None:
        self._told.clear()
        self._log.info(self._resumed, **self._fields)

    def end(self) -> None:
        """It goes on no longer."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None


def is_to_end() -> bool:
    """Whether the task that asks was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def lasting(job: Callable[[], Coroutine[None, None, None]], breakage: Breakage) -> None:
    """Runs what should never end, until cancelled: a mistake that ends it costs nothing else anything, and one in its
    own ending does not have it go on.
    """
    try:
        while True:
            breakage.begun()
            error: BaseException | None = None
            try:
                await job()
            except (Exception, asyncio.CancelledError) as broke:
                error = broke
            if is_to_end():
                if isinstance(error, Exception):
                    breakage.met(error, again=False)
                raise asyncio.CancelledError
            breakage.met(error)  # or another's cancellation, which it has let through
            del error  # it would keep what it befell
            await asyncio.sleep(breakage.wait())
    finally:
        breakage.end()
