"""One message to the server with its guards: what it asks, how long it may take, and what becomes of one given up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import psycopg
from psycopg import sql

from exporter import answer
from exporter.answer import Answer
from exporter.database import Connection, Row, failures_named, guards, shut
from exporter.errors import NoAnswer
from exporter.sqlfiles import query

CANCEL_SECONDS = 0.4
GRACE_SECONDS = 1.0  # after which the server ends a statement that was given up here
OUR_SCHEMAS = ("script_tracking", "script_tracking_internal")

Result = TypeVar("Result")
Cursor = psycopg.AsyncCursor[Row]


async def fetch(
    connection: Connection,
    statement: str | sql.Composed,
    *,
    timeout: float,
    statement_timeout: float = 0,
    read_only: bool = False,
) -> list[Row]:
    """Rows of one statement, a transaction of its own with its guards set; gives up after `timeout` seconds even where
    the server is silent. The server itself ends it after `statement_timeout` seconds; without, a second after nobody
    waits for it any more.

    Raises QueryFailed or TargetUnavailable; after the latter the session is of no further use.
    """

    async def last(cursor: Cursor) -> list[Row]:
        while cursor.nextset():
            pass
        return (await answer.read(connection, cursor)).rows

    text = statement.encode() if isinstance(statement, str) else statement.as_bytes(connection)
    # one message to the server, whose statements are one transaction: no way to and fro is added
    limit = statement_timeout or timeout + GRACE_SECONDS
    return await _asked(
        connection, _guards(limit, read_only=read_only or bool(connection.read_only)) + text, timeout, last
    )


@dataclass(frozen=True)
class Call:
    """A function without arguments, named schema.function, and what is asked of its answer."""

    function: str
    timeout: float  # in seconds, after which the server ends it
    limit: int | None = None  # of rows
    known: int | None = None  # the mark of an answer that need not be told again


async def call(
    connection: Connection, function: str, *, timeout: float, limit: int | None = None, known: int | None = None
) -> Answer:
    """What a function returns, read-only; raises like fetch(), also where the server is silent a second longer than the
    timeout.
    """

    async def last(cursor: Cursor) -> Answer:
        while cursor.nextset():
            pass
        return await answer.read(connection, cursor, known, marked=True)

    text = _guards(timeout, read_only=True) + _call_text(function, limit)
    return await _asked(connection, text, timeout + 1, last)


async def call_together(connection: Connection, calls: Sequence[Call], *, within: float) -> tuple[list[Answer], bool]:
    """What functions of the schema's return, and whether the server is a standby; asked by one message and in one
    read-only transaction, each with its own timeout, all of them within so many seconds. Where one fails nothing is
    known of any.

    Raises QueryFailed, TargetUnavailable, or NoAnswer after the time.
    """

    async def all_of_them(cursor: Cursor) -> tuple[list[Answer], bool]:
        answers: list[Answer] = []
        for _ in range(_GUARDS):
            cursor.nextset()
        began, standby = await _clock(cursor)
        for one in calls:
            cursor.nextset()
            found = await answer.read(connection, cursor, one.known, marked=True)
            cursor.nextset()
            ended, standby = await _clock(cursor)
            answers.append(replace(found, seconds=ended - began))
            began = ended
        return answers, standby

    timeouts = [*(one.timeout for one in calls[1:]), GRACE_SECONDS]
    texts = [
        _call_text(one.function, one.limit) + b";\n" + _next(timeout)
        for one, timeout in zip(calls, timeouts, strict=True)
    ]
    text = _guards(calls[0].timeout, read_only=True) + _next(calls[0].timeout) + b";\n" + b";\n".join(texts)
    return await _asked(connection, text, within, all_of_them)


_GUARDS = 2  # statements that the guards are


async def _clock(cursor: Cursor) -> tuple[float, bool]:
    (row,) = await cursor.fetchall()
    return row["now"], row["standby"]


@lru_cache
def _next(timeout: float) -> bytes:
    """Tells the time, and how long the next statement may take."""
    return sql.SQL(query("target", "next")).format(timeout=f"{int(timeout * 1000)}ms").as_bytes(None)


async def _asked(
    connection: Connection, text: bytes, timeout: float, result: Callable[[Cursor], Awaitable[Result]]
) -> Result:
    answer = asyncio.create_task(_answer(connection, text, result))
    try:
        async with asyncio.timeout(timeout):
            return await asyncio.shield(answer)
    except TimeoutError:
        await _hang_up(connection, answer)
        raise NoAnswer(f"no answer within {timeout:g} s") from None
    except asyncio.CancelledError:
        # the server would go on with the statement, and keep the session, to its end
        cancelling = asyncio.create_task(_cancel(connection))
        await asyncio.wait([answer], timeout=CANCEL_SECONDS)
        await _hang_up(connection, answer)
        cancelling.cancel()
        raise


async def _answer(connection: Connection, text: bytes, result: Callable[[Cursor], Awaitable[Result]]) -> Result:
    async with failures_named("query"):
        return await result(await connection.execute(text))


@lru_cache
def _guards(statement_timeout: float, *, read_only: bool) -> bytes:
    return guards(statement_timeout, read_only=read_only).as_bytes(None) + b";\n"


@lru_cache
def _call_text(function: str, limit: int | None) -> bytes:
    schema, name = function.split(".")
    statement = sql.SQL(query("target", "collect" if schema in OUR_SCHEMAS else "collect_own"))
    called = sql.Identifier(schema, name)
    return statement.format(function=called, limit=sql.Literal(limit), name=sql.Literal(function)).as_bytes(None)


async def _cancel(connection: Connection) -> None:
    """Asks the server to end the statement, by a connection of its own; a silent server is not waited for."""
    with contextlib.suppress(psycopg.Error, OSError):
        await connection.cancel_safe(timeout=CANCEL_SECONDS)


async def _hang_up(connection: Connection, answer: asyncio.Task[Result]) -> None:
    """Ends the session from this side, so that whoever waits for its answer gets an error at once.

    To cancel the task would make the driver ask the server to cancel the statement, and wait for a silent server again.
    """
    shut(connection)
    await asyncio.wait([answer], timeout=1)
    if answer.done() and not answer.cancelled():
        answer.exception()  # it is known already why
