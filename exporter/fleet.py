"""All watches of the program: changed to what is wanted, and those that are wanted as they are left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from exporter import metricmap
from exporter.collect.collector import configured
from exporter.collect.snapshot import Snapshot
from exporter.config import Config, TargetConfig
from exporter.logs import get_logger
from exporter.metricmap import CollectorSpec, MetricSpec
from exporter.watch import Watch

log = get_logger("fleet")


class Fleet:
    """The watches by the name of their target."""

    def __init__(self, snapshot: Snapshot, own_metrics: Mapping[str, MetricSpec]) -> None:
        self._snapshot = snapshot
        self._own_metrics = own_metrics
        self._known = metricmap.load()
        self._collectors: Sequence[CollectorSpec] = ()
        self._watches: dict[str, Watch] = {}
        self._ending: set[Watch] = set()
        self._turn = asyncio.Lock()
        self.failed = asyncio.Event()  # set where a task ended by itself

    @property
    def watches(self) -> list[Watch]:
        """All that are watched."""
        return list(self._watches.values())

    def _adopt(self, config: Config) -> None:
        """Makes the collectors known that the configuration wants."""
        self._collectors = configured(self._known, config.collectors)
        for spec in self._collectors:
            for metric in spec.metrics:
                self._snapshot.declare(
                    metric,
                    f"{metric.help} From {spec.function}(), cached, refreshed every {spec.interval:g} s.",
                )

    def build(self, config: Config, targets: Sequence[TargetConfig]) -> list[Watch]:
        """Adds watches whose tasks are not begun."""
        self._adopt(config)
        made = [self._watch(config, target) for target in targets]
        self._watches |= {watch.config.name: watch for watch in made}
        return made

    def _watch(self, config: Config, target: TargetConfig) -> Watch:
        return Watch(
            target,
            self._snapshot,
            self._collectors,
            self._own_metrics,
            schema_mode=config.schema_mode,
            capture=config.capture,
        )

    async def apply(self, config: Config, targets: Sequence[TargetConfig]) -> None:
        """Watches these targets and no others. A target that is as it was keeps its sessions and what it has told."""
        async with self._turn:
            wanted = {target.name: target for target in targets}
            ended, added, replaced = [], [], []
            for name, watch in self._watches.items():
                if name not in wanted:
                    ended.append(watch)
                elif not _carries_on(watch, config, wanted[name]):
                    replaced.append(watch)
            stay = [watch for watch in self.watches if watch not in ended and watch not in replaced]
            self._adopt(config)
            for watch in stay:
                watch.collector.adopt(self._collectors)
            added = [target for name, target in wanted.items() if name not in self._watches]
            again = [wanted[watch.config.name] for watch in replaced]
            for watch in (*ended, *replaced):
                del self._watches[watch.config.name]
            self._start(config, added)
            self._ending |= {*ended, *replaced}
            await asyncio.gather(*(watch.end() for watch in (*ended, *replaced)))
            self._ending -= {*ended, *replaced}
            self._start(config, again)
            if ended or added or again:
                log.info(
                    "targets_changed",
                    added=[target.name for target in added],
                    removed=[watch.config.name for watch in ended],
                    changed=[target.name for target in again],
                    watched=len(self._watches),
                )

    def _start(self, config: Config, targets: Sequence[TargetConfig]) -> None:
        for target in targets:
            watch = self._watches[target.name] = self._watch(config, target)
            watch.start(self.task_ended)

    def task_ended(self, task: asyncio.Task[None]) -> None:
        """Tells of a task that ended by itself."""
        log.error("task_ended", reason=repr(task.exception()))
        self.failed.set()

    async def end(self) -> None:
        """Ends all watches."""
        everyone = {*self._watches.values(), *self._ending}
        await asyncio.gather(*(watch.end() for watch in everyone), return_exceptions=True)


def _carries_on(watch: Watch, config: Config, target: TargetConfig) -> bool:
    """Whether a watch goes on as what is wanted now, with other credentials if need be.

    One whose database does not answer begins anew, so that other credentials are tried at once.
    """
    if watch.settings != (config.schema_mode, target.capture or config.capture):
        return False
    if watch.config == target:
        return True
    if not watch.config.leads_where(target) or watch.target.up is not True:
        return False
    watch.renew(target)
    return True
