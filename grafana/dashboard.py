"""A whole dashboard of the classic model: rows of panels, laid out and numbered in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana.annotations import schema_changes, statements
from grafana.links import TITLES
from grafana.variables import variables

Json = dict[str, Any]
SCHEMA_VERSION: Final = 42
WIDTH: Final = 24
TAG: Final = "script-tracking"


@dataclass(frozen=True)
class Sized:
    """A panel of another size than its row's."""

    panel: Json
    width: int
    height: int


@dataclass(frozen=True)
class Row:
    """Panels of one width (grid columns of 24) and height (grid rows), left to right; repeated rows are collapsed."""

    title: str
    panels: Sequence[Json | Sized]
    width: int
    height: int
    repeat: str | None = None
    collapsed: bool = False

    def placed(self, top: int) -> Iterator[Json]:
        """The panels with their places, a new line where one no longer fits."""
        x, y, line = 0, top, 0
        for panel in self.panels:
            one = panel if isinstance(panel, Sized) else Sized(panel, self.width, self.height)
            if x + one.width > WIDTH:
                x, y, line = 0, y + line, 0
            yield {**one.panel, "gridPos": {"h": one.height, "w": one.width, "x": x, "y": y}}
            x, line = x + one.width, max(line, one.height)


def _lay_out(rows: Sequence[Row]) -> list[Json]:
    """Number the panels from 1 and give each its place, rows from top to bottom."""
    laid: list[Json] = []
    number = y = 0
    for row in rows:
        number += 1
        folded = row.collapsed or row.repeat is not None
        heading: Json = {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": folded,
            "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y},
            "panels": [],
        }
        if row.repeat:
            heading["repeat"] = row.repeat
        laid.append(heading)
        y += 1
        placed = [{"id": number + index, **panel} for index, panel in enumerate(row.placed(y), start=1)]
        number += len(placed)
        if folded:
            heading["panels"] = placed
        else:
            laid.extend(placed)
            y = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in placed)
    return laid


def dashboard(uid: str, description: str, rows: Sequence[Row], more: Sequence[Json] = ()) -> Json:
    """The dashboard as Grafana's classic JSON model has it; `more` are variables of its own."""
    return {
        "uid": uid,
        "title": TITLES[uid],
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
        "annotations": {"list": [schema_changes(), statements()]},
        "templating": {"list": [*variables(), *more]},
        "links": [
            {"type": "dashboards", "title": "Script tracking", "tooltip": "The other dashboards, with the same time "
             "range and variables", "icon": "external link", "tags": [TAG], "asDropdown": True, "includeVars": True,
             "keepTime": True, "targetBlank": False},
        ],
        "panels": _lay_out(rows),
    }  # fmt: skip
