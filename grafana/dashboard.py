"""A whole dashboard of the classic model: rows of panels, laid out and numbered in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana.promql import increase, once, select, total
from grafana.variables import DATASOURCE, variables

Json = dict[str, Any]
SCHEMA_VERSION: Final = 42
WIDTH: Final = 24
TAG: Final = "script-tracking"


@dataclass(frozen=True)
class Row:
    """Panels of one width (grid columns of 24) and height (grid rows); repeated rows are collapsed."""

    title: str
    panels: Sequence[Json]
    width: int
    height: int
    repeat: str | None = None


def _lay_out(rows: Sequence[Row]) -> list[Json]:
    """Number the panels from 1 and give each its place, rows from top to bottom."""
    laid: list[Json] = []
    number = y = 0
    for row in rows:
        number += 1
        heading: Json = {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": row.repeat is not None,
            "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y},
            "panels": [],
        }
        if row.repeat:
            heading["repeat"] = row.repeat
        laid.append(heading)
        y += 1
        per_line = WIDTH // row.width
        placed: list[Json] = []
        for index, panel in enumerate(row.panels):
            number += 1
            place = {
                "h": row.height,
                "w": row.width,
                "x": index % per_line * row.width,
                "y": y + index // per_line * row.height,
            }
            placed.append({"id": number, **panel, "gridPos": place})
        if row.repeat:
            heading["panels"] = placed
        else:
            laid.extend(placed)
            y += -(-len(placed) // per_line) * row.height
    return laid


def _schema_changes() -> Json:
    """Marks where schema changes ended, from the counters."""
    changed = once(
        increase(select("operations_total", 'script_type="DDL"', tenant=True), "$__rate_interval"),
        "target", "tenant", "script_type", "status",
    )  # fmt: skip
    return {
        "name": "Schema changes",
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "target": {"refId": "Anno", "datasource": DATASOURCE, "editorMode": "code", "range": True,
                   "instant": False, "legendFormat": "__auto", "expr": f"{total(changed, 'target')} > 0"},
        "titleFormat": "Schema change",
        "textFormat": "in {{target}}",
        "tagKeys": "target",
        "useValueForTime": False,
    }  # fmt: skip


def dashboard(uid: str, title: str, description: str, rows: Sequence[Row]) -> Json:
    """The dashboard as Grafana's classic JSON model has it."""
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "fiscalYearStartMonth": 0,
        "preload": False,
        "annotations": {"list": [_schema_changes()]},
        "templating": {"list": variables()},
        "links": [
            {"type": "dashboards", "title": "Script tracking", "tooltip": "The other dashboards, with the same time "
             "range and variables", "icon": "external link", "tags": [TAG], "asDropdown": True, "includeVars": True,
             "keepTime": True, "targetBlank": False},
        ],
        "panels": _lay_out(rows),
    }  # fmt: skip
