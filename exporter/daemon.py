"""Puts the parts together: the tasks of each target, and HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import NoReturn

from exporter import metricmap
from exporter.collect.collector import configured
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import publish_build
from exporter.config import Config
from exporter.errors import ConfigurationError, TargetUnavailable
from exporter.logs import get_logger
from exporter.watch import Watch
from exporter.web import app as web
from exporter.web.server import Server, listen

log = get_logger("daemon")

STOP_SECONDS = 1.0


class Daemon:
    """All targets and the snapshot that they share."""

    def __init__(self, config: Config) -> None:
        known = metricmap.load()
        unknown = sorted(set(config.collectors) - {spec.name for spec in known})
        if unknown:
            raise ConfigurationError(
                f"collectors: {unknown[0]!r} is unknown; expected one of {', '.join(spec.name for spec in known)}"
            )
        collectors = configured(known, config.collectors)
        own_metrics = metricmap.load_own()
        self.snapshot = Snapshot()
        for own in own_metrics.values():
            self.snapshot.declare(own, own.help)
        for spec in collectors:
            for metric in spec.metrics:
                self.snapshot.declare(
                    metric,
                    f"{metric.help} From {spec.function}(), cached, refreshed every {spec.interval:g} s.",
                )
        publish_build(self.snapshot, own_metrics)
        self.watches = [
            Watch(
                target, self.snapshot, collectors, own_metrics, schema_mode=config.schema_mode, capture=config.capture
            )
            for target in config.targets
        ]

    def not_ready(self) -> str | None:
        """Why the daemon is not ready to be scraped: a target that has not been tried yet; None where it is ready."""
        if all(watch.collector.attempted.is_set() for watch in self.watches):
            return None
        return "no snapshot yet"


async def run(config: Config) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code. Raises ConfigurationError where it cannot listen."""
    daemon = Daemon(config)
    listener = listen(config.listen_host, config.listen_port)
    app = web.create(lambda openmetrics: daemon.snapshot.exposition(openmetrics=openmetrics), daemon.not_ready)
    server = Server(app, listener, lambda: (None, None))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(server.serve())]
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
