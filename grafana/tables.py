"""Tables of labels and values now, a query for each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafana.links import Link
from grafana.panels import Limit, Query, targets, thresholds
from grafana.variables import DATASOURCE

Json = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table: its query, heading, unit, the limit or the words that colour it, and its links."""

    expr: str
    heading: str
    unit: str
    limit: Limit | None = None
    words: Sequence[Json] = ()
    links: Sequence[Link] = ()

    def properties(self) -> list[Json]:
        """What the column overrides."""
        found: list[Json] = [{"id": "unit", "value": self.unit}]
        mappings = [*self.words, *(self.limit.mappings() if self.limit else [])]
        if self.limit:
            found.append({"id": "thresholds", "value": thresholds(self.limit)})
        if mappings:
            found.append({"id": "mappings", "value": mappings})
        if self.limit or self.words:
            found.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        return found + linked(self.links)


def linked(links: Sequence[Link]) -> list[Json]:
    """The property of a column that has links."""
    return [{"id": "links", "value": [link.json() for link in links]}] if links else []


def override(heading: str, properties: list[Json]) -> Json:
    """What a column has of its own."""
    return {"matcher": {"id": "byName", "options": heading}, "properties": properties}


def look(no_value: str, overrides: list[Json]) -> Json:
    """How a table's cells are shown."""
    return {
        "defaults": {
            "unit": "short",
            "noValue": no_value,
            "color": {"mode": "thresholds"},
            "thresholds": thresholds(None),
            "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "minWidth": 85},
        },
        "overrides": overrides,
    }


OPTIONS: Json = {"cellHeight": "sm", "frameIndex": 0, "showHeader": True, "sortBy": []}


def table(
    title: str,
    description: str,
    keys: Mapping[str, str],
    columns: Sequence[Column],
    *,
    no_value: str,
    links: Mapping[str, Sequence[Link]],
) -> Json:
    """Labels and values now, a row for each combination of `keys` (label to heading).

    `links` are those of the keys, by their headings.
    """
    # Grafana numbers the values of several queries only
    names = [f"Value #{chr(ord('A') + index)}" for index in range(len(columns))] if len(columns) > 1 else ["Value"]
    overrides = [override(heading, linked(found)) for heading, found in links.items()]
    overrides += [override(column.heading, column.properties()) for column in columns]
    return {
        "type": "table",
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets([Query(column.expr) for column in columns], instant=True, shape="table"),
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
        "fieldConfig": look(no_value, overrides),
        "options": OPTIONS,
    }
