"""The rules of Grafana's dashboard-linter for Prometheus dashboards, under its names, read from the finished JSON.

Each rule gives sentences on what breaks it. Nothing is excluded; but the rules on PromQL are held to the queries that
are PromQL, where the program takes every query of a table for one: those of the PostgreSQL data source are SQL.
Panels of text ask nothing, as there. The rules on job and instance are not held to series that Prometheus makes
itself, by a recording rule or as ALERTS: what folds the replicas of all jobs has neither label, and a matcher of one
finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import promql_parser
from promql_parser import Call, Expr, MatchOp, MatrixSelector, VectorSelector

Json = dict[str, Any]
Rule = Callable[["Dashboard"], Iterator[str]]

UNITS: Final = frozenset(
    {"none", "string", "short", "percentunit", "s", "ops", "opm", "reqps", "bytes", "dateTimeFromNow"}
)
_STAND_INS: Final = {"$__rate_interval": "1m", "$__range": "3h"}  # only while an expression is parsed
_WINDOW: Final = re.compile(r"\[([^\]:]+)\]")
_LABEL_VALUES: Final = re.compile(r"label_values\((?P<selector>.+), *(?P<label>\w+)\)")


@dataclass(frozen=True)
class Target:
    """A query with the panel or annotation that it belongs to."""

    where: str
    expr: str

    def parsed(self) -> Expr | None:
        """Its syntax tree; None where it has none."""
        return parse(self.expr)


@dataclass(frozen=True)
class Dashboard:
    """The finished JSON, seen by what the rules look at."""

    model: Json

    @property
    def variables(self) -> list[Json]:
        """Template variables in order."""
        return list(self.model["templating"]["list"])

    @property
    def panels(self) -> list[Json]:
        """Panels, those of collapsed rows included; rows are none."""
        nested = ([*panel.get("panels", [])] if panel["type"] == "row" else [panel] for panel in self.model["panels"])
        return [panel for group in nested for panel in group]

    @property
    def asking(self) -> list[Json]:
        """Panels that show data; those of text do not."""
        return [panel for panel in self.panels if panel["type"] != "text"]

    @property
    def targets(self) -> list[Target]:
        """PromQL of panels and annotations."""
        return [
            *(
                Target(f"panel {panel['title']!r} {target['refId']}", target["expr"])
                for panel in self.asking
                for target in panel["targets"]
                if "expr" in target
            ),
            *(
                Target(f"annotation {one['name']!r}", one["target"]["expr"])
                for one in self.model["annotations"]["list"]
                if "expr" in one["target"]
            ),
        ]

    def is_templated(self, holder: Json) -> bool:
        """Whether its data source is a variable of the dashboard."""
        names = [variable["name"] for variable in self.variables if variable["type"] == "datasource"]
        return holder.get("datasource", {}).get("uid") in [form % name for name in names for form in ("$%s", "${%s}")]


def parse(expression: str) -> Expr | None:
    """Syntax tree of PromQL in which Grafana's duration variables stand; None where it has none."""
    for name, duration in _STAND_INS.items():
        expression = expression.replace(name, duration)
    try:
        return promql_parser.parse(expression)
    except ValueError:
        return None


def walk(node: Expr, parents: tuple[Expr, ...] = ()) -> Iterator[tuple[Expr, tuple[Expr, ...]]]:
    """Every node with its parents, the outermost first."""
    yield node, parents
    for name in ("expr", "lhs", "rhs", "param", "vector_selector", "args"):
        child = getattr(node, name, None)
        for one in child if isinstance(child, list) else [child]:
            if isinstance(one, Expr):
                yield from walk(one, (*parents, node))


def selectors(expression: Expr) -> Iterator[tuple[VectorSelector, tuple[Expr, ...]]]:
    """Its selectors with their parents."""
    for node, parents in walk(expression):
        if isinstance(node, VectorSelector):
            yield node, parents


def template_datasource(dashboard: Dashboard) -> Iterator[str]:
    """A variable of type datasource: named datasource, or after its plugin, which of several each must be."""
    found = [variable for variable in dashboard.variables if variable["type"] == "datasource"]
    if not found:
        yield "there is no data source variable"
    for variable in found:
        plugin = variable["query"]
        allowed = [(f"{plugin.lower()}_datasource", f"{plugin.title()} data source")]
        if len(found) == 1:
            allowed.append(("datasource", "Data source"))
        if (variable["name"], variable["label"]) not in allowed:
            yield f"the data source variable of {plugin} is {variable['name']}, {variable['label']!r}"


def template_required(dashboard: Dashboard, name: str) -> Iterator[str]:
    """A variable that is labelled, from the data source variable, multi, with All as `.+`."""
    variable = next((v for v in dashboard.variables if v["name"] == name), None)
    if variable is None:
        yield f"there is no variable {name}"
        return
    wanted = {"label": name.capitalize(), "type": "query", "multi": True, "allValue": ".+"}
    wrong = [key for key, value in wanted.items() if variable.get(key) != value]
    if not dashboard.is_templated(variable):
        wrong.append("datasource")
    yield from (f"variable {name} has a wrong {key}" for key in wrong)


