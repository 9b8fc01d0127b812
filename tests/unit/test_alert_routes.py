"""Where the example of Alertmanager sends an alert, as amtool tells."""

from __future__ import annotations

import subprocess

import pytest

from exporter.demo import shipped
from tests.unit.test_alert_files import DEPLOY, RULES, tool

ROUTES = [
    ("alertname=ScriptTrackingErrorSpike severity=critical component=operations target=orders tenant=acme", "pager"),
    ("alertname=ScriptTrackingErrorSpike severity=critical target=orders tenant=example", "team-example,pager"),
    ("alertname=ScriptTrackingErrorsUnusual severity=warning target=orders tenant=example", "team-example,tickets"),
    ("alertname=ScriptTrackingRollupLag severity=warning component=database target=orders", "tickets"),
    ("alertname=ScriptTrackingLoginGuessing severity=warning component=security target=orders", "tickets"),
    ("alertname=ScriptTrackingExporterDown severity=critical component=exporter instance=a:10187", "pager"),
    ("alertname=ScriptTrackingWatchdog severity=info component=exporter", "dead-mans-switch"),
    ("alertname=ScriptTrackingSomething severity=info component=capture target=orders", "nobody"),
    ("alertname=SomebodyElses severity=page", "tickets"),
]


@pytest.mark.parametrize(("labels", "receivers"), ROUTES)
def test_an_alert_goes_to(labels: str, receivers: str) -> None:
    amtool = tool("amtool", "prometheus-alertmanager")
    file = DEPLOY / shipped.ALERTMANAGER
    command = [amtool, "config", "routes", "test", f"--config.file={file}", f"--verify.receivers={receivers}"]
    result = subprocess.run([*command, *labels.split()], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_goes_where_its_severity_says() -> None:
    amtool = tool("amtool", "prometheus-alertmanager")
    wanted = {"critical": "pager", "warning": "tickets", "info": "dead-mans-switch"}
    kinds = {
        (rule["labels"]["severity"], rule["labels"]["component"], rule["alert"] if severity == "info" else "any")
        for file in RULES
        for group in shipped.load(file)["groups"]
        for rule in group["rules"]
        if (severity := rule.get("labels", {}).get("severity"))
    }
    assert {severity for severity, _, _ in kinds} == set(wanted)
    for severity, component, name in sorted(kinds):
        labels = [f"severity={severity}", f"component={component}", f"alertname={name}", "target=orders"]
        told = subprocess.run(
            [amtool, "config", "routes", "test", f"--config.file={DEPLOY / shipped.ALERTMANAGER}", *labels],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert told.stdout.strip() == wanted[severity]


def test_tickets_wait_for_the_office_and_nothing_else_does() -> None:
    muted = []
    routes = [shipped.alertmanager_config()["route"]]
    while routes:
        route = routes.pop()
        if "mute_time_intervals" in route:
            muted.append((route["receiver"], route["matchers"]))
        routes += route.get("routes", [])
    assert muted == [("tickets", ['severity="warning"'])]
