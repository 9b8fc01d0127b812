"""The generated dashboards as files: their layout, their queries, and what the house asks beyond the rules."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from promql_parser import AggModifierType, AggregateExpr, VectorSelector

import grafana.__main__ as command
from exporter import metricmap
from exporter.demo.shipped import rule_files
from grafana.links import TITLES
from grafana.lint import Dashboard, Target, parse, selectors
from grafana.overview import overview
from tests.grafana.faults import faults
from tests.grafana.models import BY_NAME, MODELS, PANELS, TARGETS, folder, place

Json = dict[str, Any]

EVERYWHERE = ["prometheus_datasource", "postgres_datasource", "job", "instance", "target", "tenant"]
OF_ITS_OWN = {
    "overview": [],
    "schema-changes": ["status", "object"],
    "operations": ["script_type", "status", "execution"],
    "errors": ["script_type", "error_class"],
    "tenants": [],
    "capture": [],
    "exporter": [],
}
BY_DASHBOARD = pytest.mark.parametrize(("name", "model"), BY_NAME, ids=[name for name, _ in BY_NAME])


def test_the_committed_dashboards_are_as_generated_and_faultless() -> None:
    assert list(command.problems()) == []
    assert {file.stem for file in folder().glob("*.json")} == MODELS.keys() == OF_ITS_OWN.keys()


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


@BY_DASHBOARD
def test_the_model_is_the_one_that_provisioning_expects(name: str, model: Json) -> None:
    assert (model["uid"], model["schemaVersion"], model["editable"]) == (f"script-tracking-{name}", 42, False)
    assert model["title"] == TITLES[model["uid"]]
    assert [v["name"] for v in model["templating"]["list"]] == EVERYWHERE + OF_ITS_OWN[name]
    assert json.loads(command.text(model)) == model


def test_what_the_alerts_link_to_is_there() -> None:
    linked = {
        match
        for file in rule_files()
        for match in re.findall(r"/d/([\w-]+)", file.read_text(encoding="utf-8"))
    }  # fmt: skip
    assert "script-tracking-overview" in linked
    assert linked <= TITLES.keys()


@BY_DASHBOARD
def test_rows_come_in_the_order_of_reading(name: str, model: Json) -> None:
    rows = [(p["title"], p["collapsed"], p.get("repeat")) for p in model["panels"] if p["type"] == "row"]
    assert rows[0] == ("Verdict", False, None)
    assert [(title, repeat) for title, _, repeat in rows if repeat] == (
        [("Tenant $tenant", "tenant")] if name in ("overview", "tenants") else []
    )
    below = [collapsed for _, collapsed, _ in rows]
    assert below == sorted(below) or name in ("errors",), "what is folded comes last"
    for title, collapsed, repeat in rows:
        assert collapsed == (repeat is not None or title.startswith("For auditors"))


def test_the_overview_has_verdict_then_rate_errors_duration_then_tenants() -> None:
    assert [p["title"] for p in MODELS["overview"]["panels"] if p["type"] == "row"] == [
        "Verdict",
        "Rate, errors, duration",
        "Tenants",
        "Tenant $tenant",
    ]


def says_what_it_shows(found: tuple[str, Json]) -> None:
    _, shown = found
    assert len(shown["description"]) > 20
    assert shown["description"].endswith(".")
    if shown["type"] == "text":
        return
    defaults = shown["fieldConfig"]["defaults"]
    assert defaults["noValue"]
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"][0]["value"] is None
    names = [target["refId"] for target in shown["targets"]]
    assert len(set(names)) == len(names)
    for target in shown["targets"]:
        if "rawSql" in target:
            assert shown["type"] == "table"
            assert target["format"] == "table"
            assert "Needs the Postgres data source." in shown["description"]
            continue
        assert target["instant"] != target["range"]
        assert target["range"] == (shown["type"] in ("timeseries", "heatmap"))
        assert target["format"] == {"table": "table", "heatmap": "heatmap"}.get(shown["type"], "time_series")


def test_every_panel_says_what_it_shows_and_what_nothing_means() -> None:
    assert faults(says_what_it_shows, PANELS, place) == {}


@BY_DASHBOARD
def test_what_needs_the_record_stands_behind_what_says_so(name: str, model: Json) -> None:
    said = False
    for shown in Dashboard(model).panels:
        said = said or shown["title"] == "What these tables need"
        assert said or all("rawSql" not in target for target in shown.get("targets", []))
    assert said == (name not in ("overview", "exporter"))


OF_THE_PROCESS = re.compile("script_tracking_(exporter|api|config|target_file|web)_")  # without a target


@cache
def labels_by_metric() -> dict[str, set[str]]:
    """Labels of each series name as the metric map and the rules have them; `target` where it has one."""
    found: dict[str, set[str]] = {}
    text = "".join(file.read_text(encoding="utf-8") for file in rule_files())
    recorded = set(re.findall(r"record: (\S+)", text))
    for metric in (*(metric for spec in metricmap.load() for metric in spec.metrics), *metricmap.load_own().values()):
        suffixes = ("_bucket", "_sum", "_count") if metric.type == "histogram" else ("",)
        target = () if OF_THE_PROCESS.match(metric.name) else ("target",)
        found.update({metric.name + suffix: {*target, *metric.labels} for suffix in suffixes})
    found.update({name: {"target", "tenant"} for name in recorded if "failure" in name})
    found.update({name: {"target"} for name in recorded if name not in found})
    found["ALERTS_FOR_STATE"] = {"alertname", "target", "tenant", "script_type", "error_class"}
    return found


def is_filtered(found: tuple[str, Target]) -> None:
    target, known = found[1], labels_by_metric()
    tree = target.parsed()
    assert tree is not None
    for selector, _ in selectors(tree):
        assert selector.name in known
        matchers = {m.name: m.value for m in selector.matchers.matchers}
        # the cost of tracking is counted for all tenants together
        of_all = target.where == "panel 'Tracking cost per execution' A"
        for variable in ("target", "tenant")[: 1 if of_all else 2]:
            assert (matchers.get(variable) == f"${variable}") == (variable in known[str(selector.name)])
        assert matchers.keys() <= known[str(selector.name)] | {"job", "instance"}


def test_every_selector_is_a_metric_of_the_map_filtered_by_its_variables() -> None:
    assert faults(is_filtered, TARGETS, place) == {}


def folds_replicas(found: tuple[str, Target]) -> None:
    tree = found[1].parsed()
    assert tree is not None
    for selector, parents in selectors(tree):
        around = [p for p in parents if isinstance(p, AggregateExpr)]
        assert around, f"{selector.name} is shown once for each replica"
        fold = around[-1]
        assert re.match(r"(max|min) by", fold.prettify().replace("\n", " "))
        assert fold.modifier is not None
        assert fold.modifier.type == AggModifierType.By
        assert ("instance" if OF_THE_PROCESS.match(str(selector.name)) else "target") in fold.modifier.labels


def test_replicas_are_folded_before_anything_is_added_up() -> None:
    assert faults(folds_replicas, TARGETS, place) == {}


def test_a_window_is_grafanas_or_the_alerts() -> None:
    windows = {window for _, target in TARGETS for window in re.findall(r"\[(.+?)\]", target.expr)}
    alerts = {w for file in rule_files() for w in re.findall(r"increase\(\w+_total\[(\w+)\]", file.read_text())}
    assert windows == {"$__rate_interval", "$__range", "5m", "1h"}
    assert "5m" in alerts


@BY_DASHBOARD
def test_panels_fill_the_grid_without_overlap_or_gap(name: str, model: Json) -> None:
    folded = [row for row in model["panels"] if row.get("panels")]
    for panels in (model["panels"], *(row["panels"] for row in folded)):
        taken: dict[tuple[int, int], str] = {}
        for shown in panels:
            spot = shown["gridPos"]
            for x in range(spot["x"], spot["x"] + spot["w"]):
                for y in range(spot["y"], spot["y"] + spot["h"]):
                    assert 0 <= x < 24
                    assert (x, y) not in taken, f"{shown['title']} lies on {taken[(x, y)]}"
                    taken[(x, y)] = shown["title"]
        lines = sorted({y for _, y in taken})
        assert lines == list(range(lines[0], lines[-1] + 1))
        assert len(taken) == 24 * len(lines), "the grid has a hole"
    numbers = [shown["id"] for row in model["panels"] for shown in (row, *row.get("panels", []))]
    assert numbers == list(range(1, len(numbers) + 1))


@BY_DASHBOARD
def test_variables_narrow_the_ones_after_them(name: str, model: Json) -> None:
    names: list[str] = []
    for variable in model["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"]
            selector = parse(re.fullmatch(r"label_values\((.+), (\w+)\)", query)[1])  # type: ignore[index]
            assert isinstance(selector, VectorSelector)
            before = [name for name in names if name not in ("script_type", "status")]
            asked = [m.value for m in selector.matchers.matchers]
            assert asked[: len(before)] == [f"${name}" for name in before]
            names.append(variable["name"])
    assert names[:4] == ["job", "instance", "target", "tenant"]
