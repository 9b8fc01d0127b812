"""One target's tasks: what collects, what installs and keeps house, what captures, and what archives."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import inf

from exporter.alertconfig import AlertThresholds
from exporter.archiveconfig import ArchiveConfig
from exporter.capture.reconcile import Reconciler
from exporter.capture.serverlog import LogReader
from exporter.capture.wal import AttemptReader
from exporter.changes.judge import Judge
from exporter.changes.references import RuleBook
from exporter.collect.collector import TargetCollector
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import TargetStatus
from exporter.config import LimitsConfig
from exporter.errors import TargetUnavailable
from exporter.metricmap import CollectorSpec, MetricSpec
from exporter.schedule import BackOff, monotonic
from exporter.sessions import Sessions
from exporter.settler import Settler
from exporter.target import Target
from exporter.targetconfig import CaptureConfig, TargetConfig
from exporter.upkeep.archiver import Archiver
from exporter.upkeep.keeper import Keeper
from exporter.values import SchemaMode

KEEPER_TICK_SECONDS = 5.0
SCHEMA_LOOK_SECONDS = 15.0
CAPTURE_TICK_SECONDS = 1.0
HURRY_SECONDS = 0.1  # instead, where a failure is in hand
FIRST_SECONDS = 5.0  # after so long capture begins although not everything was collected yet
END_SECONDS = 1.5  # a task that is slower than that to end loses its session all the same
CAPTURE_VERSION = 11  # the migration that brings what capture works with
ARCHIVE_VERSION = 24  # and what archives
ARCHIVE_SECONDS = 600.0
JUDGE_VERSION = 35  # and what judges
JUDGE_SECONDS = 10.0
JUDGE_IDLE_SECONDS = 30.0  # where nothing happens


class Watch:
    """One target with everything that works on it."""

    def __init__(
        self,
        config: TargetConfig,
        snapshot: Snapshot,
        collectors: Sequence[CollectorSpec],
        own_metrics: Mapping[str, MetricSpec],
        *,
        schema_mode: SchemaMode,
        capture: CaptureConfig,
        sessions: Sessions,
        archive: ArchiveConfig | None = None,
        rule_book: RuleBook | None = None,
        limits: LimitsConfig | None = None,
    ) -> None:
        self.config = config
        self.settings = (schema_mode, config.capture or capture, archive)
        self._snapshot = snapshot
        self._tasks: list[asyncio.Task[None]] = []
        self._is_ended = False
        self.target = Target(config, sessions)
        self.status = TargetStatus(config.name, own_metrics)
        self.collector = TargetCollector(self.target, collectors, snapshot, self.status, limits)
        self._keeper = Keeper(self.target)
        self._archiver = None if archive is None else Archiver(self.target, archive)
        self.judge = Judge(self.target, rule_book)
        self._told: defaultdict[str, set[str]] = defaultdict(set)  # names of windows and freezes, by the metric
        capture = config.capture or capture
        self._log = LogReader(self.target)
        self._readers: tuple[AttemptReader | LogReader | Reconciler, ...] = (
            AttemptReader(self.target, capture),
            self._log,
            Reconciler(self.target, capture.reconcile_interval),
        )
        self.status.set("reconcile_interval", capture.reconcile_interval)
        self.schema = Settler(self.target, self.status, schema_mode, {"auth": True} if config.auth else None)

    def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Begins the tasks; `ended` is called with one that ends by itself, which none of them should."""
        self.target.up = None  # whatever a rest has told: that it does not answer is news
        jobs = [self.keep(), self.collector.run(), self.capture(), self.judge_changes()]
        if self._archiver is not None:
            jobs.append(self.archive(self._archiver))
        self._tasks = [asyncio.create_task(job) for job in jobs]
        for task in self._tasks:
            # one that is cancelled by somebody else has ended by itself as well
            task.add_done_callback(lambda task: None if task.cancelled() and self._is_ended else ended(task))

    def rest(self, reason: str) -> None:
        """What is told of the target until the tasks begin: that it is not known to answer, and why."""
        self.target.up, self.target.reason = False, reason
        self.collector.attempted.set()

    async def end(self) -> None:
        """Ends the tasks, closes the sessions and forgets what was told of the target."""
        self._is_ended = True
        for task in self._tasks:
            task.cancel()
        with contextlib.ExitStack() as whatever_fails:
            whatever_fails.callback(self._snapshot.forget, self.target.name)
            whatever_fails.callback(self.status.end)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=END_SECONDS)
            await self.target.close()

    def renew(self, config: TargetConfig) -> None:
        """Goes on with the same database by other credentials."""
        self.config = config
        self.target.renew(config)

    def tell_thresholds(self, common: AlertThresholds) -> None:
        """Hands out where alerts about the target begin, as far as the configuration says so."""
        self.status.replace("alert_threshold", "threshold", common.told_of(self.config.alert_thresholds))

    async def keep(self) -> None:
        """Settles the schema, then keeps house, until cancelled; tries again for ever."""
        back_off = BackOff()
        while True:
            try:
                settled = await self.schema.settle()
            except TargetUnavailable:
                await asyncio.sleep(back_off.next())
                continue
            if not settled:
                await asyncio.sleep(back_off.next())
                continue
            well = True
            look = monotonic() + SCHEMA_LOOK_SECONDS
            while well:
                if not self.target.standby:  # there the primary's exporter keeps house
                    well = await self._keep_house()
                if well:
                    back_off.reset()
                await asyncio.sleep(KEEPER_TICK_SECONDS if well else back_off.next())
                if monotonic() >= look:
                    if await self.schema.has_moved():
                        break
                    look = monotonic() + SCHEMA_LOOK_SECONDS

    async def _keep_house(self) -> bool:
        """A round of upkeep; whether it went well. Of the first one, what can wait waits for the first snapshot."""
        well = True
        if not self.collector.attempted.is_set() and (well := await self._keeper.begin()):
            await self._first_snapshot()
        well = well and await self._keeper.round()
        self.status.set("upkeep_success", float(well and not self._keeper.is_locked_out))
        for job, at in self._keeper.last_success.items():
            self.status.set("upkeep_last_success", at, task=job)
        for job, runs in self._keeper.runs.items():
            self.status.set("upkeep_runs", runs, task=job)
        for job, failures in self._keeper.failures.items():
            self.status.set("upkeep_failures", failures, task=job)
        return well

    async def capture(self) -> None:
        """Lets each reader have its turn, again and again, until cancelled; they share one session.

        One that sees nothing happen pauses. One that fails waits longer each time, and holds none of the others up; no
        longer than until the target, which did not answer, answers again.
        """
        waits = [BackOff() for _ in self._readers]
        due = [0.0 for _ in self._readers]
        begun = [-inf for _ in self._readers]  # the clock may begin at the machine's start
        wells = [True for _ in self._readers]
        times_up = self.target.times_up
        await self.target.schema_known.wait()
        await self._first_snapshot()
        while True:
            ready = self.target.schema_version >= CAPTURE_VERSION and self.target.may_collect
            # while it does not answer it is not asked; when it does again it may be a standby
            if not ready or self.target.standby or self.target.up is False:
                if ready and self.target.up is False:
                    self.status.set("capture_success", 0.0)
                await asyncio.sleep(CAPTURE_TICK_SECONDS)
                continue
            if times_up != self.target.times_up:
                times_up = self.target.times_up
                waits, due = [BackOff() for _ in self._readers], [0.0 for _ in self._readers]
                begun = [-inf for _ in self._readers]
            for number, reader in enumerate(self._readers):
                if max(due[number], begun[number] + reader.pause) > monotonic():
                    continue
                begun[number] = monotonic()
                wells[number] = await reader.round()
                if wells[number]:
                    waits[number].reset()
                else:
                    due[number] = monotonic() + waits[number].next()
            self.status.set("capture_success", float(all(wells)))
            await asyncio.sleep(HURRY_SECONDS if self._log.hurries else CAPTURE_TICK_SECONDS)

    async def _first_snapshot(self) -> None:
        """Lets it go first, as somebody waits for it: what else there is to do takes as long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self.collector.attempted.wait()

    async def judge_changes(self) -> None:
        """Judges captured DDL again and again while there are rules, until cancelled; nothing else waits for it."""
        back_off = BackOff(first=JUDGE_SECONDS)
        await self.target.schema_known.wait()
        await self._first_snapshot()
        while True:
            self._tell_windows()
            ready = self.target.schema_version >= JUDGE_VERSION and self.target.may_collect
            ready = ready and not self.target.standby and self.target.up is not False
            well = await self.judge.round() if ready and self.judge.book is not None else None
            if self._judges:
                if well is not None:
                    self.status.set("change_judging_success", float(well))
                    self.status.set("change_judging_lag", self.judge.lag)
                elif not ready and self.target.up:  # the schema is too old, or newer than can be read
                    self.status.set("change_judging_success", 0.0)
                if self.judge.last_success is not None:
                    self.status.set("change_judging_last_success", self.judge.last_success)
            if well is not False:
                back_off.reset()
            pause = JUDGE_IDLE_SECONDS if self.target.is_idle else JUDGE_SECONDS
            await asyncio.sleep(back_off.next() if well is False else pause)

    @property
    def _judges(self) -> bool:
        """Whether it is to judge here: on a standby nobody can, and the primary's exporter does."""
        return self.judge.book is not None and not self.target.standby

    def _tell_windows(self) -> None:
        """Tells which windows are open and which freezes in force; nothing of any of it where nothing is judged."""
        for key, label, states in (
            ("change_window_open", "window", self.judge.windows()),
            ("change_freeze", "freeze", self.judge.freezes()),
        ):
            for gone in self._told[key] - states.keys():
                self.status.drop(label, gone)
            self._told[key] = set(states)
            for name, state in states.items():
                self.status.set(key, float(state), **{label: name})
        if not self._judges:
            for key in ("change_judging_success", "change_judging_lag", "change_judging_last_success"):
                self.status.withdraw(key)
            self.judge.last_success = None

    async def archive(self, archiver: Archiver) -> None:
        """Archives what is due, again and again, until cancelled; nothing else waits for it."""
        back_off = BackOff(first=5.0, longest=ARCHIVE_SECONDS)
        await self.target.schema_known.wait()
        await self._first_snapshot()
        while True:
            ready = self.target.schema_version >= ARCHIVE_VERSION and self.target.may_collect
            well = await archiver.round() if ready and not self.target.standby and self.target.up is not False else None
            self.status.set("archive_partitions", archiver.partitions)
            self.status.set("archive_bytes", archiver.bytes)
            if well is not None:
                self.status.set("archive_success", float(well))
            if well:
                self.status.set("archive_last_success", time.time())
                back_off.reset()
            await asyncio.sleep(KEEPER_TICK_SECONDS if well is None else ARCHIVE_SECONDS if well else back_off.next())
