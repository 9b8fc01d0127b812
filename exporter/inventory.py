"""What is to be watched: the configuration's targets, those of files, and the databases that are found on servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping

from exporter import metricmap
from exporter.breakage import Breakage, Breakages, is_to_end, lasting
from exporter.collect.families import Family
from exporter.collect.snapshot import Snapshot
from exporter.config import Config
from exporter.discovery import Discovery
from exporter.errors import ConfigurationError, TargetUnavailable
from exporter.logs import get_logger
from exporter.metricmap import MetricSpec
from exporter.targetconfig import TargetConfig
from exporter.targetfiles import TargetFiles, without_namesakes

log = get_logger("inventory")


class Inventory:
    """The wanted targets by what the configuration, its files and the servers say at the moment."""

    def __init__(
        self,
        snapshot: Snapshot,
        own_metrics: Mapping[str, MetricSpec],
        *,
        changed: Callable[[], None],
        ended: Callable[[asyncio.Task[None]], None],
        breakages: Breakages | None = None,
    ) -> None:
        """`changed` is called when other targets are wanted, `ended` with a task that ends by itself: none should.

        `breakages` are those of the process; without them the inventory's own are told.
        """
        self._breakages = breakages or Breakages(snapshot, own_metrics)
        self._snapshot = snapshot
        self._own_metrics = own_metrics
        self._changed = changed
        self._ended = ended
        self._config: Config | None = None
        self._files: TargetFiles | None = None
        self._watching: asyncio.Task[None] | None = None
        self._discoveries: dict[str, tuple[Discovery, asyncio.Task[None] | None]] = {}
        self._namesakes: list[str] = []

    @property
    def is_known(self) -> bool:
        """Whether every server that is to be asked for its databases was asked once."""
        entries = [entry for entry in self._declared()[0] if entry.discover is not None]
        asked = {name for name, (discovery, _) in self._discoveries.items() if discovery.attempted.is_set()}
        return {entry.name for entry in entries} <= asked

    @property
    def problems(self) -> list[str]:
        """What is wrong with files of targets."""
        return self._files.problems if self._files is not None else []

    @property
    def silent(self) -> list[str]:
        """Servers that did not name their databases when they were last asked."""
        return sorted(name for name, (discovery, _) in self._discoveries.items() if discovery.is_failing)

    async def adopt(self, config: Config) -> None:
        """Goes by another configuration; its files are read at once, whatever they were before."""
        before, self._config = self._config, config
        if before is None or self._files is None or before.file_sd != config.file_sd:
            self._files = None if config.file_sd is None else TargetFiles(config.file_sd)
        if self._files is not None:
            await asyncio.to_thread(self._files.look, anew=True)
        self._tell_files()

    def begin(self) -> None:
        """Has the files looked at again and again, by the configuration that holds now."""
        self._cancel(self._watching)
        files, self._watching = self._files, None
        if files is not None:
            breakage = self._breakage("target_files", "file_sd", least=2 * files.settings.interval)
            self._watching = self._task(lambda: self._watch_files(files), breakage)

    async def _watch_files(self, files: TargetFiles) -> None:
        while True:
            await asyncio.sleep(files.settings.interval)
            before = files.targets
            await asyncio.to_thread(files.look)
            self._tell_files()
            if files.targets != before:
                self._changed()

    def _declared(self) -> tuple[list[TargetConfig], list[str]]:
        """Entries of the configuration and of files, and the names of those whose name another has."""
        own = self._config.targets if self._config is not None else ()
        return without_namesakes([*own, *(self._files.targets if self._files is not None else ())])

    def targets(self, *, follow: bool = True) -> list[TargetConfig]:
        """What is to be watched now; with `follow` whoever is to be asked for databases is asked from now on."""
        declared, twice = self._declared()
        self._ask({entry.name: entry for entry in declared if entry.discover is not None}, follow=follow)
        found = [target for discovery, _ in self._discoveries.values() for target in discovery.targets]
        kept, again = without_namesakes([*(entry for entry in declared if entry.discover is None), *found])
        if twice + again != self._namesakes and twice + again:
            log.warning(
                "target_names_taken", left_out=sorted(twice + again), advice="the first of each name is watched"
            )
        self._namesakes = twice + again
        return kept

    def _ask(self, entries: Mapping[str, TargetConfig], *, follow: bool) -> None:
        """Begins and ends discoveries; one that is as it was goes on."""
        for name, (discovery, task) in list(self._discoveries.items()):
            if entries.get(name) == discovery.entry:
                continue
            self._cancel(task)
            del self._discoveries[name]
            self._snapshot.forget(name)
            if name in entries and entries[name].dsn.place == discovery.entry.dsn.place:
                self._discover(entries[name], follow=follow, before=discovery)
        for name, entry in entries.items():
            if name not in self._discoveries:
                self._discover(entry, follow=follow)

    def _discover(self, entry: TargetConfig, *, follow: bool, before: Discovery | None = None) -> None:
        discovery = Discovery(entry, self._snapshot, self._own_metrics)
        if before is not None:
            discovery.take_over(before)
        breakage = self._breakage("discovery", entry.name)
        task = self._task(lambda: self._follow(discovery), breakage) if follow else None
        self._discoveries[entry.name] = discovery, task

    async def look_once(self) -> list[TargetConfig]:
        """What is to be watched, every server asked once. Raises ConfigurationError for a broken file."""
        self.targets(follow=False)
        if self.problems:
            raise ConfigurationError(problems=self.problems)
        silent = [d.entry.name for d, _ in self._discoveries.values() if not await d.look()]
        if silent:
            raise TargetUnavailable(f"no databases could be found on {', '.join(silent)}")
        return self.targets(follow=False)

    def end(self) -> None:
        """Ends what was begun."""
        for task in (self._watching, *(task for _, task in self._discoveries.values())):
            self._cancel(task)

    async def _follow(self, discovery: Discovery) -> None:
        try:
            await discovery.run(self._changed)
        except Exception:
            if is_to_end():  # nothing more is told of it
                raise
            discovery.failed()
            if not discovery.attempted.is_set():  # the others' targets do not wait for it
                discovery.attempted.set()
                self._changed()
            raise

    def _breakage(self, task: str, source: str, least: float = 0.0) -> Breakage:
        return Breakage(self._breakages, task, log, "source_broken", "source_resumed", least=least, source=source)

    def _task(self, job: Callable[[], Coroutine[None, None, None]], breakage: Breakage) -> asyncio.Task[None]:
        task = asyncio.create_task(lasting(job, breakage))
        task.add_done_callback(lambda task: None if task.cancelled() else self._ended(task))
        return task

    @staticmethod
    def _cancel(task: asyncio.Task[None] | None) -> None:
        if task is not None:
            task.cancel()

    def _tell_files(self) -> None:
        spec = self._own_metrics["target_file_success"]
        success = self._files.success if self._files is not None else {}
        family = Family(spec, {(("file", name),): float(well) for name, well in success.items()})
        self._snapshot.put("", "target_file_success", [family])


async def expanded(config: Config) -> Config:
    """The same configuration with the targets of files and servers in place of what names these.

    Raises ConfigurationError for a broken file and TargetUnavailable where a server does not answer.
    """
    if config.file_sd is None and all(target.discover is None for target in config.targets):
        return config
    snapshot, own_metrics = Snapshot(), metricmap.load_own()
    for own in own_metrics.values():
        snapshot.declare(own, own.documentation)
    inventory = Inventory(snapshot, own_metrics, changed=lambda: None, ended=lambda task: None)
    await inventory.adopt(config)
    return config.model_copy(update={"targets": tuple(await inventory.look_once()), "file_sd": None})
