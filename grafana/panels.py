"""Panels of the classic dashboard model, each with description, unit, empty text and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from grafana.links import Link
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


def thresholds(limit: Limit | None) -> Json:
    """The limit's, or none."""
    steps = limit.steps() if limit else [{"color": "text", "value": None}]
    return {"mode": "absolute", "steps": steps}


def states(good: str, bad: str) -> list[Json]:
    """Mapping of 1 to the good word and of 0 to the bad one."""
    return words({"1": (good, "green"), "0": (bad, "red")})


def words(found: dict[str, tuple[str, str]]) -> list[Json]:
    """Mapping of values to a word and a colour each."""
    options = {
        value: {"text": text, "color": color, "index": i} for i, (value, (text, color)) in enumerate(found.items())
    }
    return [{"type": "value", "options": options}]


def targets(
    queries: Sequence[Query], *, instant: bool, shape: Literal["time_series", "table", "heatmap"] = "time_series"
) -> list[Json]:
    """The queries as a panel has them."""
    return [
        {
            "refId": chr(ord("A") + index),
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend,
            "format": shape,
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
    links: Sequence[Link] = (),
) -> Json:
    """One number now, coloured by its limit; `text` says whether the series' legend is shown beside or instead."""
    return {
        "type": "stat",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets(queries, instant=True),
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "noValue": no_value,
                "color": {"mode": "thresholds"},
                "thresholds": thresholds(limit),
                "mappings": limit.mappings() if limit else [],
                "links": [link.json() for link in links],
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
    links: Sequence[Link] = (),
) -> Json:
    """Curves over time, from 0; a limit is drawn as a dashed line."""
    return {
        "type": "timeseries",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets(queries, instant=False),
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "noValue": no_value,
                "min": 0,
                "color": {"mode": "palette-classic"},
                "thresholds": thresholds(limit),
                "links": [link.json() for link in links],
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


def heatmap(title: str, description: str, expr: str, *, unit: str, no_value: str) -> Json:
    """Counts by bucket over time; the query gives one series for each `le`, cumulative as Prometheus has them."""
    return {
        "type": "heatmap",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets([Query(expr, "{{le}}")], instant=False, shape="heatmap"),
        "fieldConfig": {
            "defaults": {
                "unit": "short",
                "noValue": no_value,
                "thresholds": thresholds(None),
                "custom": {"scaleDistribution": {"type": "linear"}},
            },
            "overrides": [],
        },
        "options": {
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Oranges", "scale": "exponential", "exponent": 0.5, "fill": "orange",
                      "reverse": False, "steps": 64, "min": 0},
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "unit": unit, "reverse": False},
        },
    }  # fmt: skip
