"""Panels of failures beside what is allowed and what is usual, as deploy/prometheus/rules records them."""

from __future__ import annotations

from typing import Any, Final

from grafana.links import ERRORS, cell, label, to
from grafana.panels import Limit, Query, timeseries
from grafana.promql import once, recorded
from grafana.tables import Column, table

Json = dict[str, Any]

NOT_RECORDED: Final = "no recording rules, or not long enough"
FAST: Final = 14.4  # times as fast as allowed: what ScriptTrackingErrorBudgetFastBurn holds the last hour to
_WINDOWS: Final = ("5m", "1h", "6h", "1d", "3d")
_NEW: Final = "ScriptTrackingNewErrorKind"
# what a row of a table narrows to, where it is of a type and class of one tenant
KIND: Final = {
    "target": cell("Target"),
    "tenant": cell("Tenant"),
    "script_type": cell("Type"),
    "error_class": cell("Class"),
}


def _rate(window: str) -> str:
    """How many times as fast as allowed each tenant's failures use up its error budget."""
    failing = once(recorded(f"failure_ratio:{window}", tenant=True), "target", "tenant")
    return f"{failing} / on (target) group_left () {once(recorded('error_budget:ratio'), 'target')}"


def curves() -> list[Json]:
    """Three panels."""
    here = [to(ERRORS, "This tenant's failures", target=label("target"), tenant=label("tenant"))]
    within, usual = (once(recorded(f"{name}:increase1h", tenant=True), "target", "tenant") for name in
                     ("failures", "failures_usual"))  # fmt: skip
    return [
        timeseries(
            "Burn rate of the worst tenant",
            "How many times as fast as allowed failures, without logins, use up the error budget of the tenant where "
            "that is fastest, within five minutes to three days. At 1 it lasts for its 30 days. "
            "ScriptTrackingErrorBudgetFastBurn pages at 14.4 within an hour and 6 within six, "
            "ScriptTrackingErrorBudgetSlowBurn warns at 3 within a day and 1 within three.",
            [Query(f"max({_rate(window)})", window) for window in _WINDOWS],
            unit="short",
            no_value=NOT_RECORDED,
            links=[to(ERRORS, "Each class")],
        ),
        timeseries(
            "Burn rate by tenant, one hour",
            "The same for each tenant within an hour; past the line ScriptTrackingErrorBudgetFastBurn pages, where it "
            "goes on.",
            [Query(_rate("1h"), "{{tenant}} on {{target}}")],
            unit="short",
            no_value=NOT_RECORDED,
            limit=Limit(FAST, "above"),
            links=here,
        ),
        timeseries(
            "Failures within an hour, and usual ones",
            "Failed and interrupted executions, without logins, within the hour up to each moment, and how many are "
            "usual: the median of the most at this hour of the week in the three weeks before. "
            "ScriptTrackingErrorsUnusual warns of several times as many.",
            [Query(within, "{{tenant}} on {{target}}"), Query(usual, "{{tenant}} on {{target}}, usual")],
            unit="short",
            no_value=NOT_RECORDED,
            links=here,
        ),
    ]


def new_kinds() -> Json:
    """Each kind that was new."""
    chosen = ", ".join(f'{name}=~"${name}"' for name in KIND)
    alert = f'alertname="{_NEW}", {chosen}'
    since = once(f"max_over_time(ALERTS_FOR_STATE{{{alert}}}[$__range])", *KIND)
    return table(
        "New kinds of failures",
        f"Types and classes that failed within the time range after seven days in which they had not: {_NEW}, and when "
        "it last began.",
        {"target": "Target", "tenant": "Tenant", "script_type": "Type", "error_class": "Class"},
        [Column(f"1000 * {since}", "New since", "dateTimeFromNow", links=[to(ERRORS, "Which", **KIND)])],
        no_value="none was new in this time",
        links={"Class": [to(ERRORS, "Failures of this kind", **KIND)]},
    )
