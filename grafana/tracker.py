"""Panels of the tracker itself: what it lags, loses, holds and costs, and how its collection fares."""

from __future__ import annotations

from typing import Any

from grafana.links import TO_TARGET
from grafana.panels import NO_DATA, NOTHING_RAN, Column, Limit, Query, states, table, timeseries
from grafana.promql import once, rate, select, total

Json = dict[str, Any]


def tracker(limits: dict[str, float]) -> list[Json]:
    """Nine panels, the tables last."""
    cost = once(rate(select("tracking_seconds_total")), "target")
    executions = total(once(rate(select("operations_total")), "target", "tenant", "script_type", "status"), "target")
    succeeded = once(select("collector_last_success_timestamp_seconds"), "target", "collector")
    age = f"time() - {succeeded}"
    stale = Limit(limits["collection_age_seconds"], "above")
    losses = ("lost_records_total", "refused_claims_total", "temporary_ddl_total")
    return [
        timeseries(
            "Rollup lag",
            "Age of the oldest record that the totals do not hold yet. Counters are right all the same; past the line "
            "ScriptTrackingRollupLag says that a transaction holds the horizon.",
            [Query(once(select("rollup_lag_seconds"), "target"), "{{target}}")],
            unit="s",
            no_value=NO_DATA,
            limit=Limit(limits["rollup_lag_seconds"], "above"),
        ),
        timeseries(
            "Partitions ahead",
            "Partitions that stand ready for the months to come; below the line ScriptTrackingPartitionMissing warns.",
            [Query(once(select("partitions_ahead"), "target"), "{{target}}")],
            unit="short",
            no_value=NO_DATA,
            limit=Limit(limits["partitions_ahead"], "below"),
            step=True,
        ),
        timeseries(
            "Storage",
            "Bytes on disk of the record's tables with their indexes, over all partitions.",
            [Query(total(once(select("storage_bytes"), "target", "relation"), "relation"), "{{relation}}")],
            unit="bytes",
            no_value=NO_DATA,
            stacked=True,
        ),
        timeseries(
            "Tracking cost per execution",
            "Time in ddl_command_end and complete_operation up to the insert of the record, for each execution that "
            "ended; the insert and track_operation are not in it.",
            [Query(f"{cost} / ({executions} > 0)", "{{target}}")],
            unit="s",
            no_value=NOTHING_RAN,
        ),
        timeseries(
            "Lost, refused, not recorded",
            "DDL statements each second whose record was lost (ScriptTrackingRecordsLost), whose session claimed a "
            "tenant that its role is no member of, and on temporary objects, which are counted only.",
            [
                Query(total(once(rate(select(name)), "target")), legend)
                for name, legend in zip(losses, ("lost", "claim refused", "temporary"), strict=True)
            ],
            unit="ops",
            no_value=NO_DATA,
            limit=Limit(limits["lost_records"], "above"),
        ),
        timeseries(
            "Age of the oldest collection",
            "Time since the collector that has waited longest succeeded; past the line ScriptTrackingCollectionStale "
            "warns.",
            [Query(f"max by (target) ({age})", "{{target}}")],
            unit="s",
            no_value=NO_DATA,
            limit=stale,
        ),
        table(
            "Targets",
            "State of each watched database.",
            {"target": "Target"},
            [
                Column(once(select("up"), "target"), "State", "short", words=states("up", "down")),
                Column(
                    f"min by (target) ({once(select('event_trigger_enabled'), 'target', 'trigger')})",
                    "Event triggers",
                    "short",
                    words=states("on", "off"),
                ),
                Column(once(select("upkeep_success"), "target"), "Upkeep", "short", words=states("ok", "failing")),
                Column(once(select("archive_success"), "target"), "Archive", "short", words=states("ok", "failing")),
                Column(once(select("schema_version"), "target"), "Schema version", "short"),
            ],
            no_value=NO_DATA,
            link=TO_TARGET,
        ),
        table(
            "Collectors",
            "Each collector's last run and the time since it last succeeded. Values older than three intervals are "
            "withdrawn.",
            {"target": "Target", "collector": "Collector"},
            [
                Column(
                    once(select("collector_success"), "target", "collector"),
                    "Last run",
                    "short",
                    words=states("ok", "failed"),
                ),
                Column(age, "Last success", "s", stale),
                Column(once(select("collector_duration_seconds"), "target", "collector"), "Duration", "s"),
            ],
            no_value="never",
            link=TO_TARGET,
        ),
        table(
            "Health checks",
            "Checks of script_tracking.get_system_health(); the function says what to do about each.",
            {"target": "Target", "check": "Check"},
            [
                Column(
                    once(select("health_check_ok"), "target", "check"), "Result", "short", words=states("ok", "failing")
                )
            ],
            no_value="unknown",
            link=TO_TARGET,
        ),
    ]
