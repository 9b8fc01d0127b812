"""Answers /probe: one database that a module allows is asked once, in a session of its own, which is closed then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.alertconfig import TargetThresholds
from exporter.collect.collector import TargetCollector, configured
from exporter.collect.packing import Text
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import TargetStatus
from exporter.config import Config
from exporter.errors import ConfigurationError, ScriptTrackingError, TargetUnavailable
from exporter.logs import get_logger
from exporter.metricmap import CollectorSpec, MetricSpec
from exporter.probeconfig import ProbeModule, place_of
from exporter.schema.plan import glance
from exporter.sessions import Sessions
from exporter.target import Target

log = get_logger("web")

REMEMBERED = 1000  # databases of which the last state is known, so that the log tells of changes alone
MARGIN_SECONDS = 0.5  # of a scrape's timeout, for the way back


@dataclass(frozen=True)
class Refusal:
    """Why a probe is not made."""

    status: int
    text: str


class Prober:
    """Makes probes, so many at a time, and of a database one by a module: who asks for it meanwhile, with as much time,
    gets the same.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        specs: Sequence[CollectorSpec],
        own_metrics: Mapping[str, MetricSpec],
        sessions: Sessions,
    ) -> None:
        self._config = config
        self._specs = specs
        self._own_metrics = own_metrics
        self._sessions = sessions
        # by module, target and seconds that it may take: after fewer it is given up, and told of as one that is down
        self._running: dict[tuple[str, str, float], asyncio.Task[Snapshot]] = {}
        # whether a database answered, and which collectors failed why, by module and target
        self._known: dict[tuple[str, str], tuple[bool | None, dict[str, str]]] = {}
        self._unreadable: dict[str, str] = {}  # why a module's credentials cannot be read

    async def answer(
        self, target: Sequence[str], module: Sequence[str], scrape_timeout: str | None, *, openmetrics: bool
    ) -> Text | Refusal:
        """The metrics of that database alone; that it does not answer is one of them."""
        settings = self._config().probe
        if not settings.modules:
            return Refusal(403, "not enabled: probe.modules")
        if len(target) != 1 or len(module) != 1:
            return Refusal(400, "expected target=HOST[:PORT]/DATABASE and module=NAME, once each")
        chosen = settings.modules.get(module[0])
        if chosen is None:
            return Refusal(404, "there is no such module in the configuration (probe.modules)")
        place = place_of(target[0])
        if place is None:
            return Refusal(
                400, "expected target=HOST[:PORT]/DATABASE: no DSN and no credentials, these are the module's"
            )
        if not chosen.allows(*place):
            return Refusal(403, "the module does not allow that host, port or database")
        seconds = _seconds(chosen, scrape_timeout)
        running = self._running.get((module[0], target[0], seconds))
        if running is None and len(self._running) >= settings.concurrency:
            return Refusal(503, "too many probes at a time (probe.concurrency)")
        try:
            if running is None:
                running = self._begin(chosen, module[0], target[0], place, seconds)
                snapshot = await asyncio.shield(running)  # whoever asked: others may wait for it too
            else:
                async with asyncio.timeout(seconds):
                    snapshot = await asyncio.shield(running)
        except TimeoutError:
            return Refusal(503, "the probe of it that is being made takes longer")
        except ConfigurationError as error:
            if self._unreadable.get(module[0]) != str(error):
                log.warning("probe_failed", module=module[0], reason=str(error))
            self._unreadable[module[0]] = str(error)
            return Refusal(500, "the module's credentials cannot be read: the log tells more")
        if self._unreadable.pop(module[0], None) is not None:
            log.info("probe_recovered", module=module[0])
        return snapshot.text(openmetrics=openmetrics)

    def _begin(
        self, module: ProbeModule, module_name: str, name: str, place: tuple[str, str, str], seconds: float
    ) -> asyncio.Task[Snapshot]:
        key = module_name, name, seconds
        running = asyncio.create_task(self._probe(module, module_name, name, place, seconds))
        self._running[key] = running

        def ended(task: asyncio.Task[Snapshot]) -> None:
            del self._running[key]
            if not task.cancelled():
                task.exception()  # whoever waits for it is told; it may be that nobody does any more

        running.add_done_callback(ended)
        return running

    async def _probe(
        self, module: ProbeModule, module_name: str, name: str, place: tuple[str, str, str], seconds: float
    ) -> Snapshot:
        known = [*self._specs, *self._config().own_collectors]
        chosen = [spec for spec in known if not module.collectors or spec.name in module.collectors]
        specs = configured(chosen, self._config().collectors)
        snapshot = Snapshot()
        for own in self._own_metrics.values():
            snapshot.declare(own, own.documentation)
        for spec in specs:
            for metric in spec.metrics:
                snapshot.declare(metric, f"{metric.documentation} From {spec.function}(), asked by this probe.")
        target = Target(module.target(name, *place), self._sessions)
        target.up, failing = self._known.get((module_name, name), (None, {}))
        status = TargetStatus(name, self._own_metrics)
        status.replace("alert_threshold", "threshold", self._config().alert_thresholds.told_of(TargetThresholds()))
        collector = TargetCollector(target, specs, snapshot, status, self._config().limits, failing)
        try:
            async with asyncio.timeout(seconds):
                with contextlib.suppress(TargetUnavailable):  # collect_all says so
                    await _learn_schema(target)
                await collector.collect_all()
        except TimeoutError:
            await target.lost(TargetUnavailable(f"the probe took longer than {seconds:g} s"))
            collector.withdraw()
        finally:
            await target.close()
            self._known.pop((module_name, name), None)
            self._known[module_name, name] = target.up, failing
            if len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]
        return snapshot


async def _learn_schema(target: Target) -> None:
    async with target.sessions.session() as session:
        try:
            standing = await glance(session.connection)  # which ends at once where the probe's time is over
        except TargetUnavailable:
            raise
        except ScriptTrackingError:  # somebody else's, or not to be read: its collectors fail, and say so
            return
    if standing is not None:
        target.schema_version, target.may_collect = standing.settled


def _seconds(module: ProbeModule, scrape_timeout: str | None) -> float:
    """How long a probe may take; Prometheus says with each scrape how long it waits."""
    try:
        asked = float(scrape_timeout or "")
    except ValueError:
        return module.timeout
    return min(module.timeout, max(asked - MARGIN_SECONDS, MARGIN_SECONDS)) if asked > 0 else module.timeout
