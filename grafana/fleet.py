"""Exporter and fleet: the watched databases, how their collection fares, and the exporters themselves."""

from __future__ import annotations

from exporter.demo.shipped import alert_thresholds
from grafana import fleetstate
from grafana.dashboard import Json, Row, Sized, dashboard
from grafana.exporter import curves, exporters
from grafana.links import EXPORTER, to
from grafana.panels import Limit, Query, stat
from grafana.promql import increase, once, select, select_exporter, total
from grafana.usual import number


def _verdict(limits: dict[str, float]) -> list[Json]:
    upkeep = once(select("upkeep_success"), "target")
    valid = once(select_exporter("config_last_reload_successful"), "instance")
    build = once(select_exporter("exporter_build_info"), "instance", "version")
    failures = once(increase(select_exporter("exporter_task_failures_total"), "$__range"), "instance", "task")
    return [
        fleetstate.targets_tracked(),
        fleetstate.collectors_failing(),
        number(
            "Upkeep working",
            "Share of the targets in which the last round of upkeep (totals, partitions, interrupted operations) "
            "succeeded.",
            f"avg({upkeep})",
            unit="percentunit",
            limit=Limit(1, "below"),
            links=[to(EXPORTER, "Each target")],
        ),
        stat(
            "Exporters by version",
            "Exporters that Prometheus scrapes, by their version; replicas of each other count each.",
            [Query(f"count by (version) ({build})", "{{version}}")],
            unit="short",
            no_value="no exporter",
            text="value_and_name",
            links=[to(EXPORTER, "Each exporter")],
        ),
        number(
            "Configurations valid",
            "Share of the exporters whose configuration was valid when it was last read; in the others an earlier one "
            "is in force: ScriptTrackingConfigReloadFailed.",
            f"avg({valid})",
            unit="percentunit",
            no_value="no exporter",
            limit=Limit(1, "below"),
            links=[to(EXPORTER, "Each exporter")],
        ),
        number(
            "Mistakes of the exporter",
            "Tasks of an exporter within the time range that ended by a mistake of its own and were begun anew: "
            "ScriptTrackingExporterMistaken warns where it goes on.",
            f"{total(failures)} or on () sum({build}) * 0",
            no_value="no exporter",
            links=[to(EXPORTER, "Each exporter")],
        ),
    ]


def fleet() -> Json:
    """The dashboard of who operates the exporters."""
    limits = alert_thresholds()
    collection: list[Json | Sized] = [
        fleetstate.oldest_collection(limits),
        fleetstate.slowest_collectors(),
        fleetstate.left_out(),
        fleetstate.upkeep_age(),
        Sized(fleetstate.collectors(limits), 16, 8),
    ]
    rows = [
        Row("Verdict", _verdict(limits), width=4, height=5),
        Row("Targets", [fleetstate.targets(limits)], width=24, height=8),
        Row("Collection and upkeep", collection, width=8, height=8),
        Row("Exporters", [exporters()], width=24, height=6),
        Row("Requests, sessions, event loop", curves(limits), width=8, height=8),
    ]
    return dashboard(
        EXPORTER,
        "The watched databases and whether their collection and upkeep work; the exporters themselves, each replica "
        "for itself: what they are asked, their sessions, event loop, configuration and certificate.",
        rows,
    )
