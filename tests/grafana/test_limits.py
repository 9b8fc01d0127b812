"""The limits that the dashboards show are those of the alerts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.demo.shipped import alert_thresholds, rule_files
from grafana.lint import Dashboard
from grafana.overview import overview
from grafana.panels import Limit
from tests.grafana.models import PANELS, panel

Json = dict[str, Any]

# alert's threshold and the side that it fires on, by the panel or the column that shows it
LIMITS = {
    "Records lost": ("lost_records", "above"),
    "Lost, refused, unannounced": ("lost_records", "above"),
    "Worst tenant's failure ratio": ("error_spike_failure_ratio", "above"),
    "Failure ratio by tenant": ("error_spike_failure_ratio", "above"),
    "Failure ratio, 24 h": ("error_spike_failure_ratio", "above"),
    "Rollup lag": ("rollup_lag_seconds", "above"),
    "Partitions ahead": ("partitions_ahead", "below"),
    "Age of the oldest collection": ("collection_age_seconds", "above"),
    "Last success": ("collection_age_seconds", "above"),
    "Oldest collection": ("collection_age_seconds", "above"),
    "Longest wait": ("ddl_waiting_seconds", "above"),
    "Longest wait for a lock": ("ddl_waiting_seconds", "above"),
    "Intervals since the last comparison": ("reconcile_intervals", "above"),
    "Refused logins": ("login_tenant_failures", "at or above"),
    "Refused logins of one e-mail": ("login_account_failures", "at or above"),
    "E-mails tried from one address": ("login_address_accounts", "at or above"),
    "Slot, of what it may hold back": ("slot_lag_ratio", "above"),
    "Age of the last judging": ("judging_age_seconds", "above"),
    "Horizon held": ("horizon_held_seconds", "above"),
    "Storage forecast": ("storage_bytes", "above"),
    "Certificate ends in": ("certificate_ends_in_seconds", "below"),
}


def shown_limits() -> dict[str, tuple[list[Json], list[Json]]]:
    """Threshold steps with limits, and the mappings beside them, by panel or column."""
    found: dict[str, tuple[list[Json], list[Json]]] = {}
    for _, shown in PANELS:
        if shown["type"] == "text":
            continue
        defaults = shown["fieldConfig"]["defaults"]
        found[shown["title"]] = (defaults["thresholds"]["steps"], defaults.get("mappings", []))
        for override in shown["fieldConfig"]["overrides"]:
            properties = {p["id"]: p["value"] for p in override["properties"]}
            if "thresholds" in properties:
                column = override["matcher"]["options"]
                found[column] = (properties["thresholds"]["steps"], properties.get("mappings", []))
    return {title: pair for title, pair in found.items() if len(pair[0]) > 1}


@pytest.mark.parametrize("title", LIMITS)
def test_a_limit_is_the_alerts(title: str) -> None:
    name, side = LIMITS[title]
    steps, mappings = shown_limits()[title]
    value = alert_thresholds()[name]
    colours = ["red", "green"] if side == "below" else ["green", "red"]
    assert steps == [{"color": colours[0], "value": None}, {"color": colours[1], "value": value}]
    alert = next(
        rule["expr"]
        for file in rule_files()
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule and f'threshold="{name}"' in rule["expr"]
    )
    before = alert[: alert.index(f'threshold="{name}"')]
    comparison = re.findall(r"^\s*(>=|<=|>|<)", before, re.MULTILINE)[-1]
    assert comparison == {"above": ">", "below": "<", "at or above": ">="}[side]
    if side == "above" and any(p["title"] == title and p["type"] == "stat" for _, p in PANELS):
        assert mappings[0]["options"][f"{value:g}"]["color"] == "green", "the line itself does not page"


def test_no_limit_is_of_the_dashboards_own_making() -> None:
    # these have no number in the rules: they compare with 0 or 1 there, or are no alert
    assert shown_limits().keys() - LIMITS.keys() == {
        "Burn rate by tenant, one hour",
        "Collectors failing",
        "Configurations valid",
        "Event triggers on",
        "Failing health checks",
        "Forged messages",
        "Gaps of the server log",
        "Outside a window",
        "Slots dropped",
        "Targets paused",
        "Targets tracked",
        "Untracked changes",
        "Untracked changes by target",
        "Upkeep working",
        "Vault violations",
        "Violations",
    }
    shown = {name for name, _ in LIMITS.values()}
    # the first is told beside a limit; for the others there are no panels of that
    assert alert_thresholds().keys() - shown == {
        "error_spike_failures", "login_unavailable", "login_usual_factor",
        "slo_objective_ratio", "burn_rate_failures", "unusual_failures", "unusual_failures_factor", "new_kind_failures",
        "running_operation_seconds", "collections_skipped", "event_loop_lag_seconds",
        "upkeep_age_seconds", "storage_forecast_seconds",
    }  # fmt: skip
    assert (
        f"at least {alert_thresholds()['error_spike_failures']:g}"
        in (panel("overview", "Worst tenant's failure ratio")["description"])
    )


def test_the_burn_rate_that_pages_is_the_rules() -> None:
    steps, _ = shown_limits()["Burn rate by tenant, one hour"]
    rules = "".join(file.read_text(encoding="utf-8") for file in rule_files())
    factors = [float(factor) for factor in re.findall(r"\(([0-9.]+) \* script_tracking:error_budget:ratio\)", rules)]
    assert steps[1]["value"] == max(factors)


def test_a_limit_follows_the_rules_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = tmp_path / "thresholds.rules.yaml"
    text = next(file for file in rule_files() if file.name == edited.name).read_text(encoding="utf-8")
    edited.write_text(text.replace("(script_tracking_up) * 0.2\n", "(script_tracking_up) * 0.35\n"))
    monkeypatch.setattr("exporter.demo.shipped.rule_files", lambda: [edited])
    worst = next(p for p in Dashboard(overview()).panels if p["title"] == "Worst tenant's failure ratio")
    steps = worst["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[1]["value"] == 0.35


def test_only_an_alert_that_starts_past_its_line_paints_the_line_green() -> None:
    assert Limit(0, "above").mappings()[0]["options"] == {"0": {"color": "green", "index": 0}}
    assert Limit(0, "below").mappings() == []
