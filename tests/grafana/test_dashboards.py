"""The generated dashboards as files: their schema, their rules, their layout, and what the house asks beyond these."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from promql_parser import AggModifierType, AggregateExpr, VectorSelector

import grafana.__main__ as command
from exporter import metricmap
from exporter.demo.shipped import alert_thresholds, rule_files
from grafana.lint import RULES, Dashboard, findings, parse, selectors
from grafana.overview import overview
from grafana.panels import Limit

Json = dict[str, Any]
Break = Callable[[Json], object]

MODEL = overview()
PANELS = Dashboard(MODEL).panels
# alert's threshold and the side that it fires on, by the panel or the column that shows it
LIMITS = {
    "Records lost": ("lost_records", "above"),
    "Lost, refused, not recorded": ("lost_records", "above"),
    "Worst tenant's failure ratio": ("error_spike_failure_ratio", "above"),
    "Failure ratio by tenant": ("error_spike_failure_ratio", "above"),
    "Failure ratio, 24 h": ("error_spike_failure_ratio", "above"),
    "Rollup lag": ("rollup_lag_seconds", "above"),
    "Partitions ahead": ("partitions_ahead", "below"),
    "Age of the oldest collection": ("collection_age_seconds", "above"),
    "Last success": ("collection_age_seconds", "above"),
}


def panel(model: Json, title: str) -> Json:
    """The first panel of that title."""
    return next(p for p in Dashboard(model).panels if p["title"] == title)


def broken(change: Break) -> Json:
    """The overview with one change."""
    model: Json = json.loads(json.dumps(MODEL))  # not deepcopy: the generator's parts are shared
    change(model)
    return model


def test_the_committed_dashboards_are_as_generated_and_faultless() -> None:
    assert list(command.problems()) == []


def test_check_fails_on_an_edited_dashboard_and_writing_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "overview.json"
    monkeypatch.setattr(command, "DASHBOARDS", {file: overview})
    assert command.main(["--check"]) == 1
    assert command.main([]) == 0
    assert command.main(["--check"]) == 0
    file.write_text(file.read_text().replace('"Verdict"', '"All is well"'))
    capsys.readouterr()
    assert command.main(["--check"]) == 1
    assert "overview.json: is not what the generator makes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda m: m.update(schemaVersion="42"), "$.schemaVersion"),
        (lambda m: m.pop("schemaVersion"), "$"),
        (lambda m: m.update(colour="red"), "$"),
        (lambda m: m["panels"][1]["targets"][0].pop("refId"), "$.panels[1]"),
        (lambda m: m["panels"][1]["targets"][0].update(format="curve"), "$.panels[1]"),
        (lambda m: m["panels"][1]["options"].update(colorMode="rainbow"), "$.panels[1]"),
        (lambda m: m["panels"][1]["options"].update(shadow=True), "$.panels[1]"),
        (lambda m: m["panels"][1].update(type="star"), "$.panels[1]"),
        (lambda m: m["panels"][1]["fieldConfig"]["defaults"]["thresholds"].update(mode=1), "$.panels[1]"),
        (lambda m: m["panels"][8]["fieldConfig"]["defaults"]["custom"].update(lineColour="red"), "$.panels[8]"),
        (lambda m: m["panels"][-1]["panels"][0]["gridPos"].update(x="0"), f"$.panels[{len(MODEL['panels']) - 1}]"),
        (lambda m: m["templating"]["list"][1].update(refresh=7), "$.templating.list[1].refresh"),
        (lambda m: m["annotations"]["list"][0]["target"].pop("expr"), "$.annotations.list[0].target"),
    ],
)
def test_the_schema_refuses_what_grafana_does_not_know(change: Break, place: str) -> None:
    errors = command.schema_errors(broken(change))
    assert [error for error in errors if error.startswith(f"schema: {place}:")] == errors
    assert errors


def set_expression(expression: str) -> Break:
    return lambda m: m["panels"][1]["targets"][0].update(expr=expression)


FILTER = 'job=~"$job", instance=~"$instance"'
BREAKS: dict[str, Break] = {
    "template-datasource-rule": lambda m: m["templating"]["list"][0].update(label="Source"),
    "template-job-rule": lambda m: m["templating"]["list"][1].update(allValue=".*"),
    "template-instance-rule": lambda m: m["templating"]["list"][2].update(multi=False),
    "template-label-promql-rule": lambda m: m["templating"]["list"][3]["query"].update(query="label_values(up{, job)"),
    "template-on-time-change-reload-rule": lambda m: m["templating"]["list"][4].update(refresh=1),
    "uneditable-dashboard-rule": lambda m: m.pop("editable"),
    "panel-datasource-rule": lambda m: m["panels"][1]["targets"][0]["datasource"].update(uid="prom"),
    "panel-title-description-rule": lambda m: m["panels"][1].update(description=""),
    "panel-units-rule": lambda m: m["panels"][1]["fieldConfig"]["defaults"].update(unit="furlong"),
    "panel-no-targets-rule": lambda m: m["panels"][1].update(targets=[]),
    "target-promql-rule": set_expression("sum by (target (up)"),
    "target-job-rule": set_expression('script_tracking_up{job="a", instance=~"$instance"}'),
    "target-instance-rule": set_expression('script_tracking_up{job=~"$job"}'),
    "target-rate-interval-rule": set_expression(f"rate(script_tracking_errors_total{{{FILTER}}}[5m])"),
    "target-counter-agg-rule": set_expression(f"delta(script_tracking_errors_total{{{FILTER}}}[5m])"),
}


def test_every_rule_has_a_case_that_breaks_it() -> None:
    assert BREAKS.keys() == RULES.keys()
    assert findings(MODEL) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_finds_what_breaks_it_and_nothing_else(rule: str) -> None:
    found = findings(broken(BREAKS[rule]))
    assert found
    assert {finding.split(":")[0] for finding in found} == {rule}


def test_the_model_is_the_one_that_provisioning_and_the_alerts_expect() -> None:
    assert (MODEL["uid"], MODEL["schemaVersion"], MODEL["editable"]) == ("script-tracking-overview", 42, False)
    assert [v["name"] for v in MODEL["templating"]["list"]] == ["datasource", "job", "instance", "target", "tenant"]
    linked = {
        match
        for file in rule_files()
        for match in re.findall(r"/d/([\w-]+)", file.read_text(encoding="utf-8"))
    }  # fmt: skip
    assert linked == {MODEL["uid"]}


def test_rows_come_in_the_order_of_reading() -> None:
    rows = [(p["title"], p["collapsed"], p.get("repeat")) for p in MODEL["panels"] if p["type"] == "row"]
    assert [title for title, _, _ in rows] == [
        "Verdict",
        "Rate, errors, duration",
        "Tenants",
        "Tracker",
        "Tenant $tenant",
    ]
    assert [(title, repeat) for title, collapsed, repeat in rows if collapsed] == [("Tenant $tenant", "tenant")]


@pytest.mark.parametrize("shown", PANELS, ids=lambda p: f"{p['id']} {p['title']}")
def test_every_panel_says_what_it_shows_and_what_nothing_means(shown: Json) -> None:
    defaults = shown["fieldConfig"]["defaults"]
    assert len(shown["description"]) > 20
    assert shown["description"].endswith(".")
    assert defaults["noValue"]
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"][0]["value"] is None
    names = [target["refId"] for target in shown["targets"]]
    assert len(set(names)) == len(names)
    for target in shown["targets"]:
        assert target["instant"] != target["range"]
        assert target["range"] == (shown["type"] == "timeseries")
        assert (target["format"] == "table") == (shown["type"] == "table")


def shown_limits() -> dict[str, tuple[list[Json], list[Json]]]:
    """Threshold steps with limits, and the mappings beside them, by panel or column."""
    found: dict[str, tuple[list[Json], list[Json]]] = {}
    for shown in PANELS:
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
    comparison = re.findall(r"^\s*(>=|<=|>|<) on \(\) group_left", alert, re.MULTILINE)[0]
    assert comparison == {"above": ">", "below": "<"}[side]
    if side == "above" and any(p["title"] == title and p["type"] == "stat" for p in PANELS):
        assert mappings[0]["options"][f"{value:g}"]["color"] == "green", "the line itself does not page"


def test_no_limit_is_of_the_dashboards_own_making() -> None:
    # these three have no number in the rules: they compare with 0 or 1 there, or are no alert
    assert shown_limits().keys() - LIMITS.keys() == {"Targets tracked", "Event triggers on", "Failing health checks"}
    shown = {name for name, _ in LIMITS.values()}
    assert alert_thresholds().keys() - shown == {"error_spike_failures"}
    assert (
        f"at least {alert_thresholds()['error_spike_failures']:g}"
        in (panel(MODEL, "Worst tenant's failure ratio")["description"])
    )


def test_a_limit_follows_the_rules_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = tmp_path / "script_tracking.rules.yaml"
    text = rule_files()[0].read_text(encoding="utf-8")
    edited.write_text(text.replace("vector(0.2)", "vector(0.35)"))
    monkeypatch.setattr("exporter.demo.shipped.rule_files", lambda: [edited])
    steps = panel(overview(), "Worst tenant's failure ratio")["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[1]["value"] == 0.35


def test_only_an_alert_that_starts_past_its_line_paints_the_line_green() -> None:
    assert Limit(0, "above").mappings()[0]["options"] == {"0": {"color": "green", "index": 0}}
    assert Limit(0, "below").mappings() == []


def labels_by_metric() -> dict[str, set[str]]:
    """Labels of each series name, target aside, as the metric map declares them; `target` where it has one."""
    found: dict[str, set[str]] = {}
    for spec in metricmap.load():
        for metric in spec.metrics:
            suffixes = ("_bucket", "_sum", "_count") if metric.type == "histogram" else ("",)
            found.update({metric.name + suffix: {"target", *metric.labels} for suffix in suffixes})
    for metric in metricmap.load_own().values():
        found[metric.name] = {*metric.labels} if metric.type == "info" else {"target", *metric.labels}
    return found


TARGETS = Dashboard(MODEL).targets


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.where)
def test_every_selector_is_a_metric_of_the_map_filtered_by_its_variables(target: Any) -> None:
    known = labels_by_metric()
    if target.where == "panel 'Tracking cost per execution' A":
        known["script_tracking_operations_total"].remove("tenant")  # its cost is counted for all tenants together
    for selector, _ in selectors(target.parsed()):
        assert selector.name in known
        matchers = {m.name: m.value for m in selector.matchers.matchers}
        for name in ("target", "tenant"):
            assert (matchers.get(name) == f"${name}") == (name in known[selector.name])
        assert matchers.keys() <= known[selector.name] | {"job", "instance"}


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.where)
def test_replicas_are_folded_before_anything_is_added_up(target: Any) -> None:
    for selector, parents in selectors(target.parsed()):
        around = [p for p in parents if isinstance(p, AggregateExpr)]
        assert around, f"{selector.name} is shown once for each replica"
        fold = around[-1]
        assert re.match(r"(max|min) by", fold.prettify().replace("\n", " "))
        assert fold.modifier is not None
        assert fold.modifier.type == AggModifierType.By
        assert "target" in fold.modifier.labels


def test_a_window_is_grafanas_or_the_alerts() -> None:
    windows = {window for t in TARGETS for window in re.findall(r"\[(.+?)\]", t.expr)}
    alerts = {w for file in rule_files() for w in re.findall(r"increase\(\w+_total\[(\w+)\]", file.read_text())}
    assert windows == {"$__rate_interval", "$__range", "5m"}
    assert "5m" in alerts


def test_panels_fill_the_grid_without_overlap_or_gap() -> None:
    last = MODEL["panels"][-1]
    taken: dict[tuple[int, int], str] = {}
    for shown in (*MODEL["panels"], *last["panels"]):
        place = shown["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert 0 <= x < 24
                assert (x, y) not in taken, f"{shown['title']} lies on {taken[(x, y)]}"
                taken[(x, y)] = shown["title"]
    height = max(y for _, y in taken) + 1
    assert len(taken) == 24 * height, "the grid has a hole"
    numbers = [shown["id"] for shown in (*MODEL["panels"], *last["panels"])]
    assert numbers == list(range(1, len(numbers) + 1))


def test_links_of_tables_keep_the_time_and_the_other_variables() -> None:
    links = [
        (override["matcher"]["options"], p["value"][0]["url"])
        for shown in PANELS
        if shown["type"] == "table"
        for override in shown["fieldConfig"]["overrides"]
        for p in override["properties"]
        if p["id"] == "links"
    ]
    assert [on for on, _ in links] == ["Tenant", "Target", "Collector", "Check"]
    for on, url in links:
        assert url.startswith(f"/d/{MODEL['uid']}?${{__url_time_range}}&")
        assert "var-target=${__data.fields.Target:percentencode}" in url
        assert ("var-tenant=${__data.fields.Tenant:percentencode}" in url) == (on == "Tenant")
        for variable in ("datasource", "job", "instance"):
            assert f"${{{variable}:queryparam}}" in url


def test_variables_narrow_the_ones_after_them() -> None:
    names: list[str] = []
    for variable in MODEL["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"]
            selector = parse(re.fullmatch(r"label_values\((.+), (\w+)\)", query)[1])  # type: ignore[index]
            assert isinstance(selector, VectorSelector)
            assert [m.value for m in selector.matchers.matchers] == [f"${name}" for name in names]
            names.append(variable["name"])
    assert names == ["job", "instance", "target", "tenant"]


def test_the_file_is_json_that_grafana_reads_back_the_same() -> None:
    assert json.loads(command.text(MODEL)) == MODEL
