"""Tenants: who does how much, who fails, and how they compare."""

from __future__ import annotations

from typing import Final

from exporter.demo.shipped import alert_thresholds
from grafana import activity, tenancy
from grafana.dashboard import Json, Row, Sized, dashboard
from grafana.links import ERRORS, OPERATIONS, SCHEMA_CHANGES, TENANTS, cell, label, to
from grafana.panels import NO_DATA, NOTHING_RAN, Query, timeseries, words
from grafana.promql import FAILED, by_type, once, select, total
from grafana.records import Cell, needs, record
from grafana.usual import number, rates

VERDICTS: Final = words({"critical": ("critical", "red"), "warning": ("warning", "orange"), "ok": ("ok", "green")})
STATES: Final = words(
    {"active": ("active", "green"), "suspended": ("suspended", "orange"), "offboarded": ("offboarded", "text")}
)
_ENDED: Final = once(select("operations_24h", tenant=True), "target", "tenant")
_FAILED: Final = once(select("failed_operations_24h", tenant=True), "target", "tenant")


def _number(title: str, description: str, expr: str) -> Json:
    return number(
        title,
        description,
        expr,
        links=[to(TENANTS, "Each tenant")],
    )


def _verdict(limits: dict[str, float]) -> list[Json]:
    return [
        _number("Tenants of the targets", "Those of the chosen targets; one that several targets have counts in each.",
                f"count({_ENDED})"),
        _number("Active within 24 hours", "Those of them of which something ran within 24 hours.",
                f"sum({_ENDED} > bool 0)"),
        _number("With failures, 24 h", "Those of them of which something failed or was interrupted within 24 hours.",
                f"sum({_FAILED} > bool 0)"),
        _number("Executions, 24 h", "Executions of the last 24 hours that ended, over all of them.", total(_ENDED)),
        _number("Failed, 24 h", "Failed and interrupted executions of the last 24 hours, over all of them.",
                total(_FAILED)),
        activity.worst_tenant(limits),
    ]  # fmt: skip


def _compared(limits: dict[str, float]) -> list[Json]:
    labels, legend = ("target", "tenant"), "{{tenant}} on {{target}}"
    here = {"target": label("target"), "tenant": label("tenant")}
    failed = select("operations_total", FAILED, tenant=True)
    running = f"{total(activity.running_now(), *labels)} or {_ENDED} * 0"
    return [
        rates(
            "Executions by tenant",
            "DDL statements and declared operations that ended, each second, by tenant.",
            total(by_type(activity.ALL, "status"), *labels),
            legend,
            links=[to(OPERATIONS, "Its executions", **here)],
        ),
        rates(
            "Failures by tenant",
            "Failed and interrupted executions, each second, by tenant.",
            total(by_type(failed, "status"), *labels),
            legend,
            links=[to(ERRORS, "Its failures", **here)],
        ),
        activity.failure_ratio(limits),
        timeseries(
            "Duration by tenant, p95",
            "95th percentile of the executions that ended, by tenant, estimated from the histogram's buckets.",
            [Query(activity.duration(0.95, *labels), legend)],
            unit="s",
            no_value=NOTHING_RAN,
            links=[to(OPERATIONS, "Its executions", **here)],
        ),
        timeseries(
            "Running by tenant",
            "Declared operations that were begun and not completed, by tenant.",
            [Query(running, legend)],
            unit="short",
            no_value=NO_DATA,
            step=True,
            links=[to(OPERATIONS, "What runs", **here)],
        ),
        activity.ddl(),
    ]


def _record() -> list[Json | Sized]:
    changes = [to(SCHEMA_CHANGES, "Its schema changes", tenant=cell("Tenant"))]
    return [
        Sized(needs(auditor=True), 24, 4),
        record(
            "Verdicts",
            "script_tracking.get_enterprise_dashboard(): each tenant's last 24 hours, beside those of a week before; "
            "critical from 10 failures and a ratio over 0.2 on.",
            "tenants",
            {
                "Verdict": Cell(words=VERDICTS),
                "Executions, 24 h": Cell(width=125),
                "Against a week before": Cell("percentunit", width=155),
                "Failure ratio, 24 h": Cell(
                    "percentunit", links=[to(ERRORS, "Its failures", tenant=cell("Tenant"))], width=135
                ),
                "A week before": Cell("percentunit", width=110),
                "p95, 24 h": Cell("s", width=80),
                "Schema changes, 24 h": Cell(links=changes, width=160),
                "Tenant": Cell(links=[to(TENANTS, "This tenant", tenant=cell("Tenant"))]),
            },
            no_value="no tenant that this role may see",
        ),
    ]


def _for_auditors() -> list[Json]:
    return [
        record(
            "Who is registered",
            "script_tracking.get_tenants(): each tenant's state, since when and why, and the roles that are its "
            "members. For an auditor's data source.",
            "tenant_states",
            {
                "State": Cell(words=STATES),
                "Reason": Cell(width=150),
                "Was": Cell(width=120),
                "Members": Cell(wrapped=True),
            },
            no_value="none",
        )
    ]


def tenants() -> Json:
    """The dashboard of who compares tenants."""
    limits = alert_thresholds()
    of_tenant = [
        activity.by_script_type(),
        activity.by_status(),
        activity.errors(),
        activity.durations(),
        activity.running(),
        activity.ddl(),
    ]
    rows = [
        Row("Verdict", _verdict(limits), width=4, height=5),
        Row("Each tenant", [tenancy.tenants(limits)], width=24, height=9),
        Row("Rate, errors, duration by tenant", _compared(limits), width=8, height=8),
        Row("From the record", _record(), width=24, height=9),
        Row("For auditors, from the record", _for_auditors(), width=24, height=9, collapsed=True),
        Row("Tenant $tenant", of_tenant, width=8, height=8, repeat="tenant"),
    ]
    return dashboard(
        TENANTS,
        "Who does how much, who fails, how long it takes, and how that differs from tenant to tenant and from a week "
        "before.",
        rows,
    )
