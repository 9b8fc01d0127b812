"""One target's tasks: what collects, what installs and keeps house, what captures, and what archives."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence

from exporter.archiveconfig import ArchiveConfig
from exporter.capture.reconcile import Reconciler
from exporter.capture.serverlog import LogReader
from exporter.capture.wal import AttemptReader
from exporter.collect.collector import TargetCollector
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import TargetStatus
from exporter.config import LimitsConfig
from exporter.database import Connection
from exporter.errors import QueryFailed, ScriptTrackingError, TargetUnavailable
from exporter.logs import get_logger
from exporter.metricmap import CollectorSpec, MetricSpec
from exporter.schedule import BackOff, monotonic
from exporter.schema.installer import install
from exporter.schema.plan import Ledger, Standing, glance, may_collect, read_ledger
from exporter.sessions import Sessions
from exporter.target import Target
from exporter.targetconfig import CaptureConfig, TargetConfig
from exporter.upkeep.archiver import Archiver
from exporter.upkeep.keeper import Keeper
from exporter.values import SchemaMode

log = get_logger("watch")

KEEPER_TICK_SECONDS = 5.0
SCHEMA_LOOK_SECONDS = 15.0
CAPTURE_TICK_SECONDS = 1.0
FIRST_SECONDS = 5.0  # after so long capture begins although not everything was collected yet
END_SECONDS = 1.5  # a task that is slower than that to end loses its session all the same
CAPTURE_VERSION = 11  # the migration that brings what capture works with
ARCHIVE_VERSION = 24  # and what archives
ARCHIVE_SECONDS = 600.0


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
        limits: LimitsConfig | None = None,
    ) -> None:
        self.config = config
        self.settings = (schema_mode, config.capture or capture, archive)
        self._snapshot = snapshot
        self._tasks: list[asyncio.Task[None]] = []
        self.target = Target(config, sessions)
        self.status = TargetStatus(config.name, own_metrics)
        self.collector = TargetCollector(self.target, collectors, snapshot, self.status, limits)
        self._keeper = Keeper(self.target)
        self._archiver = None if archive is None else Archiver(self.target, archive)
        capture = config.capture or capture
        self._readers: tuple[AttemptReader | LogReader | Reconciler, ...] = (
            AttemptReader(self.target, capture),
            LogReader(self.target),
            Reconciler(self.target, capture.reconcile_interval),
        )
        self.status.set("reconcile_interval", capture.reconcile_interval)
        self._schema_mode: SchemaMode = schema_mode
        self._options = {"auth": True} if config.auth else None
        self._refused: str | None = None
        self._locked: str | None = None
        self._seen = False  # whether the schema stood in the database since the start

    def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Begins the tasks; `ended` is called with one that ends by itself, which none of them should."""
        jobs = [self.keep(), self.collector.run(), self.capture()]
        if self._archiver is not None:
            jobs.append(self.archive(self._archiver))
        self._tasks = [asyncio.create_task(job) for job in jobs]
        for task in self._tasks:
            task.add_done_callback(lambda task: None if task.cancelled() else ended(task))

    async def end(self) -> None:
        """Ends the tasks, closes the sessions and forgets what was told of the target."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=END_SECONDS)
        await self.target.close()
        self._snapshot.forget(self.target.name)

    def renew(self, config: TargetConfig) -> None:
        """Goes on with the same database by other credentials."""
        self.config = config
        self.target.renew(config)

    async def settle_schema(self) -> bool:
        """Installs or upgrades where it may, and learns the version; whether the schema can be used.

        Raises TargetUnavailable. What stands in the way is logged once.
        """
        try:
            settled = await self._settle_schema()
        except QueryFailed as error:
            if not error.is_locked_out:
                raise
            if str(error) != self._locked:
                log.info("schema_locked", target=self.target.name, reason=str(error))
            self._locked = str(error)
            return self._is_usable  # somebody changes the schema right now: what is known stands until the next look
        self._locked = None
        return settled

    @property
    def refused(self) -> str | None:
        """Why the schema is not as it should be; the reason may name what no metric does."""
        return self._refused

    @property
    def _is_usable(self) -> bool:
        return bool(self.target.schema_version) and self.target.may_collect

    async def _settle_schema(self) -> bool:
        async with self.target.sessions.session() as session:
            return await self._settle_schema_by(session.connection)

    async def _settle_schema_by(self, connection: Connection) -> bool:
        reason: str | None = None
        ledger: Ledger | None = None
        try:
            await self.target.look(connection)
            standing = await self._glance(connection)
            if standing is not None and self._is_wanted(standing):
                self._settled(standing.version, standing.may_collect)
                return self._is_usable
            ledger = await read_ledger(connection)
            if self._seen and not ledger.is_whole:
                reason = (
                    "the schema was removed since this exporter started; it is not installed again unasked: run "
                    "script-tracking-exporter schema install --dsn DSN, or start the exporter anew"
                )
            elif self._schema_mode == "auto" and not self.target.standby:
                known, ledger = ledger, None  # should it fail, what stands is read anew
                report = await install(connection, ledger=known, options=self._options)
                if report.changed:
                    log.info("schema_installed", target=self.target.name, version=report.version)
                ledger = report.ledger
        except TargetUnavailable:
            raise
        except ScriptTrackingError as error:
            if isinstance(error, QueryFailed) and error.is_locked_out:
                raise
            reason = str(error)
        version, readable = 0, self.target.may_collect
        try:
            ledger = ledger or await read_ledger(connection)
            version, readable = ledger.version if ledger.is_whole else 0, not ledger.is_whole or may_collect(ledger)
        except TargetUnavailable:
            raise
        except ScriptTrackingError as error:
            if isinstance(error, QueryFailed) and error.is_locked_out:
                raise
            reason = reason or (
                f"{error}; a superuser must run: script-tracking-exporter schema install --dsn DSN, and grant "
                "script_tracking_daemon to the exporter's role"
            )
        if reason is None and version == 0:
            reason = "the schema is not installed: " + (
                "a standby gets it from its primary"
                if self.target.standby
                else "a superuser must run: script-tracking-exporter schema install --dsn DSN"
            )
        if reason is not None and reason != self._refused and self._schema_mode != "off":
            tell = log.error if self._seen and not version else log.warning
            tell("schema_not_settled", target=self.target.name, reason=reason)
        self._settled(version, readable, reason)
        return self._is_usable

    def _settled(self, version: int, readable: bool, refused: str | None = None) -> None:
        """Notes which schema the database has, and whether this program may read it."""
        self.target.schema_version, self.target.may_collect = version, readable
        self.status.set("schema_version", version)
        self._seen = self._seen or version > 0
        self._refused = refused
        self.target.schema_known.set()

    def _is_wanted(self, standing: Standing) -> bool:
        """Whether the schema is that of this program, with the parts that this target is to have."""
        return standing.options is not None and standing.options >= (self._options or {}).keys()

    async def _glance(self, connection: Connection) -> Standing | None:
        """What stands; None where that takes a closer look. Raises TargetUnavailable, and QueryFailed for a lock."""
        try:
            return await glance(connection)
        except QueryFailed as error:
            if error.is_locked_out:
                raise
            return None

    async def _has_moved(self) -> bool:
        """Whether somebody has upgraded, removed or hidden the schema since it was settled."""
        try:
            async with self.target.sessions.session() as session:
                standing = await self._glance(session.connection)
        except ScriptTrackingError as error:
            return not (isinstance(error, QueryFailed) and error.is_locked_out)
        return standing is None or standing.settled != (self.target.schema_version, self.target.may_collect)

    async def keep(self) -> None:
        """Settles the schema, then keeps house, until cancelled; tries again for ever."""
        back_off = BackOff()
        while True:
            try:
                settled = await self.settle_schema()
            except TargetUnavailable:
                await asyncio.sleep(back_off.next())
                continue
            if not settled:
                await asyncio.sleep(back_off.next())
                continue
            back_off.reset()
            well = True
            look = monotonic() + SCHEMA_LOOK_SECONDS
            while well:
                if not self.target.standby:  # there the primary's exporter keeps house
                    well = await self._keeper.round()
                    self.status.set("upkeep_success", float(well and not self._keeper.is_locked_out))
                    for job, at in self._keeper.last_success.items():
                        self.status.set("upkeep_last_success", at, job=job)
                    for job, runs in self._keeper.runs.items():
                        self.status.set("upkeep_runs", runs, job=job)
                    for job, failures in self._keeper.failures.items():
                        self.status.set("upkeep_failures", failures, job=job)
                await asyncio.sleep(KEEPER_TICK_SECONDS if well else back_off.next())
                if monotonic() >= look:
                    if await self._has_moved():
                        break
                    look = monotonic() + SCHEMA_LOOK_SECONDS

    async def capture(self) -> None:
        """Lets each reader have its turn, again and again, until cancelled; they share one session.

        One that sees nothing happen pauses. One that fails waits longer each time, and holds none of the others up; no
        longer than until the target, which did not answer, answers again.
        """
        waits = [BackOff() for _ in self._readers]
        due = [0.0 for _ in self._readers]
        begun = [0.0 for _ in self._readers]
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
                begun = due.copy()
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
            await asyncio.sleep(CAPTURE_TICK_SECONDS)

    async def _first_snapshot(self) -> None:
        """Lets it go first, as somebody waits for it: what else there is to do takes as long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self.collector.attempted.wait()

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
