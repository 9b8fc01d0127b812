"""The only module that opens sessions with PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from exporter.dsn import Dsn
from exporter.errors import QueryFailed, TargetUnavailable, UnreadableText
from exporter.sqlfiles import query

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Row]

CONNECT_TIMEOUT_SECONDS = 5


class LegibleConnection(psycopg.AsyncConnection[Row]):
    """A session in which text that is no UTF-8 is told with a sign in the place of each wrong byte: names of roles and
    databases are in the encoding of whichever database they were given in.
    """


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


def guards(statement_timeout: float, *, read_only: bool) -> sql.Composed:
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
        await connection.execute(guards(0, read_only=read_only or bool(connection.read_only)))
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


def shut(connection: Connection) -> None:
    """Ends a session from this side, so that whoever waits for its answer gets an error at once."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


@contextlib.asynccontextmanager
async def answered(connection: Connection, *, within: float) -> AsyncIterator[None]:
    """Ends the session where what is done in it, of several statements, takes longer: whoever waits for a silent server
    gets an error. Raises TargetUnavailable then.
    """
    loop = asyncio.get_running_loop()
    timer = loop.call_later(within, shut, connection)
    try:
        yield
    except TargetUnavailable:
        if loop.time() < timer.when():
            raise
        raise TargetUnavailable(f"no answer within {within:g} s") from None
    finally:
        timer.cancel()
