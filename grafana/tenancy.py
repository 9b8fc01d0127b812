"""Panels that tell tenants apart."""

from __future__ import annotations

from typing import Any

from grafana.activity import ALL, DDL, FAILURES, running_now, within
from grafana.links import ERRORS, OPERATIONS, SCHEMA_CHANGES, TENANTS, Link, cell, to
from grafana.panels import Limit
from grafana.promql import counted, once, ratio, select, total
from grafana.tables import Column, table

Json = dict[str, Any]


def _here(uid: str, title: str) -> Link:
    return to(uid, title, target=cell("Target"), tenant=cell("Tenant"))


def tenants(limits: dict[str, float]) -> Json:
    """A row for each tenant of each target."""
    ended = once(select("operations_24h", tenant=True), "target", "tenant")
    failed = once(select("failed_operations_24h", tenant=True), "target", "tenant")
    last = once(select("last_operation_timestamp_seconds", tenant=True), "target", "tenant")
    # tenants of which no operation ever ran have no series yet: 0 while the collector says so
    collected = once(select("collector_success", 'collector="running"'), "target")
    runs_now = f"{total(running_now(), 'target', 'tenant')} or {ended} * 0 and on (target) {collected} == 1"
    limit = Limit(limits["error_spike_failure_ratio"], "above")
    changes = counted(within(select("operations_total", DDL, tenant=True), "$__range"))
    return table(
        "Tenants",
        "What each tenant did within 24 hours, and its executions, failures and schema changes within the dashboard's "
        "time range. The links of a number lead to what is behind it.",
        {"target": "Target", "tenant": "Tenant"},
        [
            Column(ended, "Executions, 24 h", "short", links=[_here(OPERATIONS, "Its executions")]),
            Column(failed, "Failed, 24 h", "short", links=[_here(ERRORS, "Its failures")]),
            Column(
                ratio(failed, ended), "Failure ratio, 24 h", "percentunit", limit, links=[_here(ERRORS, "Its failures")]
            ),
            Column(
                counted(within(ALL, "$__range")), "Executions", "short", links=[_here(OPERATIONS, "Its executions")]
            ),
            Column(counted(within(FAILURES, "$__range")), "Failed", "short", links=[_here(ERRORS, "Its failures")]),
            Column(changes, "Schema changes", "short", links=[_here(SCHEMA_CHANGES, "Its schema changes")]),
            Column(runs_now, "Running", "short", links=[_here(OPERATIONS, "What runs")]),
            Column(f"1000 * {last}", "Last execution", "dateTimeFromNow", links=[_here(OPERATIONS, "Its executions")]),
        ],
        no_value="none",
        links={
            "Tenant": [_here(TENANTS, "This tenant")],
            "Target": [to(TENANTS, "This target", target=cell("Target"))],
        },
    )
