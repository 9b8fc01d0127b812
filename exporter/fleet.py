"""All watches of the program: changed to what is wanted, and those that are wanted as they are left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from exporter import garbage, metricmap
from exporter.breakage import Breakage, Breakages
from exporter.changes.references import RuleBook
from exporter.collect.collector import configured
from exporter.collect.families import Family
from exporter.collect.snapshot import Snapshot
from exporter.config import Config
from exporter.logs import get_logger, mistake
from exporter.metricmap import CollectorSpec, MetricSpec
from exporter.schedule import monotonic
from exporter.sessions import Sessions
from exporter.targetconfig import TargetConfig
from exporter.watch import Watch

log = get_logger("fleet")

MOST_NAMES = 20
BREATH_SECONDS = 0.02


class Fleet:
    """The watches by the name of their target."""

    def __init__(
        self, snapshot: Snapshot, own_metrics: Mapping[str, MetricSpec], breakages: Breakages | None = None
    ) -> None:
        """`breakages` are those of the process; without them the fleet's own are told."""
        self.sessions = Sessions()
        self._breakages = breakages or Breakages(snapshot, own_metrics)
        self._snapshot = snapshot
        self._own_metrics = own_metrics
        self._known = metricmap.load()
        self._collectors: Sequence[CollectorSpec] = ()
        self._watches: dict[str, Watch] = {}
        self._ending: set[Watch] = set()
        self._config: Config | None = None
        self._rule_book: RuleBook | None = None
        self._broken: dict[str, Breakage] = {}  # of targets whose watch has broken
        self._mending: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._breath = 0.0
        self.failed = asyncio.Event()  # set where a task of nobody's but the program itself ended

    @property
    def watches(self) -> list[Watch]:
        """All that are watched."""
        return list(self._watches.values())

    def _adopt(self, config: Config) -> bool:
        """Makes the collectors known that the configuration wants; whether they are others than before."""
        self._config = config
        self.sessions.limit_to(config.sessions.limit, config.sessions.connecting)
        self._adopt_rules(config)
        before, known = self._collectors, [*self._known, *config.own_collectors]
        self._collectors = configured(known, config.collectors)
        if before == self._collectors:
            return False
        for spec in self._collectors:
            for metric in spec.metrics:
                self._snapshot.declare(
                    metric,
                    f"{metric.documentation} From {spec.function}(), cached, refreshed every {spec.interval:g} s.",
                )
        return True

    def _adopt_rules(self, config: Config) -> None:
        """Has the watches judge by what the configuration says; as it was, it keeps what it has read of files."""
        before = self._rule_book
        if config.changes is None:
            self._rule_book = None
        elif before is None or before.config != config.changes:
            self._rule_book = RuleBook(config.changes, before, self._tell_references)
        if self._rule_book is not before:
            self._tell_references({} if self._rule_book is None else self._rule_book.files.success)
        for watch in self._watches.values():
            watch.judge.book = self._rule_book

    def _tell_references(self, success: Mapping[str, bool]) -> None:
        spec = self._own_metrics["reference_file_success"]
        family = Family(spec, {(("file", name),): float(well) for name, well in success.items()})
        self._snapshot.put("", "reference_file_success", [family])

    def build(self, config: Config, targets: Sequence[TargetConfig]) -> list[Watch]:
        """Adds watches whose tasks are not begun."""
        self._adopt(config)
        made = [self._watch(config, target) for target in targets]
        self._watches |= {watch.config.name: watch for watch in made}
        return made

    def _watch(self, config: Config, target: TargetConfig) -> Watch:
        watch = Watch(
            target,
            self._snapshot,
            self._collectors,
            self._own_metrics,
            schema_mode=config.schema_mode,
            capture=config.capture,
            archive=config.archive,
            rule_book=self._rule_book,
            sessions=self.sessions,
            limits=config.limits,
        )
        watch.tell_thresholds(config.alert_thresholds)
        return watch

    async def apply(self, config: Config, targets: Sequence[TargetConfig]) -> None:
        """Watches these targets and no others. A target that is as it was keeps its sessions and what it has told."""
        async with self._turn:
            wanted = {target.name: target for target in targets}
            ended, replaced = [], []
            for name, watch in self._watches.items():
                if name not in wanted:
                    ended.append(watch)
                elif not _carries_on(watch, config, wanted[name]):
                    replaced.append(watch)
            added = [target for name, target in wanted.items() if name not in self._watches]
            again = [wanted[watch.config.name] for watch in replaced]
            for watch in (*ended, *replaced):
                del self._watches[watch.config.name]
            for watch in ended:
                if (breakage := self._broken.pop(watch.config.name, None)) is not None:
                    breakage.end()
            self._ending |= {*ended, *replaced}
            ending = asyncio.gather(*(self._end(watch) for watch in (*ended, *replaced)))
            for watch in self.watches:
                watch.collector.caps.limits = config.limits
                watch.tell_thresholds(config.alert_thresholds)
            if self._adopt(config):
                for watch in self.watches:
                    watch.collector.adopt(self._collectors)
                    await self._breathe()
            await self._start(config, added)
            await ending
            self._ending -= {*ended, *replaced}
            await self._start(config, again)
            for watch in self._watches.values():
                watch.collector.names.wanted = config.web.page == "full"
            garbage.look_for(len(self._watches), gone=len(ended) + len(replaced))
            if ended or added or again:
                log.info(
                    "targets_changed",
                    added=_some([target.name for target in added]),
                    removed=_some([watch.config.name for watch in ended]),
                    changed=_some([target.name for target in again]),
                    watched=len(self._watches),
                )

    async def _start(self, config: Config, targets: Sequence[TargetConfig]) -> None:
        for target in targets:
            watch = self._watches[target.name] = self._watch(config, target)
            self._begin(watch)
            await self._breathe()

    def _begin(self, watch: Watch) -> None:
        watch.start(lambda task: self._broke(watch, task))
        if watch.config.name in self._broken:
            self._broken[watch.config.name].begun()

    def _broke(self, watch: Watch, ended: asyncio.Task[None]) -> None:
        """Tells of a task of a watch that ended by itself, which is a mistake of ours, and mends that watch alone."""
        name, breakage = watch.config.name, self._breakage(watch)
        error = None if ended.cancelled() else ended.exception()
        if watch in self._ending:
            breakage.met(error, again=False)
            return
        if name in self._watches:
            self._broken[name] = breakage
        breakage.met(error)
        task = asyncio.create_task(self._mend(watch, breakage))
        self._mending.add(task)
        task.add_done_callback(self._mended)

    def _breakage(self, watch: Watch) -> Breakage:
        """What is known of the mistakes in watching that target."""
        name = watch.config.name
        known = self._broken.get(name)
        return known or Breakage(self._breakages, "watch", log, "watch_broken", "watch_resumed", target=name)

    async def _end(self, watch: Watch) -> None:
        """Ends a watch. A mistake of ours in that is told, and costs no other anything."""
        try:
            await watch.end()
        except Exception as error:
            self._breakage(watch).met(error, again=False)

    def _mended(self, task: asyncio.Task[None]) -> None:
        self._mending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.task_ended(task)  # its target would be watched by nobody

    async def _mend(self, watch: Watch, breakage: Breakage) -> None:
        """Puts another watch in the place of one that broke, which begins a while later: longer each time. Where that
        fails, too, it is tried anew.
        """
        name = watch.config.name
        while True:
            try:
                async with self._turn:
                    if self._watches.get(name) is not watch or self._config is None:
                        return  # another task of it broke before, or it is wanted no more
                    self._ending.add(watch)
                    await self._end(watch)
                    again = self._watch(self._config, watch.config)
                    again.collector.names.wanted = watch.collector.names.wanted
                    again.rest("the exporter failed in watching it: watch_broken in its log tells where")
                    self._ending.discard(watch)
                    watch = self._watches[name] = again
                await asyncio.sleep(breakage.wait())
                async with self._turn:
                    if self._watches.get(name) is watch:
                        self._begin(watch)
                return
            except Exception as error:
                breakage.met(error)
            await asyncio.sleep(breakage.wait())

    async def _breathe(self) -> None:
        """Lets the other tasks have their turn now and then: there may be hundreds of targets."""
        if monotonic() > self._breath:
            await asyncio.sleep(0)
            self._breath = monotonic() + BREATH_SECONDS

    def task_ended(self, task: asyncio.Task[None]) -> None:
        """Tells of a task that ended by itself, without which the program is not whole."""
        error = None if task.cancelled() else task.exception()
        log.error("task_ended", **mistake(error), advice="the exporter ends; report this line")
        self.failed.set()

    async def end(self) -> None:
        """Ends all watches."""
        for task in self._mending:
            task.cancel()
        for breakage in self._broken.values():
            breakage.end()
        self._ending |= {*self._watches.values()}
        await asyncio.gather(*(self._end(watch) for watch in self._ending))


def _some(names: list[str]) -> list[str]:
    """So many of the names as a line of the log bears."""
    return names if len(names) <= MOST_NAMES else [*names[:MOST_NAMES], f"and {len(names) - MOST_NAMES} more"]


def _carries_on(watch: Watch, config: Config, target: TargetConfig) -> bool:
    """Whether a watch goes on as what is wanted now, with other credentials if need be.

    One whose database does not answer begins anew, so that other credentials are tried at once.
    """
    if watch.settings != (config.schema_mode, target.capture or config.capture, config.archive):
        return False
    if watch.config.with_thresholds_of(target) == target:
        watch.config = target
        return True
    if not watch.config.leads_where(target) or watch.target.up is not True:
        return False
    watch.renew(target)
    return True
