"""The collecting task of one target: calls what is due, one function at a time, and copes with its absence."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from exporter.answer import Answer
from exporter.collect.caller import Caller
from exporter.collect.caps import Caps
from exporter.collect.copies import CopyCheck
from exporter.collect.names import NameReader
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import TargetStatus
from exporter.collect.teller import Teller
from exporter.collect.together import WITHIN_SECONDS, due_together
from exporter.config import CollectorConfig, LimitsConfig
from exporter.errors import NoAnswer, QueryFailed, TargetUnavailable
from exporter.logs import get_logger
from exporter.metricmap import CollectorSpec
from exporter.schedule import BackOff, Pulse, Timer, earliest, monotonic, restart
from exporter.target import Target

log = get_logger("collect")

PROBE_INTERVAL_SECONDS = 2.0
IDLE_PROBE_INTERVAL_SECONDS = 5.0  # of a database in which nothing happens; at once where a session with it broke
STALE_AFTER_INTERVALS = 3
STALLED_SECONDS = 30.0  # beyond the timeout of what is asked


def configured(specs: Sequence[CollectorSpec], settings: Mapping[str, CollectorConfig]) -> list[CollectorSpec]:
    """The enabled collectors, with the configuration's intervals and timeouts."""
    result = []
    for spec in specs:
        own = settings.get(spec.name, CollectorConfig())
        changes = {
            key: value for key in ("interval", "timeout", "row_limit") if (value := getattr(own, key)) is not None
        }
        if own.enabled:
            result.append(spec.model_copy(update=changes))
    return result


