"""Capture and integrity: what is captured, lost and untracked, whether the record keeps its rules, what it costs."""

from __future__ import annotations

from exporter.demo.shipped import alert_thresholds
from grafana import reconciler, slot, storage, tracker
from grafana.dashboard import Json, Row, Sized, dashboard
from grafana.links import CAPTURE, to
from grafana.panels import NO_DATA, Limit, Query, stat, words
from grafana.promql import once, select, total
from grafana.records import Cell, needs, record
from grafana.usual import number

HEALTH = words(
    {
        "critical": ("critical", "red"),
        "warning": ("warning", "orange"),
        "unknown": ("unknown", "text"),
        "ok": ("ok", "green"),
    }
)


def _verdict(limits: dict[str, float]) -> list[Json]:
    levels = once(select("capture_level_info"), "target", "level", "lacks")
    paused = once(select("paused"), "target")
    open_losses = once(select("unacknowledged_losses"), "target")
    return [
        tracker.event_triggers_on(),
        tracker.records_lost(limits),
        tracker.untracked_changes(),
        reconciler.coverage_now(),
        tracker.failing_checks(),
        reconciler.violations_now(),
        stat(
            "Capture level",
            "Targets by their level and what keeps it from being higher. basic: DDL that succeeded. failures: also DDL "
            "that failed or was rolled back. full: also its SQLSTATE and message.",
            [Query(f"count by (level, lacks) ({levels})", "{{level}}, lacks {{lacks}}")],
            unit="short",
            no_value=NO_DATA,
            text="value_and_name",
            links=[to(CAPTURE, "Each health check")],
        ),
        number(
            "Targets paused",
            "Targets in which a superuser has paused tracking, so that no DDL is recorded: ScriptTrackingPaused.",
            total(paused),
            limit=Limit(0, "above"),
            links=[to(CAPTURE, "Each event trigger")],
        ),
        number(
            "Losses to acknowledge",
            "Lost records since script_tracking.acknowledge_losses() was last called, over all targets.",
            total(open_losses),
            links=[to(CAPTURE, "Losses over time")],
        ),
        slot.dropped(),
        slot.refused(),
        slot.gaps(),
    ]


def _record() -> list[Json | Sized]:
    return [
        Sized(needs(auditor=True), 24, 4),
        record(
            "Health checks with advice",
            "Each check of script_tracking.get_system_health(), the bad ones first, and what to do about it.",
            "health",
            {
                "Status": Cell(words=HEALTH),
                "Check": Cell(width=230),
                "Value": Cell("short"),
                "Bad from": Cell("short"),
                "What to do": Cell(wrapped=True),
            },
            no_value="no check",
        ),
    ]


def _for_auditors() -> list[Json]:
    return [
        reconciler.went_round(),
        record(
            "Past partitions",
            "Partitions that are past, and what keeps each. For an auditor's data source.",
            "partitions",
            {},
            no_value="none is past",
        ),
    ]


def capture() -> Json:
    """The dashboard of who looks after the tracker, and of who must trust the record."""
    limits = alert_thresholds()
    rows = [
        Row("Verdict", _verdict(limits), width=4, height=5),
        Row("Losses and cost", [
            tracker.losses(limits), tracker.left_out(), tracker.tracking_cost(), tracker.tracking_share(),
        ], width=12, height=8),
        Row("Lag", [storage.rollup_lag(limits), storage.links_lag(), storage.horizon_held(limits)], width=8, height=8),
        Row("Slot and server log", slot.curves(limits), width=8, height=8),
        Row("Comparison of the catalogs", reconciler.curves(limits), width=6, height=8),
        Row("Rules of the vault", [Sized(reconciler.vault_checks(), 16, 8), reconciler.vault_age()], width=8, height=8),
        Row("Storage, partitions, retention, archive", [
            Sized(storage.forecast(limits), 24, 8), storage.partitions_ahead(limits), *storage.curves(),
        ], width=8, height=8),
        Row("Triggers and checks", [tracker.event_triggers(), tracker.health_checks()], width=12, height=9),
        Row("From the record", _record(), width=24, height=10),
        Row("For auditors, from the record", _for_auditors(), width=24, height=9, collapsed=True),
    ]  # fmt: skip
    return dashboard(
        CAPTURE,
        "Whether every change is on record: event triggers, level of capture, losses, changes that went round the "
        "record, the rules of the vault, partitions, archive, lag, and what tracking costs the database.",
        rows,
    )
