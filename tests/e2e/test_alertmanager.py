"""The shipped configurations in a real Alertmanager and Prometheus: what is held back, and what always comes."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.demo.monitoring import Monitoring, find_monitoring
from exporter.demo.processes import fetch
from tests.fix_exporter import becomes, eventually
from tests.unit.test_runbooks import PAGES, QUERY

Alert = dict[str, str]


@pytest.fixture(scope="module")
def source() -> Iterator[Monitoring]:
    """Both, with nothing to scrape."""
    binaries = find_monitoring()
    if binaries is None:
        pytest.skip("needs prometheus and prometheus-alertmanager on the PATH")
    with Monitoring(binaries, "127.0.0.1:1") as running:
        yield running


def alert(name: str, severity: str, component: str, **labels: str) -> Alert:
    """Labels as the rules give them."""
    return {"alertname": f"ScriptTracking{name}", "severity": severity, "component": component, **labels}


def post(source: Monitoring, *alerts: Alert) -> None:
    """Tells Alertmanager, as Prometheus would."""
    request = urllib.request.Request(
        f"{source.alertmanager_url}/api/v2/alerts",
        data=json.dumps([{"labels": labels} for labels in alerts]).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30):
        pass


def inhibited(source: Monitoring, case: str) -> dict[str, bool]:
    """Whether Alertmanager holds an alert back, by its name and tenant, of those of one case."""
    told = json.loads(fetch(f"{source.alertmanager_url}/api/v2/alerts"))
    return {
        " ".join(
            [one["labels"]["alertname"].removeprefix("ScriptTracking"), one["labels"].get("tenant", "")]
        ).strip(): bool(one["status"]["inhibitedBy"])
        for one in told
        if one["labels"].get("case") == case
    }


CASES: dict[str, tuple[list[Alert], dict[str, bool]]] = {
    "a database that is down": (
        [
            alert("TargetDown", "critical", "database", target="down"),
            alert("RecordsLost", "critical", "capture", target="down"),
            alert("ErrorSpike", "critical", "operations", target="down", tenant="acme"),
            alert("RollupLag", "warning", "database", target="other"),
            alert("ConfigReloadFailed", "warning", "exporter", instance="a:10187"),
        ],
        {
            "TargetDown": False,
            "RecordsLost": True,
            "ErrorSpike acme": True,
            "RollupLag": False,
            "ConfigReloadFailed": False,
        },
    ),
    "a spike of one tenant": (
        [
            alert("ErrorSpike", "critical", "operations", target="orders", tenant="acme"),
            alert("ErrorBudgetFastBurn", "critical", "operations", target="orders", tenant="acme", window="1h"),
            alert("NewErrorKind", "warning", "operations", target="orders", tenant="acme", error_class="23"),
            alert("ErrorBudgetFastBurn", "critical", "operations", target="orders", tenant="globex", window="1h"),
            alert("OperationLongRunning", "warning", "operations", target="orders", tenant="initech"),
            alert("DdlWaiting", "warning", "database", target="orders"),
        ],
        {
            "ErrorSpike acme": False,
            "ErrorBudgetFastBurn acme": True,
            "NewErrorKind acme": True,
            "ErrorBudgetFastBurn globex": False,
            "OperationLongRunning initech": False,
            "DdlWaiting": False,
        },
    ),
    "a page about the capture": (
        [
            alert("SchemaMissing", "critical", "capture", target="bare"),
            alert("Paused", "warning", "capture", target="bare"),
            alert("CollectionStale", "warning", "exporter", target="bare", collector="errors"),
        ],
        {"SchemaMissing": False, "Paused": True, "CollectionStale": True},
    ),
    "an exporter that stalls": (
        [
            alert("SchedulerStalled", "warning", "exporter", instance="a:10187"),
            alert("CollectionsSkipped", "warning", "exporter", target="skipping"),
        ],
        {"SchedulerStalled": False, "CollectionsSkipped": True},
    ),
}


@pytest.mark.parametrize("case", [case for case in CASES if "stalls" not in case])
def test_what_an_alert_explains_is_held_back(source: Monitoring, case: str) -> None:
    alerts, expected = CASES[case]
    post(source, *({**labels, "case": case} for labels in alerts))
    becomes(expected, lambda: inhibited(source, case), 30)


def test_an_exporter_that_stalls_explains_what_is_skipped(source: Monitoring) -> None:
    """The last one: it speaks of every target."""
    alerts, expected = CASES["an exporter that stalls"]
    post(source, *({**labels, "case": "stalls"} for labels in alerts))
    becomes(expected, lambda: inhibited(source, "stalls"), 30)


@pytest.mark.majors
def test_the_dead_mans_switch_is_told_from_the_start(source: Monitoring) -> None:
    told = eventually(source.heartbeats, 60)
    assert {(one.receiver, one.path, one.status) for one in told} == {
        ("dead-mans-switch", "/dead-mans-switch", "firing")
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_prometheus_takes_the_queries_of_a_runbook(source: Monitoring, page: Path) -> None:
    for query in QUERY.findall(page.read_text(encoding="utf-8")):
        source.query(query)