class TargetCollector:
    """Keeps one target's part of the snapshot true."""

    def __init__(
        self,
        target: Target,
        specs: Sequence[CollectorSpec],
        snapshot: Snapshot,
        status: TargetStatus,
        limits: LimitsConfig | None = None,
        failing: dict[str, str] | None = None,
    ) -> None:
        """`failing` is what was known of failures before, if anything: they are not told of again."""
        self._target = target
        self._specs: Sequence[CollectorSpec] = ()
        self._longest = 0.0  # timeout of all of them, in seconds
        self._snapshot = snapshot
        self._status = status
        self.caps = Caps(target.name, limits or LimitsConfig())
        self._teller = Teller(target.name, snapshot, self.caps)
        self.digester = self._teller.digester
        self._failing: dict[str, str] = {} if failing is None else failing
        self._untold: set[str] = set()  # those of which no line of the log tells
        self.names = NameReader()
        copies = CopyCheck(target, status, lambda: self._forget(past=True))
        self._caller = Caller(target, copies, self._teller, self.caps)
        self._took: dict[str, float] = {}  # seconds of the last run, of those that went well
        self._back_off = BackOff()
        self.attempted = asyncio.Event()  # set once the first round has ended, well or not
        self.pulse = Pulse()
        target.on_wait = self._waits
        status.set("up", 0)
        status.set("collections_skipped", 0)
        self.adopt(specs)

    def adopt(self, specs: Sequence[CollectorSpec]) -> None:
        """Goes on with these collectors; those that stay as they are keep their turn and what they told."""
        before = {spec.name: spec for spec in self._specs}
        self._specs = [before[spec.name] if before.get(spec.name) == spec else spec for spec in specs]
        self._longest = max((spec.timeout for spec in self._specs), default=0.0)
        gone = before.keys() - {spec.name for spec in specs}
        self._teller.withdraw(gone)
        for name in gone:
            self._failing.pop(name, None)
            self._took.pop(name, None)
            self._status.drop("collector", name)
        for spec in specs:
            if spec.name not in before:
                self._status.set("collector_success", 0, collector=spec.name)
                self._status.add("dropped_series", 0, collector=spec.name)
        self._status.publish(self._snapshot)

    @property
    def failing(self) -> Mapping[str, str]:
        """Why each of the collectors failed whose last run did; the reasons may name what no metric does."""
        return self._failing

    @property
    def count(self) -> int:
        """How many collectors there are."""
        return len(self._specs)

    def _is_run(self, spec: CollectorSpec) -> bool:
        """Whether a collector is still one of them; it may have ceased to be while its function was called."""
        return any(own.name == spec.name for own in self._specs)

    async def run(self) -> None:
        """Collects until cancelled."""
        timers: list[Timer[CollectorSpec | None]] = [Timer(None, PROBE_INTERVAL_SECONDS)]
        scheduled: Sequence[CollectorSpec] = ()
        while True:
            if scheduled is not self._specs:
                scheduled = self._specs
                known = {id(timer.job): timer for timer in timers}
                timers = [timers[0], *(known.get(id(spec)) or Timer(spec, spec.interval) for spec in scheduled)]
            self._beat(self._longest)
            timer = earliest(timers)
            if timer.due:  # each has had a turn, whether or not one is due again by now
                self.attempted.set()
            if timer.due > monotonic() and await self._is_doubted(timer.due - monotonic()):
                timers[0].due = 0.0
                continue
            self._target.doubted.clear()
            due = due_together(timers, monotonic(), self._took)
            try:
                if timer.job is None or self._target.up is not True:
                    await self._target.probe()
                    self._status.set("up", 1)
                    self._status.set("standby", float(bool(self._target.standby)))
                    self._back_off.reset()
                if timer.job is not None:
                    await self._schema_known()
                    if await self._collect([each.job for each in due if each.job is not None]):
                        self._status.set("up", 1)  # what stalled was withdrawn, and goes on
                        self._status.set("standby", float(bool(self._target.standby)))
                        timers[0].due = max(timers[0].due, monotonic() + timers[0].interval)
                    await self._read_names()
            except TargetUnavailable as error:
                await self._lost(error)
                restart(timers)
                wait = self._back_off.next()
                self._beat(wait)
                await asyncio.sleep(wait)
                continue
            finally:
                self._status.publish(self._snapshot)
            timers[0].interval = IDLE_PROBE_INTERVAL_SECONDS if self._target.is_idle else PROBE_INTERVAL_SECONDS
            missed = sum([each.done(monotonic()) for each in due])
            if timer.job is not None and missed:
                self._status.add("collections_skipped", missed)

    async def _is_doubted(self, seconds: float) -> bool:
        """Waits so long, or until a session with the database broke, and tells which."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._target.doubted.wait()
        return False

    def _beat(self, seconds: float) -> None:
        self.pulse.beat(IDLE_PROBE_INTERVAL_SECONDS + seconds + STALLED_SECONDS)

    def _waits(self) -> None:
        """Gives a sign of life while both sessions are somebody else's."""
        self._beat(self._longest)

    async def _schema_known(self) -> None:
        """Waits until the schema was looked for, and goes on asking for signs of life meanwhile."""
        while not self._target.schema_known.is_set():
            self._beat(0)
            try:
                async with asyncio.timeout(PROBE_INTERVAL_SECONDS):
                    await self._target.schema_known.wait()
            except TimeoutError:
                await self._target.probe()

    async def collect_all(self) -> bool:
        """One cycle of everything; whether all went well."""
        try:
            await self._target.probe()
            self._status.set("up", 1)
            self._status.set("standby", float(bool(self._target.standby)))
            for spec in self._specs:
                await self.collect(spec)
        except TargetUnavailable as error:
            await self._lost(error)
        self._status.publish(self._snapshot)
        return self._target.up is True and not self._failing and self._status.alone is None

    async def collect(self, spec: CollectorSpec) -> None:
        """Calls one function and hands its result out. Raises TargetUnavailable where the database is gone."""
        began = monotonic()
        try:
            answer = await self._caller.one(spec)
            if answer is not None:
                await self._tell(spec, answer)
        except QueryFailed as error:
            if self._is_run(spec):
                self._failed(spec, error, monotonic() - began)

    async def _collect(self, specs: Sequence[CollectorSpec]) -> bool:
        """Calls several functions by one message, and tells whether that was answered; each by itself where there is
        but one, one fails or they take long. Raises TargetUnavailable where the database is gone.
        """
        answers: Sequence[Answer] | None = ()
        if len(specs) > 1:
            try:
                answers = await self._caller.several(specs, within=WITHIN_SECONDS)
            except NoAnswer:
                await self._target.probe()  # or to learn that it is silent took as long again
            except QueryFailed as error:
                log.debug("collected_one_by_one", target=self._target.name, reason=str(error))
        if answers is None:  # nothing may be handed out
            return False
        for spec, answer in zip_longest(specs, answers):
            if answer is None or not await self._is_told(spec, answer):
                self._beat(spec.timeout)  # each takes as long as it may, and there may be many
                await self.collect(spec)  # what is amiss is told of its own call
        return bool(answers)

    async def _is_told(self, spec: CollectorSpec, answer: Answer) -> bool:
        with contextlib.suppress(QueryFailed):
            await self._tell(spec, answer)
            return True
        return False

    async def _tell(self, spec: CollectorSpec, answer: Answer) -> None:
        """Hands an answer out. Raises QueryFailed for rows of another shape."""
        telling = await self._teller.prepare(spec, answer)
        if not self._is_run(spec):
            return
        end = monotonic() + STALE_AFTER_INTERVALS * spec.interval + spec.timeout
        self._teller.tell(telling, end)
        self._status.set("collector_success", 1, collector=spec.name)
        self._status.set("collector_last_success", time.time(), collector=spec.name)
        self._status.add("dropped_series", telling.dropped, collector=spec.name)
        log.debug("collected", target=self._target.name, collector=spec.name, rows=answer.count)
        if self._failing.pop(spec.name, None) is not None and spec.name not in self._untold:
            log.info("collector_recovered", target=self._target.name, collector=spec.name)
        self._untold.discard(spec.name)
        self._took[spec.name] = answer.seconds or 0.0
        self._status.set("collector_duration", self._took[spec.name], collector=spec.name)

    async def _read_names(self) -> None:
        """Has the names read, where they are wanted and due. Raises TargetUnavailable."""
        usable = self._target.may_collect and self._target.schema_version and self._status.alone is None
        if usable and self.names.is_due:
            async with self._target.session() as session:
                self.digester.name(*await self.names.read(session.connection))

    def _failed(self, spec: CollectorSpec, error: QueryFailed, seconds: float) -> None:
        before = self._failing.get(spec.name)
        if self._target.schema_is_told_of and not self._target.schema_version:
            if before is None:  # where there is no schema that is told once, by what looks for it
                self._untold.add(spec.name)
        elif before != str(error):
            self._untold.discard(spec.name)
            log.warning(
                "collector_failed",
                target=self._target.name,
                collector=spec.name,
                reason=str(error),
                sqlstate=error.sqlstate,
            )
        self._failing[spec.name] = str(error)
        self._took.pop(spec.name, None)
        self._status.set("collector_success", 0, collector=spec.name)
        self._status.set("collector_duration", seconds, collector=spec.name)

    async def _lost(self, error: TargetUnavailable) -> None:
        """Nothing of a database that does not answer is handed out but that it does not."""
        await self._target.lost(error)
        self.withdraw()
        self.attempted.set()

    def _forget(self, *, past: bool = False) -> None:
        self._teller.withdraw([spec.name for spec in self._specs])
        self.digester.forget_all(past=past)

    def withdraw(self) -> None:
        """Hands out no more of the database than that it is not known to answer."""
        self._forget()
        self._status.set("up", 0)
        for spec in self._specs:
            self._status.set("collector_success", 0, collector=spec.name)
        self._status.publish(self._snapshot)
