"""Puts the parts together: for each target a task that collects, one that installs and keeps house, one that captures,
and HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import NoReturn

import uvicorn

from exporter import metricmap
from exporter.capture.reconcile import Reconciler
from exporter.capture.serverlog import LogReader
from exporter.capture.wal import AttemptReader
from exporter.collect.collector import TargetCollector, configured
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import TargetStatus, publish_build
from exporter.config import Config, SchemaMode, TargetConfig
from exporter.errors import ConfigurationError, QueryFailed, ScriptTrackingError, TargetUnavailable
from exporter.logs import get_logger
from exporter.schedule import BackOff, monotonic
from exporter.schema.installer import install
from exporter.schema.plan import Ledger, may_collect, read_ledger
from exporter.target import Target
from exporter.upkeep.keeper import Keeper
from exporter.web import app as web

log = get_logger("daemon")

KEEPER_TICK_SECONDS = 5.0
SCHEMA_LOOK_SECONDS = 15.0
CAPTURE_TICK_SECONDS = 1.0
CAPTURE_VERSION = 11  # the migration that brings what capture works with
STOP_SECONDS = 1.0


class Watch:
    """One target with everything that works on it."""

    def __init__(self, config: TargetConfig, daemon: Daemon) -> None:
        self.target = Target(config)
        self.status = TargetStatus(config.name, daemon.own_metrics)
        self.collector = TargetCollector(self.target, daemon.collectors, daemon.snapshot, self.status)
        self._keeper = Keeper(self.target)
        capture = config.capture or daemon.capture
        self._readers: tuple[AttemptReader | LogReader | Reconciler, ...] = (
            AttemptReader(self.target, capture),
            LogReader(self.target),
            Reconciler(self.target, capture.reconcile_interval),
        )
        self.status.set("reconcile_interval", capture.reconcile_interval)
        self._schema_mode: SchemaMode = daemon.schema_mode
        self._refused: str | None = None
        self._locked: str | None = None
        self._seen = False  # whether the schema stood in the database since the start

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
    def _is_usable(self) -> bool:
        return bool(self.target.schema_version) and self.target.may_collect

    async def _settle_schema(self) -> bool:
        connection = await self.target.keeping.get()
        reason: str | None = None
        ledger: Ledger | None = None
        try:
            await self.target.look(connection)
            ledger = await read_ledger(connection)
            if self._seen and not ledger.is_whole:
                reason = (
                    "the schema was removed since this exporter started; it is not installed again unasked: run "
                    "script-tracking-exporter schema install --dsn DSN, or start the exporter anew"
                )
            elif self._schema_mode == "auto" and not self.target.standby:
                known, ledger = ledger, None  # should it fail, what stands is read anew
                report = await install(connection, ledger=known)
                if report.changed:
                    log.info("schema_installed", target=self.target.name, version=report.version)
                ledger = report.ledger
        except TargetUnavailable:
            raise
        except ScriptTrackingError as error:
            if isinstance(error, QueryFailed) and error.is_locked_out:
                raise
            reason = str(error)
        try:
            await self._learn_version(ledger)
        except TargetUnavailable:
            raise
        except ScriptTrackingError as error:
            if isinstance(error, QueryFailed) and error.is_locked_out:
                raise
            self.target.schema_version = 0
            reason = reason or (
                f"{error}; a superuser must run: script-tracking-exporter schema install --dsn DSN, and grant "
                "script_tracking_daemon to the exporter's role"
            )
        self.status.set("schema_version", self.target.schema_version)
        if reason is None and self.target.schema_version == 0:
            reason = "the schema is not installed: " + (
                "a standby gets it from its primary"
                if self.target.standby
                else "a superuser must run: script-tracking-exporter schema install --dsn DSN"
            )
        if reason is not None and reason != self._refused and self._schema_mode != "off":
            tell = log.error if self._seen and not self.target.schema_version else log.warning
            tell("schema_not_settled", target=self.target.name, reason=reason)
        self._refused = reason
        self.target.schema_known.set()
        return self._is_usable

    async def _learn_version(self, ledger: Ledger | None = None) -> None:
        """Learns which schema the database has, and whether this program may read it; asks where that was not read."""
        ledger = ledger or await read_ledger(await self.target.keeping.get())
        self.target.schema_version = ledger.version if ledger.is_whole else 0
        self.target.may_collect = not ledger.is_whole or may_collect(ledger)
        self._seen = self._seen or ledger.is_whole

    async def _has_moved(self) -> bool:
        """Whether somebody has upgraded, removed or hidden the schema since it was settled."""
        settled = (self.target.schema_version, self.target.may_collect)
        try:
            await self._learn_version()
        except ScriptTrackingError as error:
            return not (isinstance(error, QueryFailed) and error.is_locked_out)
        return (self.target.schema_version, self.target.may_collect) != settled

    async def keep(self) -> None:
        """Settles the schema, then keeps house, until cancelled; tries again for ever."""
        back_off = BackOff()
        while True:
            try:
                settled = await self.settle_schema()
            except TargetUnavailable:
                await self.target.keeping.discard()
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
                await asyncio.sleep(KEEPER_TICK_SECONDS if well else back_off.next())
                if monotonic() >= look:
                    if await self._has_moved():
                        break
                    look = monotonic() + SCHEMA_LOOK_SECONDS

    async def capture(self) -> None:
        """Lets each reader have its turn, again and again, until cancelled; they share one session.

        One that fails waits longer each time, and holds none of the others up; no longer than until the target, which
        did not answer, answers again.
        """
        waits = [BackOff() for _ in self._readers]
        due = [0.0 for _ in self._readers]
        wells = [True for _ in self._readers]
        times_up = self.target.times_up
        await self.target.schema_known.wait()
        while True:
            ready = self.target.schema_version >= CAPTURE_VERSION and self.target.may_collect
            if not ready or self.target.standby:
                await asyncio.sleep(CAPTURE_TICK_SECONDS)
                continue
            if times_up != self.target.times_up:
                times_up = self.target.times_up
                waits, due = [BackOff() for _ in self._readers], [0.0 for _ in self._readers]
            for number, reader in enumerate(self._readers):
                if due[number] > monotonic():
                    continue
                wells[number] = await reader.round()
                if wells[number]:
                    waits[number].reset()
                else:
                    due[number] = monotonic() + waits[number].next()
            self.status.set("capture_success", float(all(wells)))
            await asyncio.sleep(CAPTURE_TICK_SECONDS)


class Daemon:
    """All targets and the snapshot that they share."""

    def __init__(self, config: Config) -> None:
        known = metricmap.load()
        unknown = sorted(set(config.collectors) - {spec.name for spec in known})
        if unknown:
            raise ConfigurationError(
                f"collectors: {unknown[0]!r} is unknown; expected one of {', '.join(spec.name for spec in known)}"
            )
        self.schema_mode: SchemaMode = config.schema_mode
        self.capture = config.capture
        self.collectors = configured(known, config.collectors)
        self.own_metrics = metricmap.load_own()
        self.snapshot = Snapshot()
        for own in self.own_metrics.values():
            self.snapshot.declare(own, own.help)
        for spec in self.collectors:
            for metric in spec.metrics:
                self.snapshot.declare(
                    metric,
                    f"{metric.help} From {spec.function}(), cached, refreshed every {spec.interval:g} s.",
                )
        publish_build(self.snapshot, self.own_metrics)
        self.watches = [Watch(target, self) for target in config.targets]

    def is_ready(self) -> bool:
        """Whether every target has been tried once."""
        return all(watch.collector.attempted.is_set() for watch in self.watches)


class _Server(uvicorn.Server):
    """A server that leaves the signals to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.listen_host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it a kept connection waits 40 ms for its answer
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.listen_host, config.listen_port))
        listener.listen()  # from here on a client waits for its answer and is not refused
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"listen: {config.listen}: {error.strerror or error}") from None
    return listener


