"""Carries operations to the database from a thread of its own: at once, or in bulk when the database is back."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import logging
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from psycopg import sql

from exporter.database import Connection, Row, connect, fetch
from exporter.declared import Counts, Outcome, Record
from exporter.described import not_kept
from exporter.dsn import Dsn
from exporter.errors import QueryFailed
from exporter.schedule import BackOff
from exporter.sqlfiles import query

log = logging.getLogger("script_tracking")

BATCH = 500
RECORDS_OWN_FAULT = ("ST", "22", "23", "54")  # SQLSTATE classes that say that a record will be refused again
_inherited: list[object] = []  # of a parent process: what is closed here is of no more use there


class _Loop(asyncio.SelectorEventLoop):
    """A loop in a thread of its own, which may block: a name is resolved even while the interpreter shuts down, when no
    executor takes anything any more.
    """

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        return socket.getaddrinfo(host, port, **more)


class Courier:
    """Takes records from any thread and never raises there; its thread starts with the first one."""

    def __init__(
        self,
        read_dsn: Callable[[], Dsn],
        *,
        application_name: str,
        buffer_size: int,
        buffer_bytes: int,
        heartbeat_seconds: float,
        timeout_seconds: float,
    ) -> None:
        self._read_dsn = read_dsn
        self._application_name = application_name
        self._buffer_size = buffer_size
        self._buffer_bytes = buffer_bytes
        self._heartbeat_seconds = heartbeat_seconds
        self._timeout_seconds = timeout_seconds
        self._connection: Connection | None = None
        self._loop: _Loop | None = None
        self.epoch = 0  # how many forks lie behind
        self._start_anew()
        in_child = weakref.WeakMethod(self._start_anew)
        os.register_at_fork(after_in_child=lambda: start() if (start := in_child()) is not None else None)

    def _start_anew(self) -> None:
        """Nothing taken, nothing open: what was taken before a fork is the parent's to deliver."""
        _inherited.extend((self._connection, self._loop))
        self.epoch += 1
        self._connection = None
        self._loop = None
        self._lock = threading.Lock()
        self._waiting: dict[Record, None] = {}
        self._bytes = 0  # that wait
        self._running: dict[Record, None] = {}
        self._thread: threading.Thread | None = None
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._closed = False
        self._delivered = self._dropped = self._refused = 0
        self._failing: str | None = None
        self._clock: tuple[datetime, float] | None = None  # the server's time at a monotonic one

    @property
    def counts(self) -> Counts:
        """What became of the operations so far."""
        with self._lock:
            return Counts(self._delivered, self._dropped, self._refused, len(self._waiting))

    @property
    def failing(self) -> str | None:
        """Why nothing can be delivered, None where that is not so."""
        return self._failing

    def begin(self, record: Record) -> None:
        """Takes a record that begins; drops it where the buffer is full."""
        with self._lock:
            full = len(self._waiting) >= self._buffer_size or self._bytes + record.size > self._buffer_bytes
            if self._closed or full or not self._has_thread():
                self._dropped += 1
                record.refuse("the client is closed" if self._closed else "the buffer is full")
                return
            self._waiting[record] = None
            self._bytes += record.size
        self._call(self._wake)

    def end(self, record: Record, outcome: Outcome) -> None:
        """Takes the outcome of a record that was begun."""
        with self._lock:
            if record.begun.done() and record.begun.exception() is not None:
                return  # it was counted already
            if self._bytes + outcome.size > self._buffer_bytes:  # that it ended counts for more than what is said of it
                outcome = replace(outcome, message=outcome.message and not_kept(len(outcome.message)), metadata=None)
            record.outcome = outcome
            self._running.pop(record, None)
            if self._closed:
                self._dropped += 1
                record.refuse("the client is closed")
                return
            self._waiting[record] = None
            record.size += outcome.size
            self._bytes += outcome.size
        self._call(self._wake)

    def withdraw(self, record: Record) -> None:
        """Gives a record up that was begun in vain."""
        with self._lock:
            if self._forget(record):
                self._dropped += 1
            self._running.pop(record, None)
            record.refuse("withdrawn")

    def close(self, timeout_seconds: float) -> None:
        """Delivers what waits, for so long at the most, and ends the thread."""
        atexit.unregister(self._close_at_exit)
        thread = self._thread
        if thread is not None and thread.is_alive():
            self._call(self._closing)
            self._call(self._wake)
            thread.join(timeout_seconds)
        with self._lock:
            self._closed = True
            left = list(self._waiting)
            self._dropped += len(left)
            for record in left:
                self._forget(record)
                record.refuse(self._failing or "no time was left")

    def _forget(self, record: Record) -> bool:
        """Whether it waited; it does not any more, and what its start said needs no room."""
        waited = self._waiting.pop(record, self) is None
        self._bytes -= record.size if waited else 0
        record.size = 0
        record.metadata = record.sql_command = None
        return waited

    def _close_at_exit(self) -> None:
        self.close(self._timeout_seconds)

    def _has_thread(self) -> bool:
        if self._thread is None:
            self._loop = _Loop()
            thread = threading.Thread(target=self._run, args=(self._loop,), name="script-tracking", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter shuts down
                self._loop.close()
            else:
                self._thread = thread
                atexit.register(self._close_at_exit)
        return self._thread is not None

    def _call(self, event: asyncio.Event) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(event.set)

    def _run(self, loop: _Loop) -> None:
        try:
            loop.run_until_complete(self._work())
        finally:
            loop.close()

    async def _work(self) -> None:
        back_off = BackOff(first=0.25, longest=30.0)
        beat_at = time.monotonic() + self._heartbeat_seconds
        while True:
            closing = self._closing.is_set()
            try:
                self._wake.clear()
                await self._deliver()
                if time.monotonic() >= beat_at:
                    await self._beat()
                    beat_at = time.monotonic() + self._heartbeat_seconds
            except Exception as error:  # whatever it is: the thread goes on, and the caller never sees it
                reason = str(error) or repr(error)
                if self._failing != reason:
                    log.warning("tracking_unavailable: %s", reason)
                self._failing = reason
                await self._discard()
                if closing:
                    return
                await _wait(self._closing, back_off.next())  # and not for the next record, which would fail as well
                continue
            self._failing = None
            back_off.reset()
            if closing:
                await self._discard()
                return
            await _wait(self._wake, max(beat_at - time.monotonic(), 0.01))

    async def _deliver(self) -> None:
        while True:
            with self._lock:
                waiting = list(self._waiting)
            begin = [record for record in waiting if not record.begun.done() and _is_known(record.parent)][:BATCH]
            if begin:
                await self._parts(begin, self._begin)
                continue
            end = [record for record in waiting if record.key is not None and record.outcome is not None][:BATCH]
            if not end:
                return
            await self._parts(end, self._end)

    async def _parts(self, records: list[Record], deliver: Callable[[list[Record]], Any]) -> None:
        """Delivers records together or, where one of them is refused, in halves, until that one is found."""
        try:
            await deliver(records)
        except QueryFailed as error:
            if (error.sqlstate or "")[:2] not in RECORDS_OWN_FAULT:
                raise
            if len(records) > 1:
                middle = len(records) // 2
                await self._parts(records[:middle], deliver)
                await self._parts(records[middle:], deliver)
                return
            (record,) = records
            log.warning("operation_refused: %s: %s", record.name, error)
            with self._lock:
                self._refused += 1
                self._forget(record)
                record.refuse(str(error))

    async def _begin(self, records: list[Record]) -> None:
        await self._connect()
        for record in records:
            record.started_at = record.started_at or self._server_time(record.began)  # again the same, if repeated
        given = [
            {
                "script_name": record.name,
                "script_type": record.script_type,
                "tenant": record.tenant,
                "metadata": record.metadata,
                "sql_command": record.sql_command,
                "parent_hk": record.parent.key.hex() if record.parent and record.parent.key else None,
                "started_at": record.started_at.isoformat() if record.started_at else None,
                "id": record.id,
            }
            for record in records
        ]
        (row,) = await self._ask("begin", operations=json.dumps(given))
        withdrawn = []
        with self._lock:
            for record, key in zip(records, row["keys"], strict=True):
                if record.begun.done() and record.begun.exception() is not None:  # while the database wrote it
                    withdrawn.append({"execution_hk": key.hex(), "success": False, "error_message": "withdrawn"})
                    continue
                if not record.begun.done():
                    record.begun.set_result(key)
                if record.outcome is None and self._forget(record):
                    self._running[record] = None
        if withdrawn:
            await self._ask("end", completions=json.dumps(withdrawn))

    async def _end(self, records: list[Record]) -> None:
        await self._connect()
        given = []
        repeated = {record for record in records if record.end_sent}
        for record in records:
            record.end_sent = True
            assert record.outcome is not None and record.key is not None
            given.append(
                {
                    "execution_hk": record.key.hex(),
                    "success": record.outcome.success,
                    "error_message": record.outcome.message,
                    "error_sqlstate": record.outcome.sqlstate,
                    "affected_rows": record.outcome.affected_rows,
                    "metadata": record.outcome.metadata,
                    "ended_at": self._server_time(record.outcome.at).isoformat(),
                }
            )
        (row,) = await self._ask("end", completions=json.dumps(given))
        with self._lock:
            for record, done in zip(records, row["done"], strict=True):
                self._forget(record)
                if not done and record not in repeated:  # an answer that was lost is no refusal
                    self._refused += 1
                    record.refuse("it had ended already, as interrupted or by somebody else")
                    continue
                self._delivered += 1
                if not record.ended.done():
                    record.ended.set_result(None)

    async def _beat(self) -> None:
        with self._lock:
            keys = [record.key for record in self._running if record.key is not None]
        if keys:
            await self._connect()
            await self._ask("beat", keys=keys)

    async def _connect(self) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self._read_dsn(), application_name=self._application_name)
            await self._ask("clock")

    async def _ask(self, name: str, **values: object) -> list[Row]:
        assert self._connection is not None
        statement = sql.SQL(query("client", name)).format(**values)
        rows = await fetch(self._connection, statement, timeout=self._timeout_seconds)
        if rows and "at" in rows[0]:
            self._clock = (rows[0]["at"], time.monotonic())
        return rows

    def _server_time(self, moment: float) -> datetime:
        """What the server's clock said at a moment of the monotonic one."""
        assert self._clock is not None
        at, then = self._clock
        return at + timedelta(seconds=moment - then)

    async def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _is_known(parent: Record | None) -> bool:
    """Whether nothing more is to be learned of a parent's key."""
    return parent is None or parent.begun.done()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
