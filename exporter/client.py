"""For applications: declares operations on a connection of its own, so that the record outlives the caller's rollback.

    tracker = Tracker("postgresql://app@db/shop")

    with tracker.operation("nightly-invoices", "BATCH", tenant="acme") as operation:
        cursor.execute("update ...")
        operation.affected_rows = cursor.rowcount

    @tracker.operation("import-customers", "LOAD")
    async def load() -> None: ...

An exception fails the operation with its text and, where it has one, its SQLSTATE, and goes on to the caller. What
tracking itself fails at never does, unless the tracker is strict. Delivery takes no time of the caller's: a thread of
its own delivers, at once or, after the database was away, in bulk; `counts` says what became of the operations.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from exporter.courier import Courier
from exporter.declared import Counts, Outcome, Record
from exporter.described import SQLSTATE, as_bounded, as_object, as_text, described, is_success, sqlstate_of
from exporter.dsn import Dsn, read_secret
from exporter.errors import ConfigurationError, OperationNotRecorded, ScriptTrackingError

P = ParamSpec("P")
R = TypeVar("R")

# the operation around, who delivers it, and in which process
_around: ContextVar[tuple[Courier, int, Record] | None] = ContextVar("script_tracking_operation", default=None)


class Tracker:
    """Declares operations of one database. Without `dsn` or `dsn_file` the environment's DATABASE_URL names it.

    At most `buffer_size` operations of `buffer_bytes` wait for a database that is away; further ones are dropped and
    counted. Running operations send heartbeats. With `strict` an operation waits for its record, at most
    `timeout_seconds`, and raises OperationNotRecorded without one. One tracker serves all threads and event loops, and
    the children of a fork.
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        dsn_file: str | Path | None = None,
        tenant: str | None = None,
        strict: bool = False,
        buffer_size: int = 1000,
        buffer_bytes: int = 16_000_000,
        heartbeat_seconds: float = 30.0,
        timeout_seconds: float = 5.0,
        application_name: str = "script-tracking-exporter client",
    ) -> None:
        self.tenant = tenant
        self.strict = strict
        self.timeout_seconds = timeout_seconds
        self._courier = Courier(
            functools.partial(_read_dsn, dsn, dsn_file),
            application_name=application_name,
            buffer_size=buffer_size,
            buffer_bytes=buffer_bytes,
            heartbeat_seconds=heartbeat_seconds,
            timeout_seconds=timeout_seconds,
        )

    def operation(
        self,
        name: str,
        script_type: str = "APPLICATION",
        *,
        tenant: str | None = None,
        metadata: Mapping[str, object] | None = None,
        sql_command: str | None = None,
    ) -> Operation:
        """An operation for `with`, `async with`, or as a decorator; inside another one it is that one's child."""
        return Operation(self, self._courier, name, script_type, tenant or self.tenant, metadata, sql_command)

    @property
    def counts(self) -> Counts:
        """What became of the operations so far."""
        return self._courier.counts

    @property
    def failing(self) -> str | None:
        """Why nothing can be delivered just now; None where that is not so."""
        return self._courier.failing

    def close(self, timeout_seconds: float | None = None) -> None:
        """Delivers what waits and ends; takes `timeout_seconds` at most. Is called by itself when the program ends."""
        self._courier.close(self.timeout_seconds if timeout_seconds is None else timeout_seconds)

    async def aclose(self, timeout_seconds: float | None = None) -> None:
        """close() for an event loop."""
        await asyncio.to_thread(self.close, timeout_seconds)

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Tracker:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Operation:
    """One operation. `affected_rows` and `metadata` may be set while it runs.

    Entered again while it runs, in itself or by another thread or task, it stays what it is, and another one like it
    begins, which `as` names.
    """

    def __init__(
        self,
        tracker: Tracker,
        courier: Courier,
        name: str,
        script_type: str,
        tenant: str | None,
        metadata: Mapping[str, object] | None,
        sql_command: str | None,
    ) -> None:
        self._tracker = tracker
        self._courier = courier
        self._begin_with = (name, script_type, tenant, as_object(metadata), sql_command)
        self._record: Record | None = None
        self._token: Token[tuple[Courier, int, Record] | None] | None = None
        self._failure: tuple[str, str | None] | None = None
        self._lock = threading.Lock()
        self._entries: list[tuple[object, Operation]] = []  # that run: by whom, and which operation it is
        self.affected_rows: int | None = None
        self.metadata: dict[str, object] = {}

    @property
    def key(self) -> bytes | None:
        """The operation's key in the record; None as long as it was not delivered."""
        return self._record.key if self._record is not None else None

    @property
    def problem(self) -> str | None:
        """Why it will not be recorded; None as long as it may be, or is."""
        future = self._record.ended if self._record is not None else None
        error = future.exception() if future is not None and future.done() else None
        return None if error is None else str(error)

    def fail(self, message: str, sqlstate: str | None = None) -> None:
        """Makes it a failure that raises nothing."""
        self._failure = (as_bounded(message), sqlstate)

    def __enter__(self) -> Operation:
        entered = self._enter()
        record = entered._begin()
        if self._tracker.strict:
            try:
                record.begun.result(self._tracker.timeout_seconds)
            except (TimeoutError, ScriptTrackingError) as error:
                self._give_up(entered)
                raise self._not_recorded(error) from None
            except BaseException:  # cancelled, or interrupted
                self._give_up(entered)
                raise
        return entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        record = self._exit(error)
        if record is not None and self._tracker.strict and error is None:
            try:
                record.ended.result(self._tracker.timeout_seconds)
            except (TimeoutError, ScriptTrackingError) as problem:
                raise self._not_recorded(problem) from None

    async def __aenter__(self) -> Operation:
        entered = self._enter()
        record = entered._begin()
        if self._tracker.strict:
            try:
                await self._wait(record.begun)
            except (TimeoutError, ScriptTrackingError) as error:
                self._give_up(entered)
                raise self._not_recorded(error) from None
            except BaseException:  # cancelled, or interrupted
                self._give_up(entered)
                raise
        return entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        record = self._exit(error)
        if record is not None and self._tracker.strict and error is None:
            try:
                await self._wait(record.ended)
            except (TimeoutError, ScriptTrackingError) as problem:
                raise self._not_recorded(problem) from None

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorates a function, sync or async: each call is an operation of its own."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("a generator cannot be an operation: use `with` around what it does")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def track_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                async with self._again():
                    return await function(*args, **kwargs)

            return cast(Callable[P, R], track_async)

        @functools.wraps(function)
        def track(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._again():
                return function(*args, **kwargs)

        return track

    def _again(self) -> Operation:
        return Operation(self._tracker, self._courier, *self._begin_with)

    def _enter(self) -> Operation:
        """What begins with this entry: itself or, while it runs, another one like it."""
        with self._lock:
            entered = self._again() if any(running is self for _, running in self._entries) else self
            self._entries.append((_here(), entered))
        return entered

    def _exit(self, error: BaseException | None) -> Record | None:
        """Ends the last entry of this thread and task or, where it was entered elsewhere, the last one."""
        here = _here()
        with self._lock:
            if not self._entries:
                return None  # it was never entered
            places = [place for place, (by, _) in enumerate(self._entries) if by == here]
            _, entered = self._entries.pop(places[-1] if places else -1)
        return entered._end(error)

    def _begin(self) -> Record:
        self._failure = None  # of an earlier run
        name, script_type, tenant, metadata, command = self._begin_with
        self._record = record = Record(
            as_text(name)[:1000] or "(unnamed)",
            as_text(script_type)[:63] or "(unnamed)",
            None if tenant is None else as_text(tenant),
            metadata,
            None if command is None else as_bounded(command),
            self._parent(),
        )
        self._courier.begin(record)
        self._token = _around.set((self._courier, self._courier.epoch, record))
        return record

    def _parent(self) -> Record | None:
        """The operation around, of the same tracker, if its key is known or still to be had in this process."""
        courier, epoch, record = _around.get() or (None, 0, None)
        if record is None or courier is not self._courier:
            return None
        return record if epoch == courier.epoch or record.key is not None else None

    def _end(self, error: BaseException | None) -> Record:
        assert self._record is not None
        self._leave()
        failure = self._failure if error is None or is_success(error) else (described(error), sqlstate_of(error))
        message, sqlstate = failure or (None, None)
        rows = self.affected_rows if isinstance(self.affected_rows, int) and 0 <= self.affected_rows < 2**63 else None
        outcome = Outcome(
            time.monotonic(),
            failure is None,
            message,
            sqlstate if isinstance(sqlstate, str) and SQLSTATE.fullmatch(sqlstate) else None,
            rows,
            as_object(self.metadata),
        )
        self._courier.end(self._record, outcome)
        return self._record

    async def _wait(self, future: Future[Any]) -> None:
        waiting = asyncio.wrap_future(future)
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to see it
        async with asyncio.timeout(self._tracker.timeout_seconds):
            await asyncio.shield(waiting)

    def _give_up(self, entered: Operation) -> None:
        """Nobody waits for the start of this entry any more, and its work will not be done."""
        with self._lock:
            self._entries = [entry for entry in self._entries if entry[1] is not entered]
        entered._leave()
        assert entered._record is not None
        self._courier.withdraw(entered._record)

    def _leave(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            with contextlib.suppress(ValueError):  # it was entered in another context
                _around.reset(token)

    def _not_recorded(self, error: BaseException) -> OperationNotRecorded:
        reason = str(error) or self._courier.failing or "no answer in time"
        return OperationNotRecorded(f"{self._begin_with[0]}: not recorded: {reason}")


def _here() -> object:
    """Who enters and leaves: the thread, and the task in it."""
    try:
        return threading.get_ident(), asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return threading.get_ident(), None


def _read_dsn(dsn: str | None, dsn_file: str | Path | None) -> Dsn:
    if dsn is None and dsn_file is None:
        dsn = os.environ.get("DATABASE_URL")
    text = read_secret(Path(dsn_file)) if dsn_file is not None else dsn
    if text is None:
        raise ConfigurationError("no database named: give dsn or dsn_file, or set DATABASE_URL")
    return Dsn(text)
