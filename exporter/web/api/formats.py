"""JSON, CSV and NDJSON: which one is asked for, and how records are written in it, a few at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from exporter.web.api.columns import Column
from exporter.web.api.problems import Problem
from exporter.web.negotiation import preferred

Format = Literal["json", "csv", "ndjson"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
}
BATCH = 50  # records that are written in one turn of the event loop

Record = dict[str, Any]
Pages = AsyncIterator[Sequence[Record]]


def chosen(asked: Format | None, accept: str, offered: Sequence[Format] = ("json", "csv", "ndjson")) -> Format:
    """The format: what the parameter says, else what the header prefers. Raises Problem."""
    if asked is not None and asked not in offered:
        raise Problem(406, f"there is no {asked} of this")
    if asked is not None or not accept.strip():
        return asked or "json"
    names = {MEDIA_TYPES[name].partition(";")[0]: name for name in offered}
    best = preferred(accept, list(names))
    if best is None:
        raise Problem(406, f"what there is: {', '.join(names)}")
    return names[best]


def dumped(value: Any) -> str:
    """In JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _cell(value: Any) -> str:
    """A value in CSV, as PostgreSQL's COPY writes it: NULL is empty, an empty text is quoted."""
    match value:
        case None:
            return ""
        case str():
            text = value
        case _:
            text = dumped(value)
    if text == "" or any(character in text for character in '",\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


def _line(cells: Sequence[str]) -> str:
    return ",".join(cells) + "\r\n"


async def csv(columns: tuple[Column, ...], pages: Pages) -> AsyncIterator[bytes]:
    """Lines, the first with the names."""
    yield _line([column.name for column in columns]).encode()
    async for records in pages:
        for start in range(0, len(records), BATCH):
            lines = [_line([_cell(value) for value in one.values()]) for one in records[start : start + BATCH]]
            yield "".join(lines).encode()


async def ndjson(pages: Pages) -> AsyncIterator[bytes]:
    """A JSON object a line."""
    async for records in pages:
        for start in range(0, len(records), BATCH):
            yield "".join(f"{dumped(one)}\n" for one in records[start : start + BATCH]).encode()


async def document(records: Sequence[Record], following: str | None) -> AsyncIterator[bytes]:
    """One JSON object with a page of them, and the cursor of the next one."""
    yield b'{"items":['
    for start in range(0, len(records), BATCH):
        text = ",\n".join(map(dumped, records[start : start + BATCH]))
        yield (f",\n{text}" if start else text).encode()
    yield f'],"next":{dumped(following)}}}\n'.encode()
