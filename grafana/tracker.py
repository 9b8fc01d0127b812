"""Panels of the tracker itself: what it loses, refuses and costs, whether its triggers stand and its checks hold."""

from __future__ import annotations

from typing import Any

from grafana.links import CAPTURE, cell, label, to
from grafana.panels import NO_DATA, NOTHING_RAN, Limit, Query, states, timeseries
from grafana.promql import increase, once, rate, select, total
from grafana.tables import Column, table
from grafana.usual import by_target, number

Json = dict[str, Any]


def event_triggers_on() -> Json:
    """Share of the triggers."""
    triggers = once(select("event_trigger_enabled"), "target", "trigger")
    return number(
        "Event triggers on",
        "Share of the event triggers that stand, fire always and call the right function. While one is off, "
        "schema changes go unrecorded: ScriptTrackingEventTriggerDisabled.",
        f"avg({triggers})",
        unit="percentunit",
        limit=Limit(1, "below"),
        links=[to(CAPTURE, "Each event trigger")],
    )


def records_lost(limits: dict[str, float]) -> Json:
    """Losses within the time range."""
    lost = once(increase(select("lost_records_total"), "$__range"), "target")
    return number(
        "Records lost",
        "DDL statements within the dashboard's time range that went through although their record could not be "
        "written. ScriptTrackingRecordsLost pages for the first one.",
        total(lost),
        limit=Limit(limits["lost_records"], "above"),
        links=[to(CAPTURE, "Losses over time")],
    )


def failing_checks() -> Json:
    """Health checks that warn."""
    failing = once(select("health_check_ok"), "target", "check")
    return number(
        "Failing health checks",
        "Checks of script_tracking.get_system_health() that warn, over all targets; the link leads to their names and "
        "to what to do.",
        f"sum(1 - {failing})",
        limit=Limit(0, "above"),
        links=[to(CAPTURE, "Each health check")],
    )


def untracked_changes() -> Json:
    """Changes that went round the record."""
    return number(
        "Untracked changes",
        "Changes of the catalogs that no record accounts for and nobody has acknowledged: "
        "ScriptTrackingUntrackedChange pages until somebody does.",
        total(once(select("untracked_changes"), "target")),
        limit=Limit(0, "above"),
        links=[to(CAPTURE, "Where, and since when")],
    )


def losses(limits: dict[str, float]) -> Json:
    """What is not on record as it should be."""
    names = ("lost_records_total", "refused_claims_total", "unannounced_ddl_total", "unreadable_policies_total")
    legends = ("lost", "claim refused", "unannounced", "policies unreadable")
    return timeseries(
        "Lost, refused, unannounced",
        "DDL statements each second whose record was lost (ScriptTrackingRecordsLost), whose session claimed a tenant "
        "that its role is no member of, whose start could not be announced, and that lost their record while the "
        "policies could not be read.",
        [Query(total(once(rate(select(name)), "target")), legend) for name, legend in zip(names, legends, strict=True)],
        unit="ops",
        no_value=NO_DATA,
        limit=Limit(limits["lost_records"], "above"),
        links=[to(CAPTURE, "What is captured")],
    )


def left_out() -> Json:
    """What is not on record as it should not be."""
    names = ("temporary_ddl_total", "noise_ddl_total", "guarded_ddl_total", "refused_ddl_total")
    legends = ("temporary objects", "noise rules", "on the tracker, refused", "fail-closed, refused")
    return timeseries(
        "Kept out or refused",
        "DDL statements each second that are counted only: on temporary objects, and what a noise rule keeps out; and "
        "those that were refused: on the tracker's own schemas, and by a fail-closed policy.",
        [Query(total(once(rate(select(name)), "target")), legend) for name, legend in zip(names, legends, strict=True)],
        unit="ops",
        no_value=NO_DATA,
        links=[to(CAPTURE, "What is captured")],
    )


def tracking_cost() -> Json:
    """What tracking takes of each execution."""
    cost = once(rate(select("tracking_seconds_total")), "target")
    executions = total(once(rate(select("operations_total")), "target", "tenant", "script_type", "status"), "target")
    return by_target(
        "Tracking cost per execution",
        "Time in ddl_command_end and complete_operation up to the insert of the record, for each execution that "
        "ended; the insert and track_operation are not in it.",
        f"{cost} / ({executions} > 0)",
        unit="s",
        no_value=NOTHING_RAN,
        links=[to(CAPTURE, "This target", target=label("target"))],
    )


def tracking_share() -> Json:
    """What tracking takes of the time."""
    return by_target(
        "Tracking cost",
        "Seconds in ddl_command_end and complete_operation in each second, over all sessions of a database.",
        once(rate(select("tracking_seconds_total")), "target"),
        unit="percentunit",
        links=[to(CAPTURE, "This target", target=label("target"))],
    )


def event_triggers() -> Json:
    """Each trigger."""
    found = once(select("event_trigger_enabled"), "target", "trigger")
    return table(
        "Event triggers",
        "Whether each stands, fires always and calls the right function: ScriptTrackingEventTriggerDisabled.",
        {"target": "Target", "trigger": "Trigger"},
        [Column(found, "State", "short", words=states("on", "off"))],
        no_value=NO_DATA,
        links={"Target": [to(CAPTURE, "This target", target=cell("Target"))]},
    )


def health_checks() -> Json:
    """Each check."""
    found = once(select("health_check_ok"), "target", "check")
    return table(
        "Health checks",
        "Checks of script_tracking.get_system_health(); the function, and the table of the record below, say what to "
        "do about each.",
        {"target": "Target", "check": "Check"},
        [Column(found, "Result", "short", words=states("ok", "failing"))],
        no_value="unknown",
        links={"Target": [to(CAPTURE, "This target", target=cell("Target"))]},
    )
