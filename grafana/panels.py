"""Panels of the classic dashboard model, each with description, unit, empty text and thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from grafana.variables import DATASOURCE

Json = dict[str, Any]
NO_DATA: Final = "no data"
NOTHING_RAN: Final = "nothing ran"


@dataclass(frozen=True)
class Query:
    """One PromQL query of a panel; `legend` is Grafana's {{label}} format."""

    expr: str
    legend: str = "__auto"


@dataclass(frozen=True)
class Limit:
    """Where an alert draws its line; `bad` is the side that it fires on.

    Grafana counts a threshold's own value to the side above it: where the alert does not, a mapping colours it.
    """

    value: float
    bad: Literal["above", "at or above", "below"]

    def steps(self) -> list[Json]:
        """Threshold steps, green on the good side and red on the bad."""
        below, above = ("red", "green") if self.bad == "below" else ("green", "red")
        return [{"color": below, "value": None}, {"color": above, "value": self.value}]

    def mappings(self) -> list[Json]:
        """Green for the line itself where the alert starts past it."""
        if self.bad != "above":
            return []
        return [{"type": "value", "options": {f"{self.value:g}": {"color": "green", "index": 0}}}]


def _thresholds(limit: Limit | None) -> Json:
    steps = limit.steps() if limit else [{"color": "text", "value": None}]
    return {"mode": "absolute", "steps": steps}


def states(good: str, bad: str) -> list[Json]:
    """Mapping of 1 to the good word and of 0 to the bad one."""
    return [
        {
            "type": "value",
            "options": {
                "1": {"text": good, "color": "green", "index": 0},
                "0": {"text": bad, "color": "red", "index": 1},
            },
        }
    ]


def _targets(queries: Sequence[Query], *, instant: bool, table: bool = False) -> list[Json]:
    return [
        {
            "refId": chr(ord("A") + index),
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend,
            "format": "table" if table else "time_series",
            "instant": instant,
            "range": not instant,
        }
        for index, query in enumerate(queries)
    ]


def stat(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    no_value: str,
    limit: Limit | None = None,
    text: Literal["auto", "name", "value_and_name"] = "auto",
) -> Json:
    """One number now, coloured by its limit; `text` says whether the series' legend is shown beside or instead."""
    return {
        "type": "stat",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": _targets(queries, instant=True),
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "noValue": no_value,
                "color": {"mode": "thresholds"},
                "thresholds": _thresholds(limit),
                "mappings": limit.mappings() if limit else [],
            },
            "overrides": [],
        },
        "options": {
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "showPercentChange": False,
            "textMode": text,
            "wideLayout": True,
        },
    }


def timeseries(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    no_value: str,
    limit: Limit | None = None,
    stacked: bool = False,
    step: bool = False,
) -> Json:
    """Curves over time, from 0; a limit is drawn as a dashed line."""
    return {
        "type": "timeseries",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": _targets(queries, instant=False),
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "noValue": no_value,
                "min": 0,
                "color": {"mode": "palette-classic"},
                "thresholds": _thresholds(limit),
                "custom": {
                    "drawStyle": "line",
                    "lineInterpolation": "stepAfter" if step else "linear",
                    "lineWidth": 1,
                    "fillOpacity": 20 if stacked else 5,
                    "showPoints": "never",
                    "spanNulls": False,
                    "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
                    "thresholdsStyle": {"mode": "dashed" if limit else "off"},
                },
            },
            "overrides": [],
        },
        "options": {
            "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom",
                       "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of a table: its query, heading, unit, and the limit or the words that colour it."""

    expr: str
    heading: str
    unit: str
    limit: Limit | None = None
    words: Sequence[Json] = ()

    def properties(self) -> list[Json]:
        """What the column overrides."""
        found: list[Json] = [{"id": "unit", "value": self.unit}]
        mappings = [*self.words, *(self.limit.mappings() if self.limit else [])]
        if self.limit:
            found.append({"id": "thresholds", "value": _thresholds(self.limit)})
        if mappings:
            found.append({"id": "mappings", "value": mappings})
        if self.limit or self.words:
            found.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        return found


def table(
    title: str,
    description: str,
    keys: dict[str, str],
    columns: Sequence[Column],
    *,
    no_value: str,
    link: tuple[str, str],
) -> Json:
    """Labels and values now, a row for each combination of `keys` (label to heading).

    `link` is text and URL of the data link on the last key.
    """
    # Grafana numbers the values of several queries only
    names = [f"Value #{chr(ord('A') + index)}" for index in range(len(columns))] if len(columns) > 1 else ["Value"]
    overrides: list[Json] = [
        {
            "matcher": {"id": "byName", "options": [*keys.values()][-1]},
            "properties": [{"id": "links", "value": [{"title": link[0], "url": link[1], "targetBlank": False}]}],
        }
    ]
    overrides += [
        {"matcher": {"id": "byName", "options": column.heading}, "properties": column.properties()}
        for column in columns
    ]
    return {
        "type": "table",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": _targets([Query(column.expr) for column in columns], instant=True, table=True),
        "transformations": [
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": {name: index for index, name in enumerate([*keys, *names])},
                    "renameByName": {
                        **keys,
                        **{name: column.heading for name, column in zip(names, columns, strict=True)},
                    },
                },
            },
        ],
        "fieldConfig": {
            "defaults": {
                "unit": "short",
                "noValue": no_value,
                "color": {"mode": "thresholds"},
                "thresholds": _thresholds(None),
                "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
            },
            "overrides": overrides,
        },
        "options": {"cellHeight": "sm", "frameIndex": 0, "showHeader": True, "sortBy": []},
    }
