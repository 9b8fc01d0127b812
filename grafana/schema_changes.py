"""Schema changes: who changed what, when, how long it took, and what waits for whom."""

from __future__ import annotations

from typing import Final

from exporter.demo.shipped import alert_thresholds
from grafana import activity, reconciler, tracker, windows
from grafana.dashboard import Json, Row, Sized, dashboard
from grafana.links import CAPTURE, SCHEMA_CHANGES, cell, label, to
from grafana.panels import NO_DATA, NOTHING_RAN, Limit, Query, stat, timeseries
from grafana.promql import by_type, once, select, total
from grafana.records import Cell, needs, record
from grafana.usual import by_target, number, rates
from grafana.variables import entry, status

CHANGES: Final = select("operations_total", activity.DDL, tenant=True)
WITHOUT_EFFECT: Final = select(
    "operations_total", activity.DDL, 'status=~"FAILED|INTERRUPTED|ROLLED_BACK"', tenant=True
)


def _verdict(limits: dict[str, float]) -> list[Json]:
    waiting, seconds, queued = (
        once(select(f"ddl_{name}"), "target") for name in ("waiting", "waiting_seconds", "queued_sessions")
    )
    return [
        number(
            "Schema changes",
            "DDL statements on record that ended within the dashboard's time range, whatever became of them.",
            activity.within_all(CHANGES, "$__range"),
            links=[to(SCHEMA_CHANGES, "The statements, from the record")],
        ),
        number(
            "Without effect",
            "DDL statements within the time range that failed, were interrupted or rolled back; known where the level "
            "of capture is failures or full.",
            activity.within_all(WITHOUT_EFFECT, "$__range"),
            links=[to(SCHEMA_CHANGES, "The failed ones, from the record", status="FAILED")],
        ),
        number(
            "Waiting now",
            "Sessions with DDL, LOCK TABLE or maintenance that wait for a lock on a relation.",
            total(waiting),
            links=[to(SCHEMA_CHANGES, "Who waits, from the record")],
        ),
        stat(
            "Longest wait",
            "How long the longest of them has been waiting; past the line for a minute ScriptTrackingDdlWaiting warns.",
            [Query(f"max({seconds})")],
            unit="s",
            no_value=NO_DATA,
            limit=Limit(limits["ddl_waiting_seconds"], "above"),
            links=[to(SCHEMA_CHANGES, "Who waits, from the record")],
        ),
        number(
            "Held up behind them",
            "Sessions that wait behind waiting DDL, which holds them up although it has no lock yet.",
            total(queued),
            links=[to(SCHEMA_CHANGES, "Who waits, from the record")],
        ),
        tracker.untracked_changes(),
    ]


def _rates() -> list[Json]:
    ended = by_type(CHANGES, "status")
    return [
        activity.ddl(),
        rates(
            "Schema changes by outcome",
            "Recorded DDL statements each minute, by what became of them. NOOP did nothing, as IF NOT EXISTS lets it.",
            f"60 * {total(ended, 'status')}",
            "{{status}}",
            unit="opm",
            links=[to(SCHEMA_CHANGES, "Statements of this outcome", status=label("status"))],
        ),
        rates(
            "Schema changes by target",
            "Recorded DDL statements each minute, by database.",
            f"60 * {total(ended, 'target')}",
            "{{target}}",
            unit="opm",
            links=[to(SCHEMA_CHANGES, "This target's schema changes", target=label("target"))],
        ),
        timeseries(
            "Duration of schema changes",
            "Median, 95th and 99th percentile of the DDL statements that ended, estimated from the histogram's "
            "buckets; time in which they waited for locks is part of it.",
            [
                Query(activity.duration(share, matchers=(activity.DDL,)), f"p{100 * share:g}")
                for share in (0.5, 0.95, 0.99)
            ],
            unit="s",
            no_value=NOTHING_RAN,
            links=[to(SCHEMA_CHANGES, "The statements, from the record")],
        ),
        by_target(
            "Longest wait for a lock",
            "How long the DDL that has waited longest has been waiting; past the line for a minute "
            "ScriptTrackingDdlWaiting warns.",
            once(select("ddl_waiting_seconds"), "target"),
            unit="s",
            limit=Limit(alert_thresholds()["ddl_waiting_seconds"], "above"),
            links=[to(SCHEMA_CHANGES, "This target", target=label("target"))],
        ),
        timeseries(
            "Waiting, and held up behind",
            "Sessions with DDL or maintenance that wait for a lock, and those that wait behind them.",
            [
                Query(total(once(select("ddl_waiting"), "target")), "waiting"),
                Query(total(once(select("ddl_queued_sessions"), "target")), "held up behind"),
            ],
            unit="short",
            no_value=NO_DATA,
            step=True,
            links=[to(SCHEMA_CHANGES, "Who waits, from the record")],
        ),
        tracker.left_out(),
        timeseries(
            "Changes found in the catalogs",
            "Changes of catalog objects each second that the comparison found: those that a record accounts for, and "
            "those that none does.",
            [
                Query(total(once(f"rate({select(f'{name}_total')}[$__rate_interval])", "target")), legend)
                for name, legend in (("accounted_changes", "accounted for"), ("untracked_changes_found", "untracked"))
            ],
            unit="ops",
            no_value=NO_DATA,
            links=[to(CAPTURE, "Comparison of the catalogs")],
        ),
        tracker.losses(alert_thresholds()),
    ]


def _record() -> list[Json | Sized]:
    objects = [to(SCHEMA_CHANGES, "History of this object", object=cell("Objects"))]
    return [
        Sized(needs(auditor=True), 24, 4),
        Sized(
            record(
                "Who changed what",
                "The newest 500 DDL statements of the time range that the chosen tenants have on record, with who, "
                "from where, and how long they took.",
                "schema_changes",
                {"Objects": Cell(links=objects)},
                no_value="no schema change in this time",
            ),
            24,
            12,
        ),
        Sized(windows.outside(), 24, 9),
        Sized(
            record(
                "Who changes how much",
                "DDL statements of the time range by the role that logged in, of the newest 5,000 of each tenant.",
                "schema_changes_by_user",
                {},
                no_value="no schema change in this time",
            ),
            24,
            7,
        ),
        Sized(
            record(
                "History of an object",
                "Every record that touched the object whose name stands above, whenever it was, by any name that it "
                "had.",
                "object_history",
                {},
                no_value="name an object above, or click one",
            ),
            24,
            7,
        ),
    ]


def _for_auditors() -> list[Json]:
    return [
        record(
            "What waits, and for whom",
            "DDL and maintenance that wait for a lock now, the longest first, with the sessions that hold them up. For "
            "an auditor's data source.",
            "waiting_ddl",
            {"Waiting": Cell("s")},
            no_value="nothing waits",
        ),
        reconciler.went_round(),
    ]


def schema_changes() -> Json:
    """The dashboard of whoever asks who changed what."""
    limits = alert_thresholds()
    rows = [
        Row("Verdict", _verdict(limits), width=4, height=5),
        Row("Rate, outcome, duration, waits", _rates(), width=8, height=8),
        Row("Change windows", windows.panels(limits), width=12, height=8),
        Row("From the record", _record(), width=24, height=9),
        Row("For auditors, from the record", _for_auditors(), width=24, height=9, collapsed=True),
    ]
    return dashboard(
        SCHEMA_CHANGES,
        "Who changed which definition, when, how long it took and what it waits for; what was refused, kept out of the "
        "record, or went round it.",
        rows,
        [status(), entry("object", "Object", "Name of an object, schema.table, whose history the table below shows")],
    )
