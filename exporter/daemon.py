"""Puts the parts together: the tasks of each target, and what of them is told."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import exporter
from exporter import logs, metricmap
from exporter.breakage import Breakage, Breakages
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import publish_build, publish_thresholds, publish_values
from exporter.config import Config
from exporter.errors import ConfigurationError, TargetUnavailable
from exporter.fleet import Fleet
from exporter.inventory import Inventory, expanded
from exporter.logs import get_logger, mistake
from exporter.probe import Prober
from exporter.selfwatch import SelfWatch
from exporter.systemd import Manager
from exporter.vigil import NAMED, Vigil
from exporter.web.tally import Tally
from exporter.web.traffic import Traffic

if TYPE_CHECKING:
    from exporter.web.page import Scene
    from exporter.web.server import Server

log = get_logger("daemon")


class Daemon:
    """All targets, the snapshot that they share, and the configuration that holds at the moment."""

    def __init__(self, config: Config, reread: Callable[[], Config]) -> None:
        self.config = config
        self._reread = reread
        self._own_metrics = metricmap.load_own()
        self.snapshot = Snapshot()
        for own in self._own_metrics.values():
            self.snapshot.declare(own, own.documentation)
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

    async def start(self, make: Callable[[], Awaitable[Server]]) -> Server:
        """Begins, and makes what serves; whoever wants a reload meanwhile waits until there is something to reload."""
        async with self._turn:
            await self.begin()
            return await make()

    async def begin(self) -> None:
        """Begins to watch what the configuration says."""
        await self.inventory.adopt(self.config)
        await self._apply()
        self.inventory.begin()

    async def _apply(self) -> None:
        publish_thresholds(self.snapshot, self._own_metrics, self.config.alert_thresholds.told_of_exporter())
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
