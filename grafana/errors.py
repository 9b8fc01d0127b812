"""Errors: how many, of which class and kind, whose, and how fast they use up what is allowed."""

from __future__ import annotations

from typing import Final

from exporter.demo.shipped import alert_thresholds
from grafana import activity, budget, logins
from grafana.activity import CHOSEN
from grafana.dashboard import Json, Row, Sized, dashboard
from grafana.links import ERRORS, cell, label, to
from grafana.panels import NO_DATA, Query, stat, timeseries
from grafana.promql import by_type, increase, once, ratio, select, total
from grafana.records import Cell, needs, record
from grafana.tables import Column, table
from grafana.variables import error_class, script_type

_CLASS: Final = 'error_class=~"$error_class"'
FAILED: Final = select("errors_total", CHOSEN, _CLASS, tenant=True)
_EACH: Final = ("target", "tenant", "script_type", "error_class")


def _within(selector: str, *labels: str) -> str:
    return total(once(increase(selector, "$__range"), *_EACH), *labels)


def _verdict(limits: dict[str, float]) -> list[Json]:
    ended = select("operations_total", CHOSEN, tenant=True)
    failed, interrupted = (
        select("operations_total", f'status="{name}"', CHOSEN, tenant=True) for name in ("FAILED", "INTERRUPTED")
    )
    either = select("operations_total", 'status=~"FAILED|INTERRUPTED"', CHOSEN, tenant=True)
    kinds = f"count({_within(FAILED, 'error_class')} > 0) or on () sum({_within(FAILED, 'error_class')}) * 0"
    return [
        stat(
            "Failed",
            "Executions of the chosen types that failed within the dashboard's time range.",
            [Query(activity.within_all(failed, "$__range"))],
            unit="short",
            no_value=NO_DATA,
            links=[to(ERRORS, "Which, from the record")],
        ),
        stat(
            "Interrupted",
            "Operations of the chosen types within the time range that nobody completed and whose session was gone.",
            [Query(activity.within_all(interrupted, "$__range"))],
            unit="short",
            no_value=NO_DATA,
            links=[to(ERRORS, "Which, from the record")],
        ),
        stat(
            "Failure ratio",
            "Share of the failed and interrupted ones among all executions that ended within the time range.",
            [Query(ratio(activity.within_all(either, "$__range"), activity.within_all(ended, "$__range")))],
            unit="percentunit",
            no_value=NO_DATA,
            links=[to(ERRORS, "Which, from the record")],
        ),
        stat(
            "Classes of errors",
            "How many of the chosen classes of errors occurred within the time range.",
            [Query(kinds)],
            unit="short",
            no_value=NO_DATA,
            links=[to(ERRORS, "Each class")],
        ),
        stat(
            "Most frequent class",
            "The class of errors that occurred most often within the time range: the first two characters of the "
            "SQLSTATE.",
            [Query(f"topk(1, {_within(FAILED, 'error_class')} > 0)", "{{error_class}}")],
            unit="short",
            no_value="no error",
            text="value_and_name",
            links=[to(ERRORS, "Failures of this class", error_class=label("error_class"))],
        ),
        activity.worst_tenant(limits),
    ]


def _curves(limits: dict[str, float]) -> list[Json | Sized]:
    failing = by_type(FAILED, "error_class")
    return [
        timeseries(
            "Failures by class",
            "Failed and interrupted executions of the chosen types and classes, each second, by class.",
            [Query(total(failing, "error_class"), "{{error_class}}")],
            unit="ops",
            no_value=NO_DATA,
            stacked=True,
            links=[to(ERRORS, "Failures of this class", error_class=label("error_class"))],
        ),
        timeseries(
            "Failures by type",
            "Failed and interrupted executions of the chosen types and classes, each second, by type.",
            [Query(total(failing, "script_type"), "{{script_type}}")],
            unit="ops",
            no_value=NO_DATA,
            stacked=True,
            links=[to(ERRORS, "Failures of this type", script_type=label("script_type"))],
        ),
        timeseries(
            "Failures by tenant",
            "Failed and interrupted executions of the chosen types and classes, each second, by tenant.",
            [Query(total(failing, "target", "tenant"), "{{tenant}} on {{target}}")],
            unit="ops",
            no_value=NO_DATA,
            stacked=True,
            links=[to(ERRORS, "This tenant's failures", target=label("target"), tenant=label("tenant"))],
        ),
        activity.failure_ratio(limits),
        Sized(
            timeseries(
                "Failures within an hour",
                "Failed and interrupted executions of the chosen types and classes within the hour up to each "
                "moment, by class.",
                [Query(total(once(increase(FAILED, "1h"), *_EACH), "error_class"), "{{error_class}}")],
                unit="short",
                no_value=NO_DATA,
                stacked=True,
                links=[to(ERRORS, "Failures of this class", error_class=label("error_class"))],
            ),
            16,
            8,
        ),
    ]


def _classes() -> Json:
    here = {
        "target": cell("Target"),
        "tenant": cell("Tenant"),
        "script_type": cell("Type"),
        "error_class": cell("Class"),
    }
    return table(
        "Classes",
        "Failures within the dashboard's time range by tenant, type and class, those alone that occurred.",
        {"target": "Target", "tenant": "Tenant", "script_type": "Type", "error_class": "Class"},
        [Column(f"{_within(FAILED, *_EACH)} > 0", "Failures", "short", links=[to(ERRORS, "Which", **here)])],
        no_value="no failure in this time",
        links={"Class": [to(ERRORS, "Failures of this kind", **here)]},
    )


def _record() -> list[Json | Sized]:
    kind = [
        to(ERRORS, "Failures of this class", tenant=cell("Tenant"), script_type=cell("Type"), error_class=cell("Class"))
    ]
    return [
        Sized(needs(), 24, 4),
        record(
            "Kinds of failures",
            "Failures of the time range by their fingerprint, which leaves out what stands in quotes, numbers and "
            "UUIDs of a message. Counted by hours: from the full hour on in which the time range begins.",
            "error_kinds",
            {"Newest message": Cell(width=420), "Class": Cell(links=kind)},
            no_value="no failure in this time",
        ),
        record(
            "Failed executions",
            "The newest 500 executions of the time range that failed or were interrupted, with what was said.",
            "failures",
            {"Message": Cell(width=420)},
            no_value="no failure in this time",
        ),
    ]


def errors() -> Json:
    """The dashboard of whoever was paged for a spike."""
    limits = alert_thresholds()
    rows = [
        Row("Verdict", _verdict(limits), width=4, height=5),
        Row("Failures", _curves(limits), width=8, height=8),
        Row("What is allowed, and what is usual", budget.curves(), width=8, height=8),
        Row("By tenant, type and class", [_classes(), budget.new_kinds()], width=12, height=8),
        Row("From the record", _record(), width=24, height=10),
        Row("Logins", logins.logins(limits), width=8, height=8),
    ]
    return dashboard(
        ERRORS,
        "What fails: by class, type and tenant, by fingerprint, and against what the alerts allow; and logins that are "
        "refused.",
        rows,
        [script_type(), error_class()],
    )
