"""Panels of the comparison of the catalogs with the record, and of the rules of the vault."""

from __future__ import annotations

from typing import Any

from grafana.links import CAPTURE, SCHEMA_CHANGES, cell, label, to
from grafana.panels import NO_DATA, Limit
from grafana.promql import once, select
from grafana.records import Cell, record
from grafana.tables import Column, table
from grafana.usual import by_target, number

Json = dict[str, Any]

_HERE = [to(CAPTURE, "This target", target=label("target"))]
_NOT_YET = "not compared yet"


def coverage_now() -> Json:
    """The lowest coverage."""
    return number(
        "Lowest coverage",
        "Share of the watched catalog objects whose definition is accounted for, by the baseline, a record or an "
        "acknowledgement, in the target where it is lowest.",
        f"min({once(select('catalog_coverage_ratio'), 'target')})",
        unit="percentunit",
        no_value=_NOT_YET,
        links=[to(CAPTURE, "Coverage over time")],
    )


def violations_now() -> Json:
    """Rows that break a rule."""
    return number(
        "Vault violations",
        "Rows of the record, or of what is derived from it, that break a rule of the vault: "
        "ScriptTrackingVaultViolation pages for the first one.",
        f"sum({once(select('vault_violations'), 'target', 'check')})",
        limit=Limit(0, "above"),
        links=[to(CAPTURE, "Each rule")],
    )


def curves(limits: dict[str, float]) -> list[Json]:
    """Four panels of the comparison."""
    compared = once(select("reconciled_timestamp_seconds"), "target")
    interval = once(select("reconcile_interval_seconds"), "target")
    return [
        by_target(
            "Untracked changes by target",
            "Changes of the catalogs that no record accounts for and nobody has acknowledged: "
            "ScriptTrackingUntrackedChange.",
            once(select("untracked_changes"), "target"),
            unit="short",
            limit=Limit(0, "above"),
            step=True,
            links=_HERE,
        ),
        by_target(
            "Coverage",
            "Share of the watched catalog objects whose definition is accounted for.",
            once(select("catalog_coverage_ratio"), "target"),
            unit="percentunit",
            no_value=_NOT_YET,
            links=_HERE,
        ),
        by_target(
            "Intervals since the last comparison",
            "Time since the catalogs were last compared with the record, in intervals of the configuration; past the "
            "line ScriptTrackingReconcilerStopped warns.",
            f"(time() - {compared}) / ({interval} > 0)",
            unit="short",
            no_value=_NOT_YET,
            limit=Limit(limits["reconcile_intervals"], "above"),
            links=_HERE,
        ),
        by_target(
            "Duration of the comparison",
            "How long the last comparison of the catalogs with the record took.",
            once(select("reconcile_duration_seconds"), "target"),
            unit="s",
            no_value=_NOT_YET,
            links=_HERE,
        ),
    ]


def went_round() -> Json:
    """Each change that no record accounts for."""
    return record(
        "Changes that went round the record",
        "Those that are not acknowledged, and those of the time range. For an auditor's data source.",
        "untracked_changes",
        {"Object": Cell(links=[to(SCHEMA_CHANGES, "Its history", object=cell("Object"))]), "Objects": Cell(width=80)},
        no_value="none",
    )


def vault_checks() -> Json:
    """Each rule of the vault."""
    return table(
        "Rules of the vault",
        "Rows that break each rule, as script_tracking.vault_check() counts them, and how many rows its last pass held "
        "to it: ScriptTrackingVaultViolation.",
        {"target": "Target", "check": "Rule"},
        [
            Column(once(select("vault_violations"), "target", "check"), "Violations", "short", Limit(0, "above")),
            Column(once(select("vault_checked_rows"), "target", "check"), "Rows checked", "short"),
        ],
        no_value=NO_DATA,
        links={"Target": [to(CAPTURE, "This target", target=cell("Target"))]},
    )


def vault_age() -> Json:
    """Since when the record has been checked as a whole."""
    ended = once(select("vault_checked_timestamp_seconds"), "target")
    return by_target(
        "Age of the last whole check",
        "Time since a whole pass of script_tracking.vault_check() ended.",
        f"time() - {ended}",
        unit="s",
        no_value="no whole pass yet",
        links=_HERE,
    )
