"""What the generated dashboards are held to: Grafana's schema, and the rules of its linter."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import grafana.__main__ as command
from grafana.lint import RULES, findings
from tests.grafana.models import MODELS

Json = dict[str, Any]
Break = Callable[[Json], object]

MODEL = MODELS["overview"]


def broken(change: Break) -> Json:
    """The overview with one change."""
    model: Json = json.loads(json.dumps(MODEL))  # not deepcopy: the generator's parts are shared
    change(model)
    return model


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
        (lambda m: m["templating"]["list"][2].update(refresh=7), "$.templating.list[2].refresh"),
        (lambda m: m["annotations"]["list"][0]["target"].pop("expr"), "$.annotations.list[0]"),
        (lambda m: m["annotations"]["list"][1]["target"].pop("rawSql"), "$.annotations.list[1]"),
        (lambda m: m["panels"][1]["fieldConfig"]["defaults"].update(links=[{"title": "nowhere"}]), "$.panels[1]"),
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
    "template-datasource-rule": lambda m: m["templating"]["list"][1].update(label="Data source"),
    "template-job-rule": lambda m: m["templating"]["list"][2].update(allValue=".*"),
    "template-instance-rule": lambda m: m["templating"]["list"][3].update(multi=False),
    "template-label-promql-rule": lambda m: m["templating"]["list"][4]["query"].update(query="label_values(up{, job)"),
    "template-on-time-change-reload-rule": lambda m: m["templating"]["list"][5].update(refresh=1),
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
    assert [findings(model) for model in MODELS.values()] == [[]] * len(MODELS)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda v: v.pop(1) and v[0].update(name="datasource", label="Data source"), False),  # one may be named so
        (lambda v: v[0].update(name="datasource", label="Data source"), True),
        (lambda v: v[1].update(query="grafana-postgresql-datasource"), True),
        (lambda v: [v.pop(0), v.pop(0)], True),
    ],
)
def test_a_data_source_variable_is_named_after_its_plugin_where_there_are_several(
    change: Break, expected: bool
) -> None:
    found = findings(broken(lambda m: change(m["templating"]["list"])))
    assert any(finding.startswith("template-datasource-rule") for finding in found) == expected


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_finds_what_breaks_it_and_nothing_else(rule: str) -> None:
    found = findings(broken(BREAKS[rule]))
    assert found
    assert {finding.split(":")[0] for finding in found} == {rule}
