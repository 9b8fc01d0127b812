"""The only module that opens connections to PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from exporter.config import Dsn
from exporter.errors import QueryFailed, TargetUnavailable
from exporter.sqlfiles import query

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Row]

CONNECT_TIMEOUT_SECONDS = 5


async def connect(
    dsn: Dsn, *, application_name: str, statement_timeout: float = 0, read_only: bool = False
) -> Connection:
    """Opens a session in autocommit mode with its guards set; timeouts in seconds, 0 for none.

    Raises TargetUnavailable, whose text never holds the DSN.
    """
    try:
        connection = await psycopg.AsyncConnection.connect(
            dsn.secret(),
            autocommit=True,
            prepare_threshold=None,
            row_factory=dict_row,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name=application_name,
            client_encoding="utf8",  # whatever the database's own is
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=20000,
        )
    except psycopg.Error as error:
        raise TargetUnavailable(_first_line(error)) from None
    try:
        await connection.execute(
            query("target", "guards").encode(),
            {
                "statement_timeout": f"{int(statement_timeout * 1000)}ms",
                "read_only": "on" if read_only else "off",
            },
        )
    except psycopg.Error as error:
        await connection.close()
        raise TargetUnavailable(_first_line(error)) from None
    return connection


def _first_line(error: psycopg.Error) -> str:
    return str(error.diag.message_primary or error).splitlines()[0] if str(error) else type(error).__name__


@contextlib.asynccontextmanager
async def failures_named(doing: str) -> AsyncIterator[None]:
    """Turns a driver's error into QueryFailed with its SQLSTATE, or TargetUnavailable where the session is lost."""
    try:
        yield
    except psycopg.OperationalError as error:
        if error.sqlstate is None or (error.sqlstate[:2] in ("08", "57") and error.sqlstate != "57014"):
            raise TargetUnavailable(f"{doing}: {_first_line(error)}") from error
        raise QueryFailed(f"{doing}: {_first_line(error)}", error.sqlstate) from error
    except psycopg.Error as error:
        raise QueryFailed(f"{doing}: {_first_line(error)}", error.sqlstate) from error


async def fetch(connection: Connection, statement: str | sql.Composed, *, timeout: float) -> list[Row]:
    """Rows of one statement; gives up after `timeout` seconds even where the server is silent.

    Raises QueryFailed or TargetUnavailable; after the latter the session is of no further use.
    """
    answer = asyncio.create_task(_rows(connection, statement))
    try:
        async with asyncio.timeout(timeout):
            return await asyncio.shield(answer)
    except TimeoutError:
        await _hang_up(connection, answer)
        raise TargetUnavailable(f"no answer within {timeout:g} s") from None
    except asyncio.CancelledError:
        await _hang_up(connection, answer)
        raise


async def _rows(connection: Connection, statement: str | sql.Composed) -> list[Row]:
    async with failures_named("query"):
        cursor = await connection.execute(statement.encode() if isinstance(statement, str) else statement)
        return await cursor.fetchall()


async def _hang_up(connection: Connection, answer: asyncio.Task[list[Row]]) -> None:
    """Ends the session from this side, so that whoever waits for its answer gets an error at once.

    To cancel the task would make the driver ask the server to cancel the statement, and wait for a silent server again.
    """
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
    await asyncio.wait([answer], timeout=1)
    if answer.done() and not answer.cancelled():
        answer.exception()  # it is known already why


async def call(connection: Connection, function: str, *, timeout: float) -> list[Row]:
    """Rows of a function without arguments, named schema.function; raises like fetch().

    The server ends the statement after `timeout` seconds; a server that is silent a second longer counts as gone.
    """
    limit = sql.SQL(query("target", "limit_time")).format(timeout=f"{int(timeout * 1000)}ms")
    await fetch(connection, limit, timeout=timeout + 1)
    statement = sql.SQL(query("target", "collect")).format(function=sql.Identifier(*function.split(".")))
    return await fetch(connection, statement, timeout=timeout + 1)
