"""Carries operations to the database from a thread of its own: at once, or in bulk when the database is back."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import logging
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from exporter.backlog import Backlog
from exporter.declared import Counts, Outcome, Record
from exporter.dsn import Dsn
from exporter.errors import QueryFailed
from exporter.recorder import Recorder
from exporter.schedule import BackOff

log = logging.getLogger("script_tracking")

BATCH = 500
RECORDS_OWN_FAULT = ("ST", "22", "23", "54")  # SQLSTATE classes that say that a record will be refused again
IN_DELIVERY = "23505"  # an earlier delivery, given up too soon, has written it meanwhile: the next one finds it so
TOOK_TOO_LONG = "57014"
MOST_TRIES = 5  # of a record that fails alone of one of these two
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
        self._new_recorder: Callable[[], Recorder] = functools.partial(
            Recorder, read_dsn, application_name=application_name, timeout_seconds=timeout_seconds
        )
        self._new_backlog: Callable[[], Backlog] = functools.partial(Backlog, buffer_size, buffer_bytes)
        self._heartbeat_seconds = heartbeat_seconds
        self._timeout_seconds = timeout_seconds
        self.epoch = 0  # how many forks lie behind
        self._start()
        in_child = weakref.WeakMethod(self._start_anew)
        os.register_at_fork(after_in_child=lambda: start() if (start := in_child()) is not None else None)

    def _start(self) -> None:
        """Nothing taken, nothing open."""
        self._recorder = self._new_recorder()
        self._backlog = self._new_backlog()
        self._loop: _Loop | None = None
        self._thread: threading.Thread | None = None
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._failing: str | None = None
        self._beat_at = 0.0  # when running operations are told to live, by the monotonic clock
        self._most = BATCH  # records at a time: fewer while the database is too slow for so many
        self._back_off = BackOff(first=0.25, longest=30.0)

    def _start_anew(self) -> None:
        """Begins again in the child of a fork: what was taken before is the parent's to deliver."""
        _inherited.extend((self._recorder, self._loop))
        self.epoch += 1
        self._start()

    @property
    def counts(self) -> Counts:
        """What became of the operations so far."""
        return self._backlog.counts

    @property
    def failing(self) -> str | None:
        """Why nothing can be delivered, None where that is not so."""
        return self._failing

    def begin(self, record: Record) -> None:
        """Takes a record that begins; drops it where the buffer is full."""
        if self._backlog.begin(record, self._has_thread):
            self._call(self._wake)

    def end(self, record: Record, outcome: Outcome) -> None:
        """Takes the outcome of a record that was begun."""
        if self._backlog.end(record, outcome):
            self._call(self._wake)

    def withdraw(self, record: Record) -> None:
        """Gives a record up that was begun in vain."""
        self._backlog.withdraw(record)

    def close(self, timeout_seconds: float) -> None:
        """Delivers what waits, for so long at the most, and ends the thread."""
        atexit.unregister(self._close_at_exit)
        thread = self._thread
        if thread is not None and thread.is_alive():
            self._call(self._closing)
            self._call(self._wake)
            thread.join(timeout_seconds)
        self._backlog.close(self._failing or "no time was left")

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
        self._beat_at = time.monotonic() + self._heartbeat_seconds
        while True:
            closing = self._closing.is_set()
            try:
                self._wake.clear()
                while await self._deliver():
                    pass
            except Exception as error:  # whatever it is: the thread goes on, and the caller never sees it
                reason = str(error) or repr(error)
                if self._failing != reason:
                    log.warning("tracking_unavailable: %s", reason)
                self._failing = reason
                await self._recorder.close()
                if closing:
                    return
                await _wait(self._closing, self._back_off.next())  # not for the next record, which would fail as well
                continue
            self._failing = None
            self._back_off.reset()
            if closing:
                await self._recorder.close()
                return
            await _wait(self._wake, max(self._beat_at - time.monotonic(), 0.01))

    async def _deliver(self) -> bool:
        """Takes a turn of each kind, as none may wait for a time without the others; whether there was any to take."""
        begin = self._backlog.to_begin(self._most)
        if begin:
            await self._parts(begin, self._begin)
        end = self._backlog.to_end(self._most)
        if end:
            await self._parts(end, self._end)
        if time.monotonic() >= self._beat_at:
            await self._beat()
            self._beat_at = time.monotonic() + self._heartbeat_seconds
        return bool(begin or end)

    async def _parts(self, records: list[Record], deliver: Callable[[list[Record]], Any]) -> None:
        """Delivers records together or, where one of them is refused, in halves, until that one is found."""
        try:
            await deliver(records)
        except Exception as error:
            if isinstance(error, QueryFailed) and error.sqlstate == TOOK_TOO_LONG:
                self._most = max(len(records) // 2, 1)
            if not self._is_their_own_fault(records, error):
                raise
            if len(records) > 1:
                middle = len(records) // 2
                await self._parts(records[:middle], deliver)
                await self._parts(records[middle:], deliver)
                return
            (record,) = records
            log.warning("operation_refused: %s: %s", record.name, error)
            self._backlog.refused(record, str(error))
        else:
            self._most = min(self._most + self._most // 4 + 1, BATCH)
            self._back_off.reset()

    def _is_their_own_fault(self, records: list[Record], error: Exception) -> bool:
        """Whether it would fail again, by what one of the records is, and hold up all others each time."""
        if not isinstance(error, QueryFailed):
            return False
        if error.sqlstate in (TOOK_TOO_LONG, IN_DELIVERY) and len(records) == 1:
            return self._backlog.postpone(records[0]) >= MOST_TRIES
        return (error.sqlstate or "")[:2] in RECORDS_OWN_FAULT

    async def _begin(self, records: list[Record]) -> None:
        withdrawn = self._backlog.begun(records, await self._recorder.begin(records))
        if withdrawn:
            await self._recorder.end_withdrawn(withdrawn)

    async def _end(self, records: list[Record]) -> None:
        repeated = {record for record in records if record.end_sent}
        for record, done in zip(records, await self._recorder.end(records), strict=True):
            if done or record in repeated:  # an answer that was lost is no refusal
                self._backlog.delivered(record)
            else:
                self._backlog.refused(record, "it had ended already, as interrupted or by somebody else")

    async def _beat(self) -> None:
        keys = self._backlog.running()
        if keys:
            await self._recorder.beat(keys)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
