"""Panels of how far what is derived lags, of partitions, and of what goes and what stays."""

from __future__ import annotations

from typing import Any

from grafana.links import CAPTURE, label, to
from grafana.panels import NO_DATA, Limit, Query, timeseries
from grafana.promql import increase, once, recorded, select, total
from grafana.usual import by_target

Json = dict[str, Any]

_HERE = [to(CAPTURE, "This target", target=label("target"))]
_RECORD = [to(CAPTURE, "All of the record")]


def rollup_lag(limits: dict[str, float]) -> Json:
    """How old what the totals lack is."""
    return by_target(
        "Rollup lag",
        "Age of the oldest record that the totals do not hold yet. Counters are right all the same; past the line "
        "ScriptTrackingRollupLag says that a transaction holds the horizon.",
        once(select("rollup_lag_seconds"), "target"),
        unit="s",
        limit=Limit(limits["rollup_lag_seconds"], "above"),
        links=_HERE,
    )


def links_lag() -> Json:
    """How old what the links lack is."""
    return by_target(
        "Links lag",
        "Age of the oldest record that the links to objects and parents do not hold yet; the functions that ask them "
        "read it from the record.",
        once(select("links_lag_seconds"), "target"),
        unit="s",
        links=_HERE,
    )


def horizon_held(limits: dict[str, float]) -> Json:
    """For how long a transaction has kept totals and links, and vacuum, from going on."""
    return by_target(
        "Horizon held",
        "For how long the oldest transaction that wrote something, in any database of the server, has been open, "
        "prepared ones included: totals and links wait for it, and so does vacuum. Past the line "
        "ScriptTrackingHorizonHeld warns.",
        once(select("horizon_held_seconds"), "target"),
        unit="s",
        limit=Limit(limits["horizon_held_seconds"], "above"),
        links=_HERE,
    )


def forecast(limits: dict[str, float]) -> Json:
    """What the record will take."""
    now = total(once(select("storage_bytes"), "target", "relation"), "target")
    return timeseries(
        "Storage forecast",
        f"Bytes of the record now, and in {limits['storage_forecast_seconds'] / 86400:g} days if it grows on as it did "
        "within a day, as the recording rule script_tracking:storage_forecast_bytes says; and the limit, where the "
        "database has one (storage.warning_bytes). Past that, else past the line, ScriptTrackingStorageForecast "
        "warns.",
        [
            Query(now, "{{target}} now"),
            Query(once(recorded("storage_forecast_bytes"), "target"), "{{target}} forecast"),
            Query(once(select("storage_limit_bytes"), "target"), "{{target}} limit"),
        ],
        unit="bytes",
        no_value=NO_DATA,
        limit=Limit(limits["storage_bytes"], "above"),
        links=_HERE,
    )


def partitions_ahead(limits: dict[str, float]) -> Json:
    """What stands ready."""
    return by_target(
        "Partitions ahead",
        "Partitions that stand ready for the months to come; below the line ScriptTrackingPartitionMissing warns.",
        once(select("partitions_ahead"), "target"),
        unit="short",
        limit=Limit(limits["partitions_ahead"], "below"),
        step=True,
        links=_HERE,
    )


def curves() -> list[Json]:
    """Five panels of bytes, retention and archive."""
    kept = once(select("partitions_kept"), "target", "reason")
    archived = once(select("archive_last_success_timestamp_seconds"), "target")
    # of several exporters of a database only one writes an archive
    written = total(once(increase(select("archive_written_bytes_total"), "$__range"), "target", "instance"), "target")
    removed = once(increase(select("removed_executions_total"), "$__range"), "target")
    return [
        timeseries(
            "Storage",
            "Bytes on disk of the record's tables with their indexes, over all partitions.",
            [Query(total(once(select("storage_bytes"), "target", "relation"), "relation"), "{{relation}}")],
            unit="bytes",
            no_value=NO_DATA,
            stacked=True,
            links=_RECORD,
        ),
        timeseries(
            "Past periods kept",
            "Past periods by what keeps their partitions, such as a hold, a retention or an archive that is not "
            "written yet; due is what goes next.",
            [Query(total(kept, "reason"), "{{reason}}")],
            unit="short",
            no_value=NO_DATA,
            step=True,
            links=_RECORD,
        ),
        by_target(
            "Removed within the time range",
            "Executions that went with their partitions, up to each moment within a range as long as the dashboard's.",
            removed,
            unit="short",
            links=_HERE,
        ),
        by_target(
            "Age of the last archiving",
            "Time since a round of archiving last succeeded, also where nothing was to be archived: one every ten "
            "minutes. Where it fails for an hour ScriptTrackingArchiveFailing warns.",
            f"time() - {archived}",
            unit="s",
            no_value="no archive",
            links=_HERE,
        ),
        by_target(
            "Archived within the time range",
            "Bytes of the archives that were written, after compression, up to each moment within a range as long as "
            "the dashboard's.",
            written,
            unit="bytes",
            no_value="no archive",
            links=_HERE,
        ),
    ]
