"""A dashboard's queries asked of a real Prometheus, as Grafana asks them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from exporter.demo.processes import fetch
from grafana.lint import Dashboard

Json = dict[str, Any]

STEP_SECONDS = 2
LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)")
LINKED = re.compile(r"__field\.labels\.(\w+)")
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Question:
    """A query with what it belongs to and the labels that its legend, its links or its table need."""

    where: str
    expr: str
    labels: frozenset[str]
    ranged: bool

    def same(self) -> tuple[object, ...]:
        """What another question is told from: dashboards share panels."""
        return self.expr, self.labels, self.ranged

    @property
    def windowed(self) -> bool:
        """Whether it looks back over time."""
        return "[" in self.expr


@dataclass(frozen=True)
class Series:
    """One series of an answer."""

    labels: Mapping[str, str]
    values: tuple[float, ...]


def questions(model: Json) -> list[Question]:
    """Queries of every panel and annotation that Prometheus answers."""
    found = []
    name = model["uid"].removeprefix("script-tracking-")
    for panel in Dashboard(model).asking:
        columns = {
            label
            for change in panel.get("transformations", [])
            for label in change["options"].get("renameByName", {})
            if not label.startswith("Value")
        }
        for target in panel["targets"]:
            if "expr" not in target:
                continue
            labels = columns | set(PLACEHOLDER.findall(target["legendFormat"]))
            labels |= set(LINKED.findall(json.dumps(panel["fieldConfig"]["defaults"].get("links", []))))
            where = f"{name} {panel['id']} {panel['title']} {target['refId']}"
            found.append(Question(where, target["expr"], frozenset(labels), target["range"]))
    for annotation in model["annotations"]["list"]:
        if "expr" not in annotation["target"]:
            continue
        labels = set(PLACEHOLDER.findall(annotation["textFormat"])) | {annotation["tagKeys"]}
        found.append(
            Question(f"annotation {annotation['name']}", annotation["target"]["expr"], frozenset(labels), True)
        )
    return found


@dataclass(frozen=True)
class Asker:
    """Prometheus with a time range and values of the variables; All is `.+`, as the variables say."""

    url: str
    start: float
    end: float
    target: str = ".+"
    tenant: str = ".+"
    rate_interval: str = "10s"
    instance: str = ".+"

    def substitute(self, expression: str) -> str:
        """The expression with every variable filled in."""
        values = {
            "$__rate_interval": self.rate_interval,
            "$__range": f"{math.ceil(self.end - self.start)}s",
            "$instance": self.instance,
            "$job": ".+",
            "$target": self.target,
            "$tenant": self.tenant,
            "$script_type": ".+",
            "$error_class": ".+",
        }
        for name, value in values.items():
            expression = expression.replace(name, value)
        assert "$" not in expression, f"a variable is left: {expression}"
        return expression

    def _get(self, path: str, **parameters: object) -> Any:
        try:
            answer = json.loads(fetch(f"{self.url}/api/v1/{path}?{urlencode(parameters)}"))
        except HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None
        assert answer["status"] == "success"
        assert not answer.get("warnings"), answer["warnings"]
        return answer["data"]

    def now(self, expression: str) -> list[Series]:
        """An instant query at the end of the range."""
        data = self._get("query", query=self.substitute(expression), time=self.end)
        assert data["resultType"] == "vector"
        return [Series(one["metric"], (float(one["value"][1]),)) for one in data["result"]]

    def over_time(self, expression: str) -> list[Series]:
        """A range query."""
        query = self.substitute(expression)
        data = self._get("query_range", query=query, start=self.start, end=self.end, step=STEP_SECONDS)
        return [Series(one["metric"], tuple(float(value) for _, value in one["values"])) for one in data["result"]]

    def ask(self, question: Question) -> list[Series]:
        """As its panel asks."""
        return self.over_time(question.expr) if question.ranged else self.now(question.expr)

    def variables(self, model: Json) -> Iterator[tuple[str, list[str]]]:
        """Name and values of each variable that asks for label values."""
        for variable in model["templating"]["list"]:
            if variable["type"] == "query":
                match = LABEL_VALUES.fullmatch(variable["query"]["query"])
                assert match is not None
                selector = self.substitute(match["selector"])
                path = f"label/{match['label']}/values"
                yield variable["name"], self._get(path, start=self.start, end=self.end, **{"match[]": selector})

    def names(self) -> set[str]:
        """Every metric name that Prometheus holds."""
        return set(self._get("label/__name__/values"))
