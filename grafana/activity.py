"""Panels of what ran and failed and how long it took, over all tenants or for one, of all types or the chosen ones."""

from __future__ import annotations

from typing import Any, Final

from grafana.links import ERRORS, OPERATIONS, SCHEMA_CHANGES, label, to
from grafana.panels import NO_DATA, NOTHING_RAN, Limit, Query, stat, timeseries
from grafana.promql import FAILED, by_type, increase, once, quantile, ratio, select, total, zero_if
from grafana.usual import rates

Json = dict[str, Any]

RECENT: Final = "5m"  # the window of ScriptTrackingErrorSpike
DDL: Final = 'script_type="DDL"'
CHOSEN: Final = 'script_type=~"$script_type"'  # where the dashboard has that variable
ALL: Final = select("operations_total", tenant=True)
FAILURES: Final = select("operations_total", FAILED, tenant=True)
# That a password is wrong is no failure of the tenant's operations, as the alerts see it
_JUDGED: Final = 'script_type!~"LOGIN|REGISTRATION"'


def running_now(*matchers: str) -> str:
    """Operations that run, by target, tenant and type."""
    return once(select("operations_running", *matchers, tenant=True), "target", "tenant", "script_type")


def within(selector: str, window: str, *labels: str) -> str:
    """Executions within a window, by target and tenant unless told otherwise."""
    found = once(increase(selector, window), "target", "tenant", "script_type", "status")
    return total(found, *(labels or ("target", "tenant")))


def within_all(selector: str, window: str) -> str:
    """Executions within a window, all together."""
    return total(once(increase(selector, window), "target", "tenant", "script_type", "status"))


def judged_ratio(window: str = RECENT) -> str:
    """Failure ratio of each tenant as ScriptTrackingErrorSpike judges it, or within another window."""
    failed, ended = (select("operations_total", _JUDGED, *more, tenant=True) for more in ((FAILED,), ()))
    return ratio(within(failed, window), within(ended, window))


def worst_tenant(limits: dict[str, float]) -> Json:
    """The highest of these ratios."""
    return stat(
        "Worst tenant's failure ratio",
        "Highest share of failed or interrupted executions, without logins, among those that ended within five "
        "minutes. ScriptTrackingErrorSpike pages past this line where at least "
        f"{limits['error_spike_failures']:g} failed.",
        [Query(f"topk(1, {judged_ratio()})", "{{tenant}} on {{target}}")],
        unit="percentunit",
        no_value=NO_DATA,
        limit=Limit(limits["error_spike_failure_ratio"], "above"),
        text="value_and_name",
        links=[to(ERRORS, "This tenant's failures", target=label("target"), tenant=label("tenant"))],
    )


def duration(share: float, *labels: str, matchers: tuple[str, ...] = ()) -> str:
    """A quantile of the durations, estimated from the histogram's buckets."""
    buckets = select("operation_duration_seconds_bucket", *matchers, tenant=True)
    return quantile(share, total(by_type(buckets, "le"), "le", *labels))


def by_status(*matchers: str) -> Json:
    """Rate by final status."""
    ended = by_type(select("operations_total", *matchers, tenant=True), "status")
    return rates(
        "Executions by status",
        "DDL statements and declared operations that ended, each second, by final status.",
        total(ended, "status"),
        "{{status}}",
        links=[to(OPERATIONS, "Executions of this status", status=label("status"))],
    )


def by_script_type(*matchers: str) -> Json:
    """Rate by type."""
    ended = by_type(select("operations_total", *matchers, tenant=True), "status")
    return rates(
        "Executions by type",
        "DDL statements and declared operations that ended, each second, by type.",
        total(ended, "script_type"),
        "{{script_type}}",
        links=[to(OPERATIONS, "Executions of this type", script_type=label("script_type"))],
    )


def errors(*matchers: str) -> Json:
    """Rate of failures by error class."""
    failed = by_type(select("errors_total", *matchers, tenant=True), "error_class")
    return rates(
        "Failures by error class",
        "Failed and interrupted executions, each second, by the first two characters of the SQLSTATE.",
        total(failed, "error_class"),
        "{{error_class}}",
        links=[to(ERRORS, "Failures of this class", error_class=label("error_class"))],
    )


def failure_ratio(limits: dict[str, float]) -> Json:
    """Failure ratio beside the alert's line."""
    return timeseries(
        "Failure ratio by tenant",
        "Share of failed or interrupted executions, without logins, among those that ended within five minutes; the "
        "line is that of ScriptTrackingErrorSpike.",
        [Query(judged_ratio(), "{{tenant}} on {{target}}")],
        unit="percentunit",
        no_value=NO_DATA,
        limit=Limit(limits["error_spike_failure_ratio"], "above"),
        links=[to(ERRORS, "This tenant's failures", target=label("target"), tenant=label("tenant"))],
    )


def durations(*matchers: str) -> Json:
    """Quantiles over all types."""
    return timeseries(
        "Duration",
        "Median, 95th and 99th percentile of the executions that ended, estimated from the histogram's buckets.",
        [Query(duration(share, matchers=matchers), f"p{100 * share:g}") for share in (0.5, 0.95, 0.99)],
        unit="s",
        no_value=NOTHING_RAN,
        links=[to(OPERATIONS, "Executions")],
    )


def duration_by_type(*matchers: str) -> Json:
    """95th percentile by type."""
    return timeseries(
        "Duration by type, p95",
        "95th percentile of the executions that ended, by type, estimated from the histogram's buckets.",
        [Query(duration(0.95, "script_type", matchers=matchers), "{{script_type}}")],
        unit="s",
        no_value=NOTHING_RAN,
        links=[to(OPERATIONS, "Executions of this type", script_type=label("script_type"))],
    )


def running(*matchers: str) -> Json:
    """What runs now."""
    return timeseries(
        "Running operations",
        "Declared operations that were begun and not completed, by type.",
        [Query(zero_if(total(running_now(*matchers), "script_type"), "running", "script_type"), "{{script_type}}")],
        unit="short",
        no_value=NO_DATA,
        stacked=True,
        step=True,
        links=[to(OPERATIONS, "What runs now")],
    )


def oldest_running(*matchers: str) -> Json:
    """For how long what runs has done so."""
    oldest = select("oldest_running_operation_start_timestamp_seconds", *matchers, tenant=True)
    return timeseries(
        "Oldest running operation",
        "Time since the oldest declared operation that was not completed began; one that only grows was probably "
        "never completed.",
        [
            Query(
                f"time() - min by (target, tenant, script_type) ({oldest})", "{{tenant}} {{script_type}} on {{target}}"
            )
        ],
        unit="s",
        no_value="none is running",
        links=[
            to(
                OPERATIONS,
                "What runs now",
                target=label("target"),
                tenant=label("tenant"),
                script_type=label("script_type"),
            )
        ],
    )


def ddl() -> Json:
    """Rate of schema changes."""
    changed = by_type(select("operations_total", DDL, tenant=True), "status")
    return rates(
        "Schema changes by tenant",
        "Recorded DDL statements each minute; event triggers see those that succeed.",
        f"60 * {total(changed, 'tenant')}",
        "{{tenant}}",
        unit="opm",
        links=[to(SCHEMA_CHANGES, "This tenant's schema changes", tenant=label("tenant"))],
    )
