"""Puts the parts together: the tasks of each target, and HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

import exporter
from exporter import logs, metricmap
from exporter.breakage import Breakage, Breakages, lasting
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import publish_build, publish_values
from exporter.config import Config
from exporter.errors import ConfigurationError, TargetUnavailable
from exporter.fleet import Fleet
from exporter.inventory import Inventory, expanded
from exporter.logs import get_logger, mistake
from exporter.probe import Prober
from exporter.selfwatch import SelfWatch
from exporter.systemd import Manager
from exporter.vigil import NAMED, Vigil
from exporter.web.settings import WebSettings
from exporter.web.tally import Tally
from exporter.web.traffic import Traffic

if TYPE_CHECKING:
    from exporter.web.page import Scene
    from exporter.web.server import Server

log = get_logger("daemon")

STOP_SECONDS = 1.0
SWITCH_SECONDS = 0.0005  # while something is loaded beside it, the event loop waits no longer for its turn


class Daemon:
    """All targets, the snapshot that they share, and the configuration that holds at the moment."""

    def __init__(self, config: Config, reread: Callable[[], Config]) -> None:
        self.config = config
        self._reread = reread
        self._own_metrics = metricmap.load_own()
        self.snapshot = Snapshot()
        for own in self._own_metrics.values():
            self.snapshot.declare(own, own.help)
        publish_build(self.snapshot, self._own_metrics)
        self.breakages = Breakages(self.snapshot, self._own_metrics)
        self.fleet = Fleet(self.snapshot, self._own_metrics, self.breakages)
        self.manager = Manager()
        self.vigil = Vigil(lambda: self.fleet.watches, self.manager)
        self._changed = asyncio.Event()  # set where a file or a server names other targets
        self.inventory = Inventory(
            self.snapshot,
            self._own_metrics,
            changed=self._changed.set,
            ended=self.fleet.task_ended,
            breakages=self.breakages,
        )
        self.prober = Prober(lambda: self.config, metricmap.load(), self._own_metrics, self.fleet.sessions)
        self.tally = Tally()
        self.traffic = Traffic()
        news = (self.tally.news, self.traffic.news)
        self.self_watch = SelfWatch(self.snapshot, self._own_metrics, self.fleet.sessions, news)
        self._applied = False
        self._was_ready = False
        self._web_well = True
        self._not_after: float | None = None
        self._turn = asyncio.Lock()
        self._tell_reload(True)

    def not_ready(self) -> str | None:
        """Why the daemon is not ready to be scraped: a target that it started with has not been tried yet, or one is
        tried no more; None where it is ready.
        """
        if not self._was_ready:
            attempted = (watch.collector.attempted.is_set() for watch in self.fleet.watches)
            self._was_ready = self._applied and all(attempted)
        stalled = self.vigil.stalled
        if stalled:
            return f"collection stalls: {', '.join(stalled[:NAMED])}"
        return None if self._was_ready else "no snapshot yet"

    async def scene(self) -> Scene:
        """What the page for people shows."""
        from exporter.overview import of_exporter, overviews
        from exporter.web.page import Scene

        problems = of_exporter(
            config_refused=not self._config_well,
            web_refused=not self._web_well,
            files=self.inventory.problems,
            silent=self.inventory.silent,
            not_after=self._not_after,
        )
        return Scene(
            self.config.web.page,
            await overviews(self.fleet.watches),
            exporter.__version__,
            self.not_ready(),
            tuple(problems),
            api=bool(self.config.api.tokens),
        )

    async def start(self, make: Callable[[], Server]) -> Server:
        """Begins, and makes what serves; whoever wants a reload meanwhile waits until there is something to reload."""
        async with self._turn:
            await self.begin()
            return await _loaded(make)

    async def begin(self) -> None:
        """Begins to watch what the configuration says."""
        await self.inventory.adopt(self.config)
        await self._apply()
        self.inventory.begin()

    async def _apply(self) -> None:
        complete = self.inventory.is_known
        if self.config.api.tokens:
            self.tally.begin()
        await self.fleet.apply(self.config, self.inventory.targets())
        self._applied = self._applied or complete

    async def follow(self) -> None:
        """Watches what files and servers name, whenever that changes, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                async with self._turn:
                    await self._apply()
            except BaseException:
                self._changed.set()  # it is not done yet
                raise

    async def reload(self) -> tuple[str, ...]:
        """Reads the configuration anew and applies it; what is wrong with it, and then the last good one stays."""
        async with self._turn:
            self.manager.reloading()
            try:
                return await self._reload()
            except Exception as error:
                advice = "what was in force may be so in part; report this line"
                log.error("reload_broken", **mistake(error), advice=advice)
                self._tell_reload(False)
                return ("a mistake of the exporter's own: its log tells where (reload_broken)",)
            finally:
                self.manager.ready()

    async def _reload(self) -> tuple[str, ...]:
        try:
            config = await asyncio.to_thread(self._reread)
        except ConfigurationError as error:
            log.error("configuration_refused", problems=error.problems, advice="the last good one stays in force")
            self._tell_reload(False)
            return error.problems
        if config.listen != self.config.listen:
            log.warning("listen_unchanged", listen=self.config.listen, advice="another address takes a restart")
            config = config.model_copy(update={"listen": self.config.listen})
        if config.web.config_file != self.config.web.config_file:
            log.warning("web_config_unchanged", file=str(self.config.web.config_file), advice="that takes a restart")
            web_section = config.web.model_copy(update={"config_file": self.config.web.config_file})
            config = config.model_copy(update={"web": web_section})
        self.config = config
        logs.configure(config.log.format, config.log.level, config.log.levels)
        await self.begin()
        log.info("configuration_reloaded", targets=len(self.fleet.watches))
        self._tell_reload(True)
        return ()

    def breakage(self, task: str) -> Breakage:
        """What is to be known of a task that never ends, should it break."""
        return Breakage(self.breakages, task, log, "task_broken", "task_resumed", task=task)

    def _tell_reload(self, well: bool) -> None:
        self._config_well = well
        values = {"config_reload_successful": float(well)}
        if well:
            values["config_reload_success_time"] = time.time()
        publish_values(self.snapshot, self._own_metrics, "", values)

    def tell_web_reload(self, well: bool, at: float, not_after: float | None) -> None:
        """Hands out whether the web configuration is in order, when the one in force was read, and when its certificate
        ends.
        """
        self._web_well = well
        self._not_after = not_after
        values = {
            "web_config_reload_successful": float(well),
            "web_config_reload_success_time": at,
            "web_certificate_not_after": not_after,
        }
        publish_values(self.snapshot, self._own_metrics, "", values)


