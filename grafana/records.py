"""Tables of the record itself, by way of the PostgreSQL data source: who, what, statements, fingerprints.

No label of a metric carries these. The statements are in sql/queries/grafana.sql, named as their tables here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from exporter.sqlfiles import query
from grafana.links import OPERATIONS, Link, cell, to
from grafana.panels import words
from grafana.tables import OPTIONS, linked, look, override
from grafana.variables import RECORD

Json = dict[str, Any]

STATUSES: Final = words(
    {
        "COMPLETED": ("COMPLETED", "green"),
        "NOOP": ("NOOP", "text"),
        "RUNNING": ("RUNNING", "blue"),
        "FAILED": ("FAILED", "red"),
        "INTERRUPTED": ("INTERRUPTED", "red"),
        "ROLLED_BACK": ("ROLLED_BACK", "orange"),
    }
)
# of the columns that several tables have, in pixels: all of a table are to be seen on a screen of 1,500; the one of its
# columns that has no width, the longest text, takes what they leave
_WIDTHS: Final = {
    **dict.fromkeys(("When", "Begun", "Last", "First", "Seen", "Heartbeat", "Acknowledged", "Changed after"), 165),
    **dict.fromkeys(("Since", "Registered", "Oldest running since", "Last execution"), 165),
    **dict.fromkeys(("Script", "Newest script", "Name then"), 150),
    **dict.fromkeys(("Failures", "Value", "Bad from"), 80),
    **dict.fromkeys(("Duration", "Running", "Waiting", "Verdict", "Evidence", "Progress"), 85),
    **dict.fromkeys(("SQLSTATE", "Session", "State", "Window", "Change id", "Execution"), 90),
    **dict.fromkeys(("Type", "Change", "Reference", "Unit", "Average", "Longest"), 100),
    **dict.fromkeys(("Who", "By"), 105),
    **dict.fromkeys(("Status", "Change (claimed)", "Blocked by pid", "Fingerprint", "Executions"), 110),
    **dict.fromkeys(("Command", "From", "Queued behind", "Application"), 120),
    **dict.fromkeys(("Objects", "Relation", "Lock", "Waits for"), 150),
    **dict.fromkeys(("Tenant", "Rows", "Pid", "Class"), 75),
}
# what stands for a cell without a value; the table's own word is for one without a row
_EMPTY: Json = {"matcher": {"id": "byRegexp", "options": "/.*/"}, "properties": [{"id": "noValue", "value": "-"}]}
_NEEDS: Final = (
    "The tables below show names and statements, which no metric carries. They ask **one** database, that of the "
    "*Postgres data source* chosen above, whichever targets are chosen, for the chosen tenants and time. Where no such "
    "data source is there, add one for the database, with a login role of its own that was granted "
    "`script_tracking_reader` and its tenants{auditor}; all else on this dashboard does without. Whoever may use the "
    "data source can run any statement as that role. The exporter's REST API "
    "gives the same rows to programs."
)


@dataclass(frozen=True)
class Cell:
    """What a column of a statement has of its own: unit, words that colour it, links, width in pixels (the usual one,
    or with None what the others leave), and whether its text may take several lines.
    """

    unit: str = ""
    words: Sequence[Json] = ()
    links: Sequence[Link] = ()
    width: int | None = 0
    wrapped: bool = False

    def properties(self) -> list[Json]:
        """What the column overrides."""
        found: list[Json] = [{"id": "unit", "value": self.unit}] if self.unit else []
        if self.words:
            found.append({"id": "mappings", "value": list(self.words)})
            found.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        if self.width:
            found.append({"id": "custom.width", "value": self.width})
        if self.wrapped:
            found.append({"id": "custom.wrapText", "value": True})
        return found + linked(self.links)


def target(statement: str) -> Json:
    """The query that asks a named statement."""
    return {
        "refId": "A",
        "datasource": RECORD,
        "editorMode": "code",
        "format": "table",
        "rawQuery": True,
        "rawSql": query("grafana", statement),
    }


def execution(title: str = "This execution") -> Cell:
    """The key of one, which leads to what it is part of."""
    return Cell(links=[to(OPERATIONS, title, execution=cell("Execution"))])


def _look(statement: str, cells: dict[str, Cell]) -> dict[str, Cell]:
    """What each column of the statement has of its own, by its heading: `cells`, and what is usual."""
    usual = {"Status": Cell(words=STATUSES), "Duration": Cell("s"), "Execution": execution()}
    found = {}
    for heading in re.findall(r' as "([^"]+)"', query("grafana", statement)):
        of_its_own = cells.get(heading, usual.get(heading, Cell()))
        found[heading] = replace(of_its_own, width=_WIDTHS.get(heading) if of_its_own.width == 0 else of_its_own.width)
    assert cells.keys() <= found.keys(), f"{statement} has no such column"
    return {heading: found for heading, found in found.items() if found.properties()}


def record(title: str, description: str, statement: str, cells: dict[str, Cell], *, no_value: str) -> Json:
    """The rows of a statement; `cells` by the headings that it gives its columns, without those that look as usual."""
    overrides = [override(heading, found.properties()) for heading, found in _look(statement, cells).items()]
    shown = look(no_value, [_EMPTY, *overrides])
    shown["defaults"]["unit"] = "string"  # or Grafana makes 23.5 K of the SQLSTATE 23505
    return {
        "type": "table",
        "title": title,
        "description": f"{description} Needs the Postgres data source.",
        "datasource": RECORD,
        "targets": [target(statement)],
        "fieldConfig": shown,
        "options": OPTIONS,
    }


def needs(*, auditor: bool = False) -> Json:
    """What the tables of the record need, in words: they cannot say so themselves where it is missing."""
    more = " (`script_tracking_auditor` where a table says so, which sees all tenants)" if auditor else ""
    return {
        "type": "text",
        "title": "What these tables need",
        "description": "What the tables of the record need, which are the only panels that are not from Prometheus.",
        "options": {"mode": "markdown", "content": _NEEDS.format(auditor=more)},
    }
