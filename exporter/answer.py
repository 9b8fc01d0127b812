"""From the result of a statement to rows, a portion in a turn of the event loop; and whether they came before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader, Transformer
from psycopg.pq.abc import PGresult
from psycopg.rows import dict_row

from exporter.database import Connection, LegibleConnection, Row

PORTION_ROWS = 200  # that are made in one turn of the event loop
PORTION_VALUES = 2000  # that are looked at in one turn of the event loop
MARKED_VALUES = 500_000  # of an answer that is known again when it comes again


class _Legible(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "replace")


@dataclass(frozen=True)
class Answer:
    """Rows of a statement, and a mark by which the same answer is known again; none of a long one."""

    rows: list[Row]
    mark: int | None = None
    is_known: bool = False  # the mark is the one that was given: the rows, the same as then, were not made anew
    count: int = 0
    seconds: float | None = None  # that it took the server, where that was asked


async def read(
    connection: Connection, cursor: psycopg.AsyncCursor[Row], known: int | None = None, *, marked: bool = False
) -> Answer:
    """What the cursor's current result holds; no rows are made of an answer whose mark is `known`.

    Raises UnicodeDecodeError for text that is no UTF-8, but for a LegibleConnection.
    """
    mark = await _mark(cursor.pgresult) if marked and cursor.pgresult is not None else None
    if mark is not None and mark == known:
        return Answer([], mark, True, cursor.rowcount)
    try:
        rows = await _rows(cursor)
    except UnicodeDecodeError:
        if not isinstance(connection, LegibleConnection):
            raise
        rows = await _legible_rows(connection, cursor)
    return Answer(rows, mark, count=len(rows))


async def _rows(cursor: psycopg.AsyncCursor[Row]) -> list[Row]:
    rows: list[Row] = []
    while portion := await cursor.fetchmany(PORTION_ROWS):
        rows += portion
        if len(portion) < PORTION_ROWS:
            break
        await asyncio.sleep(0)  # to make thousands of rows takes so long that others should have their turn
    return rows


async def _legible_rows(connection: LegibleConnection, cursor: psycopg.AsyncCursor[Row]) -> list[Row]:
    """The rows that have come, made anew: to ask again might do again what the statement does."""
    result = cursor.pgresult
    assert result is not None
    for kind in ("text", "varchar", "name", "bpchar"):
        # from now on in this session; it is slower than the driver's own, and seldom needed
        connection.adapters.register_loader(kind, _Legible)
    transformer = Transformer(connection)
    transformer.set_pgresult(result)
    make = dict_row(cursor)
    rows: list[Row] = []
    for begin in range(0, result.ntuples, PORTION_ROWS):
        rows += transformer.load_rows(begin, min(begin + PORTION_ROWS, result.ntuples), make)
        await asyncio.sleep(0)
    return rows


async def _mark(result: PGresult) -> int | None:
    if result.ntuples * result.nfields > MARKED_VALUES:
        return None
    columns = range(result.nfields)
    mark = hash((result.ntuples, *[result.fname(column) for column in columns]))
    portion = max(PORTION_VALUES // max(result.nfields, 1), 1)
    for begin in range(0, result.ntuples, portion):
        if begin:
            await asyncio.sleep(0)
        rows = range(begin, min(begin + portion, result.ntuples))
        mark = hash((mark, *[result.get_value(row, column) for row in rows for column in columns]))
    return mark
