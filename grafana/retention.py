"""Panels of what goes and what stays: past partitions, and the archive that they go to before."""

from __future__ import annotations

from typing import Any

from grafana.panels import NO_DATA, Query, timeseries
from grafana.promql import increase, once, select, total

Json = dict[str, Any]


def retention() -> list[Json]:
    """Three panels."""
    kept = once(select("partitions_kept"), "target", "reason")
    archived = once(select("archive_last_success_timestamp_seconds"), "target")
    # of several exporters of a database only one writes an archive
    written = total(once(increase(select("archive_written_bytes_total"), "$__range"), "target", "instance"), "target")
    return [
        timeseries(
            "Past periods kept",
            "Past periods by what keeps their partitions, such as a hold, a retention or an archive that is not "
            "written yet; due is what goes next.",
            [Query(total(kept, "reason"), "{{reason}}")],
            unit="short",
            no_value=NO_DATA,
            step=True,
        ),
        timeseries(
            "Age of the last archiving",
            "Time since a round of archiving last succeeded, also where nothing was to be archived: one every ten "
            "minutes. Where it fails for an hour ScriptTrackingArchiveFailing warns.",
            [Query(f"time() - {archived}", "{{target}}")],
            unit="s",
            no_value="no archive",
        ),
        timeseries(
            "Archived within the time range",
            "Bytes of the archives that were written, after compression, up to each moment within a range as long as "
            "the dashboard's.",
            [Query(written, "{{target}}")],
            unit="bytes",
            no_value="no archive",
        ),
    ]
