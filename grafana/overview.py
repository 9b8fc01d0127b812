"""The overview: is all well, what ran and failed, how long it took, by tenant."""

from __future__ import annotations

from exporter.demo.shipped import alert_thresholds
from grafana import activity
from grafana.dashboard import Json, Row, dashboard
from grafana.fleetstate import targets_tracked
from grafana.links import CAPTURE, OVERVIEW, to
from grafana.panels import NO_DATA, Query, stat
from grafana.promql import once, select
from grafana.tenancy import tenants
from grafana.tracker import event_triggers_on, failing_checks, records_lost


def _verdict(limits: dict[str, float]) -> list[Json]:
    levels = once(select("capture_level_info"), "target", "level")
    return [
        targets_tracked(),
        event_triggers_on(),
        records_lost(limits),
        failing_checks(),
        stat(
            "Capture level",
            "basic: DDL that succeeded. failures: also DDL that failed or was rolled back. full: also its SQLSTATE "
            "and message. Several where the targets differ.",
            [Query(f"count by (level) ({levels})", "{{level}}")],
            unit="string",
            no_value=NO_DATA,
            text="name",
            links=[to(CAPTURE, "What is captured")],
        ),
        activity.worst_tenant(limits),
    ]


def overview() -> Json:
    """The dashboard that the alerts link to."""
    limits = alert_thresholds()
    of_tenant = [
        activity.by_status(),
        activity.errors(),
        activity.failure_ratio(limits),
        activity.durations(),
        activity.running(),
        activity.ddl(),
    ]
    activities = [
        activity.by_script_type(),
        activity.by_status(),
        activity.errors(),
        activity.failure_ratio(limits),
        activity.durations(),
        activity.duration_by_type(),
        activity.running(),
        activity.oldest_running(),
        activity.ddl(),
    ]
    rows = [
        Row("Verdict", _verdict(limits), width=4, height=5),
        Row("Rate, errors, duration", activities, width=8, height=8),
        Row("Tenants", [tenants(limits)], width=24, height=8),
        Row("Tenant $tenant", of_tenant, width=8, height=8, repeat="tenant"),
    ]
    return dashboard(
        OVERVIEW,
        "Every recorded DDL statement and declared operation, by tenant, and whether the tracker that records "
        "them is well. Metrics of script-tracking-exporter; thresholds are those of its alert rules.",
        rows,
    )
