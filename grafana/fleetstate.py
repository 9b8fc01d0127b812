"""Panels of the watched databases and of how their collection and upkeep fare."""

from __future__ import annotations

from typing import Any

from grafana.links import CAPTURE, EXPORTER, OVERVIEW, cell, label, to
from grafana.panels import NO_DATA, Limit, Query, states, timeseries, words
from grafana.promql import increase, once, select, total
from grafana.tables import Column, table
from grafana.usual import by_target, number

Json = dict[str, Any]

_SUCCEEDED = once(select("collector_last_success_timestamp_seconds"), "target", "collector")


def targets_tracked() -> Json:
    """Share of the targets."""
    schema = once(select("schema_version"), "target")
    return number(
        "Targets tracked",
        "Share of the watched databases that an exporter reaches and finds the tracking schema in. Each of the "
        "others pages: ScriptTrackingTargetDown, ScriptTrackingSchemaMissing.",
        f"avg({schema} == 0 or {once(select('up'), 'target')})",
        unit="percentunit",
        no_value="no exporter",
        limit=Limit(1, "below"),
        links=[to(EXPORTER, "Each target")],
    )


def collectors_failing() -> Json:
    """How many did not succeed."""
    failing = once(select("collector_success"), "target", "collector")
    return number(
        "Collectors failing",
        "Collectors whose last run failed in every exporter, over all targets; the table below names them.",
        f"sum(1 - {failing})",
        limit=Limit(0, "above"),
        links=[to(EXPORTER, "Each collector")],
    )


def oldest_collection(limits: dict[str, float]) -> Json:
    """Age of what was collected longest ago."""
    return by_target(
        "Age of the oldest collection",
        "Time since the collector that has waited longest succeeded; past the line ScriptTrackingCollectionStale "
        "warns.",
        f"max by (target) (time() - {_SUCCEEDED})",
        unit="s",
        limit=Limit(limits["collection_age_seconds"], "above"),
        links=[to(EXPORTER, "This target's collectors", target=label("target"))],
    )


def slowest_collectors() -> Json:
    """How long collectors take."""
    took = once(select("collector_duration_seconds"), "target", "collector")
    return timeseries(
        "Slowest collectors",
        "Duration of the last run, of the slowest target, by collector.",
        [Query(f"max by (collector) ({took})", "{{collector}}")],
        unit="s",
        no_value=NO_DATA,
        links=[to(EXPORTER, "Each collector")],
    )


def left_out() -> Json:
    """What a collection did not deliver."""
    skipped = once(increase(select("collections_skipped_total"), "$__rate_interval"), "target", "instance")
    dropped = once(increase(select("dropped_series_total"), "$__rate_interval"), "target", "collector", "instance")
    return timeseries(
        "Turns skipped, samples dropped",
        "Turns of collectors that were left out as others still ran, and samples that were left out: returned twice, "
        "without a label, or beyond the limits of the configuration. Of all exporters together.",
        [Query(total(skipped), "turns skipped"), Query(total(dropped), "samples dropped")],
        unit="short",
        no_value=NO_DATA,
        links=[to(EXPORTER, "Each collector")],
    )


def upkeep_age() -> Json:
    """Time since each job of upkeep succeeded."""
    succeeded = once(select("upkeep_last_success_timestamp_seconds"), "target", "task")
    return timeseries(
        "Age of the last upkeep",
        "Time since a job of upkeep last succeeded in the target that has waited longest, whichever exporter ran it.",
        [Query(f"max by (task) (time() - {succeeded})", "{{task}}")],
        unit="s",
        no_value=NO_DATA,
        links=[to(EXPORTER, "Each target")],
    )


def targets(limits: dict[str, float]) -> Json:
    """A row for each watched database."""
    lowest = f"min by (target) ({once(select('event_trigger_enabled'), 'target', 'trigger')})"
    behind = f"max by (target) (time() - {_SUCCEEDED})"
    roles = words({"0": ("primary", "text"), "1": ("standby", "blue")})
    return table(
        "Targets",
        "State of each watched database.",
        {"target": "Target"},
        [
            Column(once(select("up"), "target"), "State", "short", words=states("up", "down")),
            Column(once(select("standby"), "target"), "Role", "short", words=roles),
            Column(once(select("schema_version"), "target"), "Schema version", "short"),
            Column(lowest, "Event triggers", "short", words=states("on", "off"),
                   links=[to(CAPTURE, "Its event triggers", target=cell("Target"))]),
            Column(once(select("capture_success"), "target"), "Capture", "short", words=states("ok", "failing"),
                   links=[to(CAPTURE, "What is captured", target=cell("Target"))]),
            Column(once(select("upkeep_success"), "target"), "Upkeep", "short", words=states("ok", "failing")),
            Column(once(select("archive_success"), "target"), "Archive", "short", words=states("ok", "failing")),
            Column(behind, "Oldest collection", "s", Limit(limits["collection_age_seconds"], "above")),
        ],
        no_value=NO_DATA,
        links={"Target": [to(OVERVIEW, "Overview of this target", target=cell("Target")),
                          to(EXPORTER, "Its collectors", target=cell("Target"))]},
    )  # fmt: skip


def collectors(limits: dict[str, float]) -> Json:
    """A row for each collector of each target."""
    succeeded = once(select("collector_success"), "target", "collector")
    age = Limit(limits["collection_age_seconds"], "above")
    return table(
        "Collectors",
        "Each collector's last run and the time since it last succeeded. Values older than three intervals are "
        "withdrawn.",
        {"target": "Target", "collector": "Collector"},
        [
            Column(succeeded, "Last run", "short", words=states("ok", "failed")),
            Column(f"time() - {_SUCCEEDED}", "Last success", "s", age),
            Column(once(select("collector_duration_seconds"), "target", "collector"), "Duration", "s"),
        ],
        no_value="never",
        links={"Target": [to(EXPORTER, "This target", target=cell("Target"))]},
    )
