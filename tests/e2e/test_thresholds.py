"""A threshold of a target, from the exporter's configuration to the page, in a real Prometheus and Alertmanager."""

from __future__ import annotations

import pytest

from exporter.demo.monitoring import Monitoring
from exporter.demo.shipped import alert_thresholds
from tests.daemon.test_reload import change, sighup
from tests.e2e.test_alerts import COLLECTORS, SPIKE, expected, operate, pages_about, register, wait_for_counters
from tests.e2e.test_alerts import wait_for_page as page_comes
from tests.fix_exporter import StartExporter, becomes
from tests.fix_monitoring import StartMonitoring

pytestmark = pytest.mark.majors

FAILURES = 3


def in_force(source: Monitoring) -> dict[str, float]:
    """So many failures page, by target, as Prometheus holds it."""
    samples = source.query('script_tracking:alert_threshold{threshold="error_spike_failures"}')
    return {sample.labels["target"]: sample.value for sample in samples}


def test_a_target_pages_by_its_own_threshold_and_by_another_after_a_reload(
    installed_database: str, second_database: str, exporter: StartExporter, monitoring: StartMonitoring
) -> None:
    default = alert_thresholds()["error_spike_failures"]
    assert default > FAILURES, "or the target without a threshold of its own would page too"
    databases = {"strict": installed_database, "usual": second_database}
    own: dict[str, object] = {"alert_thresholds": {"error_spike_failures": FAILURES}}
    targets: dict[str, dict[str, object]] = {name: {"name": name, "dsn": dsn} for name, dsn in databases.items()}
    for dsn in databases.values():
        register(dsn)
    running = exporter(installed_database, collectors=COLLECTORS, targets=[targets["strict"] | own, targets["usual"]])
    source = monitoring(running, alert_for={SPIKE: "2s"})
    becomes({"strict": FAILURES, "usual": default}, lambda: in_force(source))
    for dsn in databases.values():
        operate(dsn, 1, success=True)
    for target in databases:
        wait_for_counters(source, target, expected(1, 0))
    for dsn in databases.values():
        operate(dsn, FAILURES, success=False)
    for target in databases:
        wait_for_counters(source, target, expected(1, FAILURES))
    page_comes(source, SPIKE, "strict", "firing")
    assert pages_about(source, SPIKE, "usual") == []
    change(running, targets=[targets["strict"], targets["usual"] | own])
    sighup(running)
    becomes({"strict": default, "usual": FAILURES}, lambda: in_force(source))
    page_comes(source, SPIKE, "usual", "firing")
    page_comes(source, SPIKE, "strict", "resolved")
