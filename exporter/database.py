"""The only module that opens sessions with PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader, Transformer
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import dict_row

from exporter.dsn import Dsn
from exporter.errors import QueryFailed, TargetUnavailable, UnreadableText
from exporter.sqlfiles import query

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Row]

CONNECT_TIMEOUT_SECONDS = 5
CANCEL_SECONDS = 0.4
GRACE_SECONDS = 1.0  # after which the server ends a statement that was given up here
PORTION_ROWS = 200  # that are made in one turn of the event loop
OUR_SCHEMAS = ("script_tracking", "script_tracking_internal")
PORTION_VALUES = 2000  # that are looked at in one turn of the event loop
MARKED_VALUES = 500_000  # of an answer that is known again when it comes again


class LegibleConnection(psycopg.AsyncConnection[Row]):
    """A session in which text that is no UTF-8 is told with a sign in the place of each wrong byte: names of roles and
    databases are in the encoding of whichever database they were given in.
    """


class _Legible(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "replace")


async def connect(
    dsn: Dsn, *, application_name: str, read_only: bool = False, client_encoding: str = "utf8", legible: bool = False
) -> Connection:
    """Opens a session in autocommit mode; what fetch() and guarded() do in it is read-only where it is.

    It has no settings of its own: a pooler may give each of its transactions another session of the server, and that
    session to others after it. Where it is `legible` it is a LegibleConnection; else such text is refused, with
    UnreadableText. Raises TargetUnavailable, whose text never holds the DSN.
    """
    kind: type[Connection] = LegibleConnection if legible else psycopg.AsyncConnection
    opening = asyncio.create_task(
        kind.connect(
            dsn.secret(),
            autocommit=True,
            prepare_threshold=None,
            row_factory=dict_row,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name=application_name,
            client_encoding=client_encoding,  # whatever the database's own is
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=20000,
        )
    )
    try:
        connection = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_late)  # the driver, cancelled amid it, leaves the session to the garbage
        raise
    except psycopg.Error as error:
        raise TargetUnavailable(dsn.hide(_first_line(error))) from None
    try:
        # False would begin transactions that a standby refuses
        await connection.set_read_only(read_only or None)
    except BaseException:  # cancelled: the driver lets others have their turn now and then, also where it need not wait
        drop(connection)
        raise
    return connection


def _close_late(opening: asyncio.Task[Connection]) -> None:
    """Closes a session that nobody waits for any more."""
    if not opening.cancelled() and opening.exception() is None:
        drop(opening.result())


def is_at_rest(connection: Connection) -> bool:
    """Whether a session is open and in no transaction, fit for whoever uses it next."""
    return not connection.closed and connection.info.transaction_status is TransactionStatus.IDLE


def drop(connection: Connection) -> None:
    """Closes a session at once, whatever its state."""
    connection.pgconn.finish()


def _guards(statement_timeout: float, *, read_only: bool) -> sql.Composed:
    """The statements that set the guards of the transaction in which they are the first; the timeout 0 is none."""
    return sql.SQL(query("target", "guards")).format(
        access=sql.SQL("read only" if read_only else "read write"), timeout=f"{int(statement_timeout * 1000)}ms"
    )


@contextlib.asynccontextmanager
async def guarded(connection: Connection, *, read_only: bool = False) -> AsyncIterator[None]:
    """A transaction with its guards set, for itself alone; within a transaction nothing more than that."""
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        yield
        return
    async with connection.transaction():
        await connection.execute(_guards(0, read_only=read_only or bool(connection.read_only)))
        yield


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
    except UnicodeDecodeError:  # of the driver; the error itself would show the text
        raise UnreadableText(f"{doing}: text that is no UTF-8") from None


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
    return (await _asked(connection, statement, timeout, statement_timeout, read_only)).rows


async def _asked(
    connection: Connection,
    statement: str | sql.Composed,
    timeout: float,
    statement_timeout: float,
    read_only: bool,
    known: int | None = None,
    *,
    marked: bool = False,
) -> Answer:
    # one message to the server, whose statements are one transaction: no way to and fro is added
    limit = statement_timeout or timeout + GRACE_SECONDS
    guards = _guards_text(limit, read_only=read_only or bool(connection.read_only))
    text = statement.encode() if isinstance(statement, str) else statement.as_bytes(connection)
    answer = asyncio.create_task(_answer(connection, guards + text, known, marked=marked))
    try:
        async with asyncio.timeout(timeout):
            return await asyncio.shield(answer)
    except TimeoutError:
        await _hang_up(connection, answer)
        raise TargetUnavailable(f"no answer within {timeout:g} s") from None
    except asyncio.CancelledError:
        # the server would go on with the statement, and keep the session, to its end
        cancelling = asyncio.create_task(_cancel(connection))
        await asyncio.wait([answer], timeout=CANCEL_SECONDS)
        await _hang_up(connection, answer)
        cancelling.cancel()
        raise


@lru_cache
def _guards_text(statement_timeout: float, *, read_only: bool) -> bytes:
    return _guards(statement_timeout, read_only=read_only).as_bytes(None) + b";\n"


@dataclass(frozen=True)
class Answer:
    """Rows of the last statement, and a mark by which the same answer is known again; none of a long one."""

    rows: list[Row]
    mark: int | None = None
    is_known: bool = False  # the mark is the one that was given: the rows, the same as then, were not made anew
    count: int = 0


async def _answer(connection: Connection, statements: bytes, known: int | None, *, marked: bool) -> Answer:
    async with failures_named("query"):
        cursor = await connection.execute(statements)
        while cursor.nextset():
            pass
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


async def _cancel(connection: Connection) -> None:
    """Asks the server to end the statement, by a connection of its own; a silent server is not waited for."""
    with contextlib.suppress(psycopg.Error, OSError):
        await connection.cancel_safe(timeout=CANCEL_SECONDS)


async def _hang_up(connection: Connection, answer: asyncio.Task[Answer]) -> None:
    """Ends the session from this side, so that whoever waits for its answer gets an error at once.

    To cancel the task would make the driver ask the server to cancel the statement, and wait for a silent server again.
    """
    _shut(connection)
    await asyncio.wait([answer], timeout=1)
    if answer.done() and not answer.cancelled():
        answer.exception()  # it is known already why


def _shut(connection: Connection) -> None:
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


@contextlib.asynccontextmanager
async def answered(connection: Connection, *, within: float) -> AsyncIterator[None]:
    """Ends the session where what is done in it, of several statements, takes longer: whoever waits for a silent server
    gets an error. Raises TargetUnavailable then.
    """
    loop = asyncio.get_running_loop()
    timer = loop.call_later(within, _shut, connection)
    try:
        yield
    except TargetUnavailable:
        if loop.time() < timer.when():
            raise
        raise TargetUnavailable(f"no answer within {within:g} s") from None
    finally:
        timer.cancel()


async def call(
    connection: Connection, function: str, *, timeout: float, limit: int | None = None, known: int | None = None
) -> Answer:
    """Rows of a function without arguments, named schema.function, at most so many, read-only; raises like fetch().

    The server ends the statement after `timeout` seconds; a server that is silent a second longer counts as gone.
    `known` is the mark of an answer that need not be told again.
    """
    return await _asked(connection, _call_text(function, limit), timeout + 1, timeout, True, known, marked=True)


@lru_cache
def _call_text(function: str, limit: int | None) -> str:
    schema, name = function.split(".")
    statement = sql.SQL(query("target", "collect" if schema in OUR_SCHEMAS else "collect_own"))
    called = sql.Identifier(schema, name)
    return statement.format(function=called, limit=sql.Literal(limit), name=sql.Literal(function)).as_string(None)