async def run(config: Config) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code. Raises ConfigurationError where it cannot listen."""
    daemon = Daemon(config)
    listener = _listen(config)
    app = web.create(lambda openmetrics: daemon.snapshot.exposition(openmetrics=openmetrics), daemon.is_ready)
    server = _Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(server.serve(sockets=[listener]))]
    for watch in daemon.watches:
        tasks += [asyncio.create_task(job) for job in (watch.keep(), watch.collector.run(), watch.capture())]
    log.info("started", listen=f"{config.listen_host}:{listener.getsockname()[1]}", targets=len(daemon.watches))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    failed = [task for task in tasks if task.done()]  # none of them ends by itself
    for task in failed:
        log.error("task_ended", reason=repr(task.exception()))
    server.should_exit = True
    for task in tasks[1:]:
        task.cancel()
    stopping.cancel()
    await asyncio.wait(tasks, timeout=STOP_SECONDS)
    tasks[0].cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS / 2):
            await asyncio.gather(*(watch.target.close() for watch in daemon.watches), return_exceptions=True)
    log.info("stopped")
    return 1 if failed else 0


def leave(code: int) -> NoReturn:
    """Ends the process at once. A thread that hangs, such as one that resolves a name, would keep the interpreter."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def collect_once(config: Config) -> int:
    """One cycle over all targets, the text on standard output; 1 where a target or collector failed."""
    daemon = Daemon(config)
    well = True
    for watch in daemon.watches:
        with contextlib.suppress(TargetUnavailable):  # collect_all says so
            await watch.settle_schema()
        well = await watch.collector.collect_all() and well
        await watch.target.close()
    sys.stdout.write(daemon.snapshot.exposition(openmetrics=False).decode())
    return 0 if well else 1
