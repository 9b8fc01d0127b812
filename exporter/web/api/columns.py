"""Columns of an answer: what they are in JSON, and in its schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal["text", "time", "number", "integer", "boolean", "key", "texts", "json"]

_SCHEMAS: Mapping[Kind, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "time": {"type": "string", "format": "date-time"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "key": {"type": "string", "pattern": "^[0-9a-f]*$"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "json": {"type": ["object", "array"]},
}


@dataclass(frozen=True)
class Column:
    """One column; `needed`: it is never null."""

    name: str
    kind: Kind = "text"
    needed: bool = False
    description: str = ""

    def schema(self) -> dict[str, Any]:
        """In JSON Schema."""
        schema = dict(_SCHEMAS[self.kind])
        if not self.needed:
            kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            schema["type"] = [*kinds, "null"]
        return {**schema, "description": self.description} if self.description else schema


def plain(value: Any) -> Any:
    """A value of the database in what JSON has: keys hexadecimal, times in UTC."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case bytes():
            return value.hex()
        case _:
            return value


def record(columns: tuple[Column, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the database as the API shows it: these columns and no others."""
    return {column.name: plain(row[column.name]) for column in columns}


def schema(columns: tuple[Column, ...]) -> dict[str, Any]:
    """Of such a record."""
    return {
        "type": "object",
        "required": [column.name for column in columns],
        "additionalProperties": False,
        "properties": {column.name: column.schema() for column in columns},
    }
