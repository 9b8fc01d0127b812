"""The generated dashboards as files: their layout, their queries, and what the house asks beyond the rules."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from promql_parser import AggModifierType, AggregateExpr, VectorSelector

import grafana.__main__ as command
from exporter import metricmap
from exporter.demo.shipped import rule_files
from grafana.lint import Dashboard, parse, selectors
from grafana.overview import overview

Json = dict[str, Any]

MODEL = overview()
PANELS = Dashboard(MODEL).panels


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
        "Retention and archive",
        "Exporter",
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


OF_THE_PROCESS = re.compile("script_tracking_(exporter|api|config|target_file|web)_")  # without a target


def labels_by_metric() -> dict[str, set[str]]:
    """Labels of each series name, target aside, as the metric map declares them; `target` where it has one."""
    found: dict[str, set[str]] = {}
    for metric in (*(metric for spec in metricmap.load() for metric in spec.metrics), *metricmap.load_own().values()):
        suffixes = ("_bucket", "_sum", "_count") if metric.type == "histogram" else ("",)
        target = () if OF_THE_PROCESS.match(metric.name) else ("target",)
        found.update({metric.name + suffix: {*target, *metric.labels} for suffix in suffixes})
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
        assert ("instance" if OF_THE_PROCESS.match(str(selector.name)) else "target") in fold.modifier.labels


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
