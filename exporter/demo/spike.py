"""The part of the story in which a tenant's errors spike, and the page arrives."""

from __future__ import annotations

import asyncio
import time

from exporter.demo import shipped
from exporter.demo.exposition import Scrape
from exporter.demo.monitoring import Monitoring
from exporter.demo.scene import OPERATIONS, Scene, failure_ratio
from exporter.demo.webhook import Notification, Status

ALERT = "ScriptTrackingErrorSpike"
TENANT = "globex"
RATIO, FAILURES = "error_spike_failure_ratio", "error_spike_failures"
TOLD_SECONDS = 60.0
SPIKE_SECONDS = 120.0
MENDED_SECONDS = 120.0
PAGE_SECONDS = 180.0
POLL_SECONDS = 0.2


async def errors_spike(scene: Scene) -> None:
    """Failures cross the threshold of the shipped rule, as the metrics count them."""
    scene.terminal.step("An error spike: the failure ratio crosses the alert's threshold")
    limits = shipped.alert_thresholds()
    scene.terminal.fact(
        "the shipped rule", f"{ALERT}: ratio > {limits[RATIO]:g} and failures >= {limits[FAILURES]:g} within 5 minutes"
    )
    _say_ratio(scene, f"{TENANT} before", await _told(scene))
    scene.workload.break_import(TENANT)
    scene.terminal.fact(f"{TENANT}_job", "customer-import meets yesterday's file, fails (23505), is tried again")
    scrape = await scene.watcher.until(
        lambda told: (
            failure_ratio(told, TENANT)[0] > limits[RATIO] and failure_ratio(told, TENANT)[1] >= limits[FAILURES]
        ),
        SPIKE_SECONDS,
    )
    _say_ratio(scene, f"{TENANT} now", scrape)
    scene.terminal.curl(scene.watcher.metrics_url, f"^{OPERATIONS}.*{TENANT}")
    if scene.monitoring is None:
        await _mend(scene)


async def page_arrives(scene: Scene) -> None:
    """Alertmanager delivers the page to a webhook, and takes it back once the import is mended."""
    scene.terminal.step("The page arrives, and resolves")
    if scene.monitoring is None:
        scene.terminal.fact("left out", "prometheus and prometheus-alertmanager (or alertmanager) are not on the PATH")
        return
    page = await _notified(scene, scene.monitoring, "firing")
    if page is not None:
        _say_ratio(scene, f"{TENANT} now", await _told(scene))
        scene.terminal.fact(
            "page received", f"{page.received_at:%H:%M:%S} UTC, {page.labels['severity']}: {page.name}", "bad"
        )
        scene.terminal.fact("it says", page.annotations["description"])
        scene.terminal.fact("what to do", f"docs/runbooks/{page.name}.md")
        scene.terminal.command(f"curl -s {scene.monitoring.prometheus_url}/api/v1/alerts")
    await _mend(scene)
    resolved = await _notified(scene, scene.monitoring, "resolved") if page is not None else None
    if resolved is not None:
        scene.terminal.fact("resolved", f"{resolved.received_at:%H:%M:%S} UTC: {resolved.name} is over", "good")


async def _mend(scene: Scene) -> None:
    """Works off a backlog that brings the ratio to half of the threshold."""
    limit = shipped.alert_thresholds()[RATIO]
    _, failures, executions = failure_ratio(await _told(scene), TENANT)
    backlog = max(20, round(failures / limit * 2 - executions))
    await scene.workload.mend_import(TENANT, backlog)
    scrape = await scene.watcher.until(
        lambda told: bool(told.select(OPERATIONS)) and failure_ratio(told, TENANT)[0] <= limit, MENDED_SECONDS
    )
    scene.terminal.fact("mended", f"the import is repaired and works off a backlog of {backlog}", "good")
    _say_ratio(scene, f"{TENANT} now", scrape)


async def _told(scene: Scene) -> Scrape:
    """A scrape with the counters, which the exporter withdraws for a moment where the database was slow to answer."""
    return await scene.watcher.until(lambda told: bool(told.select(OPERATIONS)), TOLD_SECONDS)


def _say_ratio(scene: Scene, label: str, scrape: Scrape) -> None:
    """The ratio in a scrape, beside the threshold."""
    limits = shipped.alert_thresholds()
    ratio, failures, executions = failure_ratio(scrape, TENANT)
    crossed = ratio > limits[RATIO] and failures >= limits[FAILURES]
    side = "over" if crossed else "under"
    scene.terminal.fact(
        label,
        f"{failures:.0f} of {executions:.0f} executions failed, ratio {ratio:.2f}: {side} the threshold",
        "bad" if crossed else "good",
    )


async def _notified(scene: Scene, monitoring: Monitoring, status: Status) -> Notification | None:
    """The first such message about the tenant; None, and that is said, where none comes in time."""
    began = time.monotonic()
    while True:
        for told in monitoring.notifications():
            if (told.name, told.status, told.labels.get("tenant")) == (ALERT, status, TENANT):
                return told
        waited = time.monotonic() - began
        if waited > PAGE_SECONDS:
            scene.terminal.fact(status, f"no message within {PAGE_SECONDS:.0f} s", "bad")
            return None
        scene.terminal.progress(f"    waiting for the message that says {status} ({waited:.0f} s)")
        await asyncio.sleep(POLL_SECONDS)
