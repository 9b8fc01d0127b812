"""What OpenAPI says of the answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from exporter.web.api.columns import Column, schema
from exporter.web.api.formats import MEDIA_TYPES
from exporter.web.api.problems import MEDIA_TYPE, SCHEMA

Responses = dict[int | str, dict[str, Any]]


def refused(status: int) -> dict[str, Any]:
    """A refusal."""
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": SCHEMA}}}


def _refusals(*others: int) -> Responses:
    return {status: refused(status) for status in sorted({401, 406, 422, 429, *others})}


def listed(columns: tuple[Column, ...], *, paged: bool = False, asks: bool = True) -> Responses:
    """A list: `paged` with a cursor, of a database that it `asks`."""
    document = {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": schema(columns)},
            "next": {"type": ["string", "null"], "description": "the cursor of the next page; null: this is the last"},
        },
    }
    text = {"type": "string"}
    content = {
        MEDIA_TYPES["json"]: {"schema": document},
        MEDIA_TYPES["csv"].partition(";")[0]: {"schema": text},
        MEDIA_TYPES["ndjson"]: {"schema": text},
    }
    links = {"Link": {"description": "the next page, rel=next", "schema": text}} if paged else {}
    answer = {"description": "what was asked for", "content": content, "headers": links}
    others = ({409} if paged else set()) | ({400, 403, 404, 503} if asks else set())
    return {200: answer, **_refusals(*others)}


def single(ones: dict[str, tuple[Column, ...]], lists: dict[str, tuple[Column, ...]]) -> Responses:
    """One object of objects and lists."""
    properties: dict[str, Any] = {name: schema(columns) for name, columns in ones.items()}
    properties |= {name: {"type": "array", "items": schema(columns)} for name, columns in lists.items()}
    document = {"type": "object", "required": [*properties], "properties": properties}
    answer = {"description": "what was asked for", "content": {MEDIA_TYPES["json"]: {"schema": document}}}
    return {200: answer, **_refusals(400, 403, 404, 503)}
