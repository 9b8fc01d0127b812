"""The dashboards by their uids, and links to them that keep time and variables but for what they narrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from grafana.variables import KEPT

Json = dict[str, Any]

OVERVIEW: Final = "script-tracking-overview"  # deploy/prometheus/rules links to it
SCHEMA_CHANGES: Final = "script-tracking-schema-changes"
OPERATIONS: Final = "script-tracking-operations"
ERRORS: Final = "script-tracking-errors"
TENANTS: Final = "script-tracking-tenants"
CAPTURE: Final = "script-tracking-capture"
EXPORTER: Final = "script-tracking-exporter"
TITLES: Final = {
    OVERVIEW: "Script tracking overview",
    SCHEMA_CHANGES: "Script tracking: schema changes",
    OPERATIONS: "Script tracking: operations",
    ERRORS: "Script tracking: errors",
    TENANTS: "Script tracking: tenants",
    CAPTURE: "Script tracking: capture and integrity",
    EXPORTER: "Script tracking: exporter and fleet",
}


@dataclass(frozen=True)
class Link:
    """A data link: what a click on a number or a cell offers."""

    title: str
    url: str

    def json(self) -> Json:
        """As fieldConfig has it."""
        return {"title": self.title, "url": self.url}


def label(name: str) -> str:
    """The label of the series that was clicked."""
    return f"${{__field.labels.{name}:percentencode}}"


def cell(heading: str) -> str:
    """The cell of that heading, one word, in the row that was clicked."""
    return f"${{__data.fields.{heading}:percentencode}}"


def to(uid: str, title: str, **narrowed: str) -> Link:
    """A link to a dashboard; `narrowed` gives variables a value of the series (`label`) or of the row (`cell`)."""
    kept = [f"${{{name}:queryparam}}" for name in KEPT if name not in narrowed]
    given = [f"var-{name}={value}" for name, value in narrowed.items()]
    return Link(title, f"/d/{uid}?${{__url_time_range}}&{'&'.join((*kept, *given))}")
