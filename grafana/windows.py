"""Panels of change windows: what is made of schema changes by them, and whether judging goes on."""

from __future__ import annotations

from typing import Any, Final

from grafana.dashboard import Sized
from grafana.links import SCHEMA_CHANGES, cell, label, to
from grafana.panels import Limit, Query, timeseries, words
from grafana.promql import increase, once, rate, select, total
from grafana.records import Cell, record
from grafana.usual import by_target, number, rates

Json = dict[str, Any]

VERDICTS: Final = words(
    {
        "outside": ("outside", "red"),
        "frozen": ("frozen", "red"),
        "approved": ("approved", "blue"),
        "inside": ("inside", "green"),
    }
)
_NOT_JUDGED: Final = "nothing is judged"
_EACH: Final = ("target", "tenant", "verdict")
JUDGED: Final = select("ddl_judged_total", tenant=True)
OUTSIDE: Final = select("ddl_judged_total", 'verdict=~"outside|frozen"', tenant=True)


def panels(limits: dict[str, float]) -> list[Json | Sized]:
    """A number and four curves."""
    here = [to(SCHEMA_CHANGES, "This target", target=label("target"))]
    opened, frozen = (
        once(select(name), "target", kind)
        for name, kind in (("change_window_open", "window"), ("change_freeze_in_force", "freeze"))
    )
    judged = once(rate(JUDGED), *_EACH)
    succeeded = once(select("change_judging_last_success_timestamp_seconds"), "target")
    return [
        Sized(
            number(
                "Outside a window",
                "DDL statements within the time range that began while no change window was open or a freeze was in "
                "force, and without an approved reference: ScriptTrackingDdlOutsideWindow.",
                total(once(increase(OUTSIDE, "$__range"), *_EACH)),
                no_value=_NOT_JUDGED,
                limit=Limit(0, "above"),
                links=[to(SCHEMA_CHANGES, "Which, from the record")],
            ),
            4,
            8,
        ),
        Sized(
            rates(
                "Judged schema changes",
                "Captured DDL statements each minute by what the exporter's change windows and references make of "
                "them.",
                f"60 * {total(judged, 'verdict')}",
                "{{verdict}}",
                unit="opm",
                no_value=_NOT_JUDGED,
                links=[to(SCHEMA_CHANGES, "Which, from the record")],
            ),
            10,
            8,
        ),
        Sized(
            timeseries(
                "Windows open, freezes in force",
                "1 while a change window is open, or a freeze in force, be it for some tenants.",
                [Query(opened, "{{window}} on {{target}}"), Query(frozen, "{{freeze}} on {{target}}, freeze")],
                unit="short",
                no_value=_NOT_JUDGED,
                step=True,
                links=here,
            ),
            10,
            8,
        ),
        by_target(
            "Lag of judging",
            "How long the oldest record that judging has not reached had been there in the last round.",
            f"min by (target) ({select('change_judging_lag_seconds')})",
            unit="s",
            no_value=_NOT_JUDGED,
            links=here,
        ),
        by_target(
            "Age of the last judging",
            "Time since a round of judging last succeeded, whichever exporter judged; past the line "
            "ScriptTrackingChangeJudgingFailing warns.",
            f"time() - {succeeded}",
            unit="s",
            no_value=_NOT_JUDGED,
            limit=Limit(limits["judging_age_seconds"], "above"),
            links=here,
        ),
    ]


def outside() -> Json:
    """The newest of them."""
    return record(
        "Outside a change window",
        "The newest 500 DDL statements of the time range that began outside of every change window or within a "
        "freeze, without an approved reference, of the newest 5,000 of each tenant.",
        "outside_windows",
        {
            "Verdict": Cell(words=VERDICTS),
            "Objects": Cell(links=[to(SCHEMA_CHANGES, "History of this object", object=cell("Objects"))]),
        },
        no_value="none, or nothing is judged",
    )
