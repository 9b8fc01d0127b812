"""Panels of what ran and failed and how long it took, over all tenants or for one."""

from __future__ import annotations

from typing import Any, Final

from grafana.panels import NO_DATA, NOTHING_RAN, Limit, Query, timeseries
from grafana.promql import FAILED, by_type, increase, once, quantile, ratio, select, total, zero_if

Json = dict[str, Any]

RECENT: Final = "5m"  # the window of ScriptTrackingErrorSpike
OPERATIONS: Final = select("operations_total", tenant=True)
FAILED_OPERATIONS: Final = select("operations_total", FAILED, tenant=True)
DDL: Final = select("operations_total", 'script_type="DDL"', tenant=True)
RUNNING: Final = once(select("operations_running", tenant=True), "target", "tenant", "script_type")
_ERRORS: Final = select("errors_total", tenant=True)
_BUCKETS: Final = select("operation_duration_seconds_bucket", tenant=True)


def within(selector: str, window: str) -> str:
    """Executions within a window, by target and tenant."""
    return total(once(increase(selector, window), "target", "tenant", "script_type", "status"), "target", "tenant")


def _duration(share: float, *labels: str) -> str:
    return quantile(share, total(by_type(_BUCKETS, "le"), "le", *labels))


def by_status() -> Json:
    """Rate by final status."""
    return timeseries(
        "Executions by status",
        "DDL statements and declared operations that ended, each second, by final status.",
        [Query(total(by_type(OPERATIONS, "status"), "status"), "{{status}}")],
        unit="ops",
        no_value=NO_DATA,
        stacked=True,
    )


def errors() -> Json:
    """Rate of failures by error class."""
    return timeseries(
        "Failures by error class",
        "Failed and interrupted executions, each second, by the first two characters of the SQLSTATE.",
        [Query(total(by_type(_ERRORS, "error_class"), "error_class"), "{{error_class}}")],
        unit="ops",
        no_value=NO_DATA,
        stacked=True,
    )


def failure_ratio(limits: dict[str, float]) -> Json:
    """Failure ratio beside the alert's line."""
    return timeseries(
        "Failure ratio by tenant",
        "Share of failed or interrupted executions among those that ended within five minutes; the line is that "
        "of ScriptTrackingErrorSpike.",
        [Query(ratio(within(FAILED_OPERATIONS, RECENT), within(OPERATIONS, RECENT)), "{{tenant}} on {{target}}")],
        unit="percentunit",
        no_value=NO_DATA,
        limit=Limit(limits["error_spike_failure_ratio"], "above"),
    )


def durations() -> Json:
    """Quantiles over all types."""
    return timeseries(
        "Duration",
        "Median and 95th percentile of the executions that ended, estimated from the histogram's buckets.",
        [Query(_duration(0.5), "p50"), Query(_duration(0.95), "p95")],
        unit="s",
        no_value=NOTHING_RAN,
    )


def running() -> Json:
    """What runs now."""
    return timeseries(
        "Running operations",
        "Declared operations that were begun and not completed, by type.",
        [Query(zero_if(total(RUNNING, "script_type"), "running", "script_type"), "{{script_type}}")],
        unit="short",
        no_value=NO_DATA,
        stacked=True,
        step=True,
    )


def ddl() -> Json:
    """Rate of schema changes."""
    return timeseries(
        "Schema changes by tenant",
        "Recorded DDL statements each minute; event triggers see those that succeed.",
        [Query(f"60 * {total(by_type(DDL, 'status'), 'tenant')}", "{{tenant}}")],
        unit="opm",
        no_value=NO_DATA,
        stacked=True,
    )


def activity(limits: dict[str, float]) -> list[Json]:
    """Panels of rate, errors and duration over all tenants."""
    oldest = select("oldest_running_operation_start_timestamp_seconds", tenant=True)
    started = f"min by (target, tenant, script_type) ({oldest})"
    return [
        timeseries(
            "Executions by type",
            "DDL statements and declared operations that ended, each second, by type.",
            [Query(total(by_type(OPERATIONS, "status"), "script_type"), "{{script_type}}")],
            unit="ops",
            no_value=NO_DATA,
            stacked=True,
        ),
        by_status(),
        errors(),
        failure_ratio(limits),
        durations(),
        timeseries(
            "Duration by type, p95",
            "95th percentile of the executions that ended, by type, estimated from the histogram's buckets.",
            [Query(_duration(0.95, "script_type"), "{{script_type}}")],
            unit="s",
            no_value=NOTHING_RAN,
        ),
        running(),
        timeseries(
            "Oldest running operation",
            "Time since the oldest declared operation that was not completed began; one that only grows was probably "
            "never completed.",
            [Query(f"time() - {started}", "{{tenant}} {{script_type}} on {{target}}")],
            unit="s",
            no_value="none is running",
        ),
        ddl(),
    ]
