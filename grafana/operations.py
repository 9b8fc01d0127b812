"""Operations: what ran, by type and script, what runs now, and how long it takes."""

from __future__ import annotations

from typing import Final

from grafana import activity
from grafana.activity import CHOSEN
from grafana.dashboard import Json, Row, Sized, dashboard
from grafana.links import ERRORS, OPERATIONS, Link, cell, to
from grafana.panels import NO_DATA, NOTHING_RAN, Query, heatmap, stat, timeseries
from grafana.promql import FAILED, counted, increase, once, ratio, select, total, zero_if
from grafana.records import Cell, execution, needs, record
from grafana.tables import Column, table
from grafana.usual import number
from grafana.variables import entry, script_type, status

ENDED: Final = select("operations_total", CHOSEN, tenant=True)
FAILURES: Final = select("operations_total", FAILED, CHOSEN, tenant=True)
BLOCKED: Final = once(select("operations_blocked", CHOSEN, tenant=True), "target", "tenant", "script_type")
KEY: Final = {"Execution": execution("What it is part of")}
BUCKETS: Final = select("operation_duration_seconds_bucket", CHOSEN, tenant=True)


def _none_without(expression: str, collector: str) -> str:
    """0 where the collector succeeds and there is no series: of types of which nothing ever ran there is none."""
    succeeded = once(select("collector_success", f'collector="{collector}"'), "target")
    return f"{expression} or on () sum({succeeded} == 1) * 0"


def _verdict() -> list[Json]:
    oldest = select("oldest_running_operation_start_timestamp_seconds", CHOSEN, tenant=True)
    started = f"min by (target, tenant, script_type) ({oldest})"
    failed, ended = (activity.within_all(selector, "$__range") for selector in (FAILURES, ENDED))
    return [
        number(
            "Executions",
            "DDL statements and declared operations of the chosen types that ended within the dashboard's time range.",
            _none_without(ended, "operations"),
            links=[to(OPERATIONS, "The newest, from the record")],
        ),
        number(
            "Failed or interrupted",
            "Those of them that failed or were interrupted.",
            _none_without(failed, "operations"),
            links=[to(ERRORS, "The failures")],
        ),
        number(
            "Failure ratio",
            "Share of the failed and interrupted ones among all that ended within the time range.",
            ratio(failed, ended),
            unit="percentunit",
            links=[to(ERRORS, "The failures")],
        ),
        number(
            "Running now",
            "Declared operations of the chosen types that were begun and not completed.",
            _none_without(total(activity.running_now(CHOSEN)), "running"),
            links=[to(OPERATIONS, "Which, from the record")],
        ),
        stat(
            "Running longest",
            "For how long the oldest of them has been running.",
            [Query(f"max(time() - {started})")],
            unit="s",
            no_value="none is running",
            links=[to(OPERATIONS, "Which, from the record")],
        ),
        number(
            "Held up by a lock",
            "Running operations whose session waits for a lock.",
            _none_without(total(BLOCKED), "blocked"),
            links=[to(OPERATIONS, "Which, from the record")],
        ),
    ]


def _blocked() -> Json:
    return timeseries(
        "Operations held up by a lock",
        "Running operations whose session waits for a lock, by type.",
        [Query(zero_if(total(BLOCKED, "script_type"), "blocked", "script_type"), "{{script_type}}")],
        unit="short",
        no_value=NO_DATA,
        step=True,
        links=[to(OPERATIONS, "Which, from the record")],
    )


def _here(uid: str, title: str) -> Link:
    return to(uid, title, target=cell("Target"), tenant=cell("Tenant"), script_type=cell("Type"))


def _types() -> Json:
    labels = ("target", "tenant", "script_type")

    def gauge(name: str) -> str:
        return once(select(name, CHOSEN, tenant=True), *labels)

    return table(
        "Types",
        "Each tenant's types: executions and failures within the dashboard's time range, percentiles of the last 24 "
        "hours within 1 %, and what runs now.",
        {"target": "Target", "tenant": "Tenant", "script_type": "Type"},
        [
            Column(counted(activity.within(ENDED, "$__range", *labels)), "Executions", "short"),
            Column(counted(activity.within(FAILURES, "$__range", *labels)), "Failed", "short",
                   links=[_here(ERRORS, "Its failures")]),
            Column(gauge("performance_failure_ratio"), "Failure ratio, 24 h", "percentunit",
                   links=[_here(ERRORS, "Its failures")]),
            Column(gauge("duration_p50_seconds"), "p50, 24 h", "s"),
            Column(gauge("duration_p95_seconds"), "p95, 24 h", "s"),
            Column(gauge("duration_p99_seconds"), "p99, 24 h", "s"),
            Column(total(activity.running_now(CHOSEN), *labels), "Running", "short"),
        ],
        no_value="-",
        links={"Type": [_here(OPERATIONS, "Its executions")]},
    )  # fmt: skip


def _record() -> list[Json | Sized]:
    errors = [to(ERRORS, "Failures of this class", tenant=cell("Tenant"), script_type=cell("Type"))]
    return [
        Sized(needs(), 24, 4),
        Sized(
            record(
                "What runs now",
                "Declared operations that were begun and not completed, the oldest first, with what their session does "
                "and which process holds it up.",
                "running",
                {"Running": Cell("s"), "Progress": Cell("percentunit"), **KEY},
                no_value="nothing is running",
            ),
            24,
            7,
        ),
        record(
            "Executions",
            "The newest 500 executions of the chosen types and statuses that began within the time range, of the "
            "newest 5,000 of each tenant.",
            "executions",
            {"SQLSTATE": Cell(links=errors), **KEY},
            no_value="nothing ran in this time",
        ),
        Sized(
            record(
                "What belongs together",
                "The execution whose key stands above, what it is part of, and what is part of it, the outermost "
                "first.",
                "execution_tree",
                {"Script": Cell(width=None), **KEY},
                no_value="click the key of an execution",
            ),
            24,
            8,
        ),
        Sized(
            record(
                "Scripts",
                "The slowest and the most frequent scripts of yesterday and today, five of each for a tenant and type.",
                "scripts",
                {"Script": Cell(width=None), "Average": Cell("s"), "Longest": Cell("s")},
                no_value="nothing ran since yesterday",
            ),
            24,
            8,
        ),
    ]


def operations() -> Json:
    """The dashboard of whoever runs them."""
    observed = once(increase(BUCKETS, "$__rate_interval"), "target", "tenant", "script_type", "le")
    panels = [
        activity.by_script_type(CHOSEN),
        activity.by_status(CHOSEN),
        activity.errors(CHOSEN),
        activity.durations(CHOSEN),
        activity.duration_by_type(CHOSEN),
        heatmap(
            "Durations, heat map",
            "How many of the executions that ended took how long, by the buckets of the histogram.",
            total(observed, "le"),
            unit="s",
            no_value=NOTHING_RAN,
        ),
        activity.running(CHOSEN),
        activity.oldest_running(CHOSEN),
        _blocked(),
    ]
    rows = [
        Row("Verdict", _verdict(), width=4, height=5),
        Row("Rate, errors, duration, running", panels, width=8, height=8),
        Row("By tenant and type", [_types()], width=24, height=9),
        Row("From the record", _record(), width=24, height=10),
    ]
    return dashboard(
        OPERATIONS,
        "DDL statements and declared operations by type, status and script: what ran, what runs now and what holds it "
        "up, and how long it takes.",
        rows,
        [
            script_type(),
            status(),
            entry("execution", "Execution", "Key of an execution, hexadecimal: click one in a table of the record"),
        ],
    )
