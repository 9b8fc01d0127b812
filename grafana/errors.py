"""Errors: how many, of which class and kind, whose, and how fast they use up what is allowed."""

from __future__ import annotations

from typing import Final

from exporter.demo.shipped import alert_thresholds
from grafana import activity, budget, logins
from grafana.activity import CHOSEN
from grafana.dashboard import Json, Row, Sized, dashboard
from grafana.links import ERRORS, cell, label, to
from grafana.panels import NO_DATA, Query, stat, timeseries
from grafana.promql import by_type, counted, increase, once, ratio, select, total
from grafana.records import Cell, needs, record
from grafana.tables import Column, table
from grafana.usual import number, rates
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
        number(
            "Failed",
            "Executions of the chosen types that failed within the dashboard's time range.",
            activity.within_all(failed, "$__range"),
            links=[to(ERRORS, "Which, from the record")],
        ),
        number(
            "Interrupted",
            "Operations of the chosen types within the time range that nobody completed and whose session was gone.",
            activity.within_all(interrupted, "$__range"),
            links=[to(ERRORS, "Which, from the record")],
        ),
        number(
            "Failure ratio",
            "Share of the failed and interrupted ones among all executions that ended within the time range.",
            ratio(activity.within_all(either, "$__range"), activity.within_all(ended, "$__range")),
            unit="percentunit",
            links=[to(ERRORS, "Which, from the record")],
        ),
        number(
            "Classes of errors",
            "How many of the chosen classes of errors occurred within the time range.",
            kinds,
            links=[to(ERRORS, "Each class")],
        ),
        stat(
            "Most frequent class",
            "The class of errors that occurred most often within the time range: the first two characters of the "
            "SQLSTATE.",
            [Query(f"topk(1, {counted(_within(FAILED, 'error_class'))} > 0)", "{{error_class}}")],
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
        rates(
            "Failures by class",
            "Failed and interrupted executions of the chosen types and classes, each second, by class.",
            total(failing, "error_class"),
            "{{error_class}}",
            links=[to(ERRORS, "Failures of this class", error_class=label("error_class"))],
        ),
        rates(
            "Failures by type",
            "Failed and interrupted executions of the chosen types and classes, each second, by type.",
            total(failing, "script_type"),
            "{{script_type}}",
            links=[to(ERRORS, "Failures of this type", script_type=label("script_type"))],
        ),
        rates(
            "Failures by tenant",
            "Failed and interrupted executions of the chosen types and classes, each second, by tenant.",
            total(failing, "target", "tenant"),
            "{{tenant}} on {{target}}",
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
    return table(
        "Classes",
        "Failures within the dashboard's time range by tenant, type and class, those alone that occurred.",
        {"target": "Target", "tenant": "Tenant", "script_type": "Type", "error_class": "Class"},
        [
            Column(
                f"{counted(_within(FAILED, *_EACH))} > 0",
                "Failures",
                "short",
                links=[to(ERRORS, "Which", **budget.KIND)],
            )
        ],
        no_value="no failure in this time",
        links={"Class": [to(ERRORS, "Failures of this kind", **budget.KIND)]},
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
            {"Class": Cell(links=kind)},
            no_value="no failure in this time",
        ),
        record(
            "Failed executions",
            "The newest 500 executions of the time range that failed or were interrupted, with what was said.",
            "failures",
            {"Statement": Cell(width=150)},
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