def template_label_promql(dashboard: Dashboard) -> Iterator[str]:
    """A query variable is label_values() of a selector that parses."""
    for variable in dashboard.variables:
        if variable["type"] == "query":
            match = _LABEL_VALUES.fullmatch(variable["query"]["query"])
            if match is None or not isinstance(parse(match["selector"]), VectorSelector):
                yield f"variable {variable['name']} is no label_values() of a selector"


def template_on_time_change_reload(dashboard: Dashboard) -> Iterator[str]:
    """A query variable is read anew whenever the time range changes."""
    for variable in dashboard.variables:
        if variable["type"] == "query" and variable.get("refresh") != 2:
            yield f"variable {variable['name']} is not refreshed on a change of time"


def uneditable(dashboard: Dashboard) -> Iterator[str]:
    """What is provisioned is not edited by hand."""
    if dashboard.model.get("editable") is not False:
        yield "the dashboard is editable"


def panel_datasource(dashboard: Dashboard) -> Iterator[str]:
    """Every panel and target uses a data source variable."""
    for panel in dashboard.asking:
        for holder in (panel, *panel.get("targets", [])):
            if not dashboard.is_templated(holder):
                yield f"panel {panel['title']!r} has a data source of its own"


def panel_title_description(dashboard: Dashboard) -> Iterator[str]:
    """Every panel has both."""
    for panel in dashboard.panels:
        if not (panel.get("title") and panel.get("description")):
            yield f"panel {panel.get('title')!r} lacks a title or a description"


def panel_units(dashboard: Dashboard) -> Iterator[str]:
    """Every panel and every override of a unit names one that Grafana has."""
    for panel in dashboard.asking:
        field = panel["fieldConfig"]
        units = [field["defaults"].get("unit")]
        units += [p["value"] for o in field["overrides"] for p in o["properties"] if p["id"] == "unit"]
        yield from (f"panel {panel['title']!r} has the unit {unit}" for unit in units if unit not in UNITS)


def panel_no_targets(dashboard: Dashboard) -> Iterator[str]:
    """Every panel asks something."""
    yield from (f"panel {panel['title']!r} has no target" for panel in dashboard.asking if not panel.get("targets"))


def target_promql(dashboard: Dashboard) -> Iterator[str]:
    """Every expression parses."""
    yield from (f"{t.where} does not parse: {t.expr}" for t in dashboard.targets if t.parsed() is None)


def is_made_by_rules(metric: str) -> bool:
    """Whether Prometheus makes the series itself, from those of all jobs and replicas."""
    return ":" in metric or metric in ("ALERTS", "ALERTS_FOR_STATE")


def target_required_matcher(dashboard: Dashboard, name: str) -> Iterator[str]:
    """Every selector is filtered by the label, by regular expression, with its variable."""
    for target, selector, _ in _selected(dashboard):
        matchers = selector.matchers.matchers
        if is_made_by_rules(str(selector.name)):
            continue
        if not any((m.name, m.value) == (name, f"${name}") and m.op == MatchOp.Re for m in matchers):
            yield f"{target.where}: {selector.name} is not filtered by {name}"


def target_rate_interval(dashboard: Dashboard) -> Iterator[str]:
    """rate and irate look back $__rate_interval."""
    for target in dashboard.targets:
        if (tree := target.parsed()) is None:
            continue
        windows = iter(_WINDOW.findall(target.expr))
        for node, parents in walk(tree):
            if isinstance(node, MatrixSelector):
                window = next(windows)
                caller = parents[-1] if parents else None
                if isinstance(caller, Call) and caller.func.name in ("rate", "irate") and window != "$__rate_interval":
                    yield f"{target.where}: {caller.func.name} over {window}"


def target_counter_agg(dashboard: Dashboard) -> Iterator[str]:
    """A counter is read by rate, irate or increase only."""
    for target, selector, parents in _selected(dashboard):
        if str(selector.name).endswith(("_total", "_bucket", "_count", "_sum")):
            ranged = len(parents) >= 2 and isinstance(parents[-1], MatrixSelector)
            caller = parents[-2] if ranged else None
            if not (isinstance(caller, Call) and caller.func.name in ("rate", "irate", "increase")):
                yield f"{target.where}: {selector.name} is read without rate, irate or increase"


def _selected(dashboard: Dashboard) -> Iterator[tuple[Target, VectorSelector, tuple[Expr, ...]]]:
    for target in dashboard.targets:
        if (tree := target.parsed()) is not None:
            yield from ((target, selector, parents) for selector, parents in selectors(tree))


RULES: Final[dict[str, Rule]] = {
    "template-datasource-rule": template_datasource,
    "template-job-rule": partial(template_required, name="job"),
    "template-instance-rule": partial(template_required, name="instance"),
    "template-label-promql-rule": template_label_promql,
    "template-on-time-change-reload-rule": template_on_time_change_reload,
    "uneditable-dashboard-rule": uneditable,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title_description,
    "panel-units-rule": panel_units,
    "panel-no-targets-rule": panel_no_targets,
    "target-promql-rule": target_promql,
    "target-job-rule": partial(target_required_matcher, name="job"),
    "target-instance-rule": partial(target_required_matcher, name="instance"),
    "target-rate-interval-rule": target_rate_interval,
    "target-counter-agg-rule": target_counter_agg,
}


def findings(model: Json) -> list[str]:
    """What breaks a rule, each with the rule's name first."""
    dashboard = Dashboard(model)
    return [f"{name}: {finding}" for name, rule in RULES.items() for finding in rule(dashboard)]
