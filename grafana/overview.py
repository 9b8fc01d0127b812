"""The overview: is all well, what ran and failed, how long it took, and how the tracker itself fares."""

from __future__ import annotations

from exporter.demo.shipped import alert_thresholds
from grafana.activity import (
    DDL,
    FAILED_OPERATIONS,
    OPERATIONS,
    RECENT,
    RUNNING,
    activity,
    by_status,
    ddl,
    durations,
    errors,
    failure_ratio,
    running,
    within,
)
from grafana.dashboard import Json, Row, dashboard
from grafana.exporter import exporter
from grafana.links import TO_TENANT, UID
from grafana.panels import NO_DATA, Column, Limit, Query, stat, table
from grafana.promql import increase, once, ratio, select, total
from grafana.retention import retention
from grafana.tracker import tracker


def _verdict(limits: dict[str, float]) -> list[Json]:
    schema = once(select("schema_version"), "target")
    triggers = once(select("event_trigger_enabled"), "target", "trigger")
    lost = once(increase(select("lost_records_total"), "$__range"), "target")
    failing = once(select("health_check_ok"), "target", "check")
    levels = once(select("capture_level_info"), "target", "level")
    worst = ratio(within(FAILED_OPERATIONS, RECENT), within(OPERATIONS, RECENT))
    return [
        stat(
            "Targets tracked",
            "Share of the watched databases that an exporter reaches and finds the tracking schema in. Each of the "
            "others pages: ScriptTrackingTargetDown, ScriptTrackingSchemaMissing.",
            [Query(f"avg({schema} == 0 or {once(select('up'), 'target')})")],
            unit="percentunit",
            no_value="no exporter",
            limit=Limit(1, "below"),
        ),
        stat(
            "Event triggers on",
            "Share of the event triggers that stand, fire always and call the right function. While one is off, "
            "schema changes go unrecorded: ScriptTrackingEventTriggerDisabled.",
            [Query(f"avg({triggers})")],
            unit="percentunit",
            no_value=NO_DATA,
            limit=Limit(1, "below"),
        ),
        stat(
            "Records lost",
            "DDL statements within the dashboard's time range that went through although their record could not be "
            "written. ScriptTrackingRecordsLost pages for the first one.",
            [Query(total(lost))],
            unit="short",
            no_value=NO_DATA,
            limit=Limit(limits["lost_records"], "above"),
        ),
        stat(
            "Failing health checks",
            "Checks of script_tracking.get_system_health() that warn, over all targets; the table below names them.",
            [Query(f"sum(1 - {failing})")],
            unit="short",
            no_value=NO_DATA,
            limit=Limit(0, "above"),
        ),
        stat(
            "Capture level",
            "basic: DDL that succeeded. failures: also DDL that failed or was rolled back. full: also its SQLSTATE "
            "and message. Several where the targets differ.",
            [Query(f"count by (level) ({levels})", "{{level}}")],
            unit="string",
            no_value=NO_DATA,
            text="name",
        ),
        stat(
            "Worst tenant's failure ratio",
            "Highest share of failed or interrupted executions among those that ended within five minutes. "
            "ScriptTrackingErrorSpike pages past this line where at least "
            f"{limits['error_spike_failures']:g} failed.",
            [Query(f"topk(1, {worst})", "{{tenant}} on {{target}}")],
            unit="percentunit",
            no_value=NO_DATA,
            limit=Limit(limits["error_spike_failure_ratio"], "above"),
            text="value_and_name",
        ),
    ]


def _tenants(limits: dict[str, float]) -> Json:
    ended = once(select("operations_24h", tenant=True), "target", "tenant")
    failed = once(select("failed_operations_24h", tenant=True), "target", "tenant")
    last = once(select("last_operation_timestamp_seconds", tenant=True), "target", "tenant")
    # tenants of which no operation ever ran have no series yet: 0 while the collector says so
    collected = once(select("collector_success", 'collector="running"'), "target")
    runs_now = f"{total(RUNNING, 'target', 'tenant')} or {ended} * 0 and on (target) {collected} == 1"
    limit = Limit(limits["error_spike_failure_ratio"], "above")
    return table(
        "Tenants",
        "What each tenant did within 24 hours, and its schema changes within the dashboard's time range. A tenant's "
        "link narrows the dashboard to it.",
        {"target": "Target", "tenant": "Tenant"},
        [
            Column(ended, "Executions, 24 h", "short"),
            Column(failed, "Failed, 24 h", "short"),
            Column(ratio(failed, ended), "Failure ratio, 24 h", "percentunit", limit),
            Column(within(DDL, "$__range"), "Schema changes", "short"),
            Column(runs_now, "Running", "short"),
            Column(f"1000 * {last}", "Last execution", "dateTimeFromNow"),
        ],
        no_value="none",
        link=TO_TENANT,
    )


def overview() -> Json:
    """The dashboard that the alerts link to."""
    limits = alert_thresholds()
    rows = [
        Row("Verdict", _verdict(limits), width=4, height=5),
        Row("Rate, errors, duration", activity(limits), width=8, height=8),
        Row("Tenants", [_tenants(limits)], width=24, height=8),
        Row("Tracker", tracker(limits), width=8, height=8),
        Row("Retention and archive", retention(), width=8, height=8),
        Row("Exporter", exporter(limits), width=8, height=8),
        Row(
            "Tenant $tenant",
            [by_status(), errors(), failure_ratio(limits), durations(), running(), ddl()],
            width=8,
            height=8,
            repeat="tenant",
        ),
    ]
    return dashboard(
        UID,
        "Script tracking overview",
        "Every recorded DDL statement and declared operation, by tenant, and the state of the tracker that records "
        "them. Metrics of script-tracking-exporter; thresholds are those of its alert rules.",
        rows,
    )