async def run(config: Config, reread: Callable[[], Config], listener: socket.socket) -> int:
    """Serves on a listening socket until SIGTERM or SIGINT; returns the exit code.

    SIGHUP has the configuration read anew by `reread`.
    """
    _allow_files()
    settings = WebSettings(config.web.config_file)
    daemon = Daemon(config, reread)
    stop = asyncio.Event()
    reloads: set[asyncio.Task[tuple[str, ...]]] = set()

    def begin_reload() -> None:
        task = asyncio.create_task(daemon.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.of_loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, begin_reload)
    server = await daemon.start(lambda: _server(daemon, settings, listener))
    serving = asyncio.create_task(server.serve())
    jobs = {
        "follow": daemon.follow,
        "self_watch": daemon.self_watch.run,
        "vigil": daemon.vigil.run,
        "web_config": lambda: settings.watch(daemon.tell_web_reload),
    }
    tasks = [serving, *(asyncio.create_task(lasting(job, daemon.breakage(name))) for name, job in jobs.items())]
    daemon.manager.ready()
    log.info("started", listen=f"{config.listen_host}:{listener.getsockname()[1]}", targets=len(daemon.fleet.watches))
    waits = [asyncio.create_task(event.wait()) for event in (stop, daemon.fleet.failed)]
    await asyncio.wait([*waits, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for done in [task for task in tasks if task.done()]:
        daemon.fleet.task_ended(done)  # none does by itself
    failed = daemon.fleet.failed.is_set()
    daemon.manager.stopping()
    server.should_exit = True
    daemon.inventory.end()
    for task in (*waits, *reloads, *tasks[1:]):
        task.cancel()
    ending = asyncio.create_task(daemon.fleet.end())
    await asyncio.wait([serving, ending], timeout=STOP_SECONDS)
    for task in (serving, ending):
        task.cancel()
    log.info("stopped")
    return 1 if failed else 0


async def _loaded(make: Callable[[], Server]) -> Server:
    """What is made beside the event loop: the first collection does not wait for it."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        return await asyncio.to_thread(make)
    finally:
        sys.setswitchinterval(interval)
        gc.collect()  # what is frozen is never looked through again, the garbage of the start included
        gc.freeze()
        gc.enable()


def _server(daemon: Daemon, settings: WebSettings, listener: socket.socket) -> Server:
    from exporter.web import app as web
    from exporter.web.page import Source
    from exporter.web.server import Server

    app = web.create(
        lambda openmetrics: daemon.snapshot.text(openmetrics=openmetrics),
        daemon.not_ready,
        lambda: daemon.reload if daemon.config.web.enable_lifecycle else None,
        settings,
        Source(lambda: daemon.config.web.page, daemon.scene),
        lambda: daemon.config.api.tokens,
        lambda: daemon.fleet.watches,
        daemon.prober,
        daemon.tally,
        daemon.traffic,
    )
    return Server(app, listener, settings.security, traffic=daemon.traffic)


def _allow_files() -> None:
    """Lets the process have as many sockets as the system allows: the usual bound of 1,024 is for who uses select()."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def leave(code: int) -> NoReturn:
    """Ends the process at once. A thread that hangs, such as one that resolves a name, would keep the interpreter."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def collect_once(config: Config) -> int:
    """One cycle over all targets, the text on standard output; 1 where a target or collector failed."""
    daemon = Daemon(config, lambda: config)
    well = True
    for watch in daemon.fleet.build(config, (await expanded(config)).targets):
        with contextlib.suppress(TargetUnavailable):  # collect_all says so
            await watch.schema.settle()
        well = await watch.collector.collect_all() and well
        await watch.target.close()
    sys.stdout.write(daemon.snapshot.exposition(openmetrics=False).decode())
    return 0 if well else 1
