"""One operation of an application: what it is, who entered it, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from exporter.courier import Courier
from exporter.declared import Outcome, Record
from exporter.described import SQLSTATE, as_bounded, as_object, as_text, described, is_success, sqlstate_of
from exporter.errors import OperationNotRecorded, ScriptTrackingError
from exporter.stepwise import stepwise, stepwise_async

P = ParamSpec("P")
R = TypeVar("R")

# the operation around, who delivers it, and in which process
_around: ContextVar[tuple[Courier, int, Record] | None] = ContextVar("script_tracking_operation", default=None)


class Waiting(Protocol):
    """What a tracker says of waiting for the record."""

    strict: bool
    timeout_seconds: float


class Operation:
    """One operation. `affected_rows` and `metadata` may be set while it runs.

    Entered again while it runs, in itself or by another thread or task, it stays what it is, and another one like it
    begins, which `as` names.
    """

    def __init__(
        self,
        tracker: Waiting,
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
            with self._or_given_up(entered):
                record.begun.result(self._tracker.timeout_seconds)
        return entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        record = self._exit(error)
        if record is not None and self._tracker.strict and error is None:
            with self._or_not_recorded():
                record.ended.result(self._tracker.timeout_seconds)

    async def __aenter__(self) -> Operation:
        entered = self._enter()
        record = entered._begin()
        if self._tracker.strict:
            with self._or_given_up(entered):
                await self._wait(record.begun)
        return entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        record = self._exit(error)
        if record is not None and self._tracker.strict and error is None:
            with self._or_not_recorded():
                await self._wait(record.ended)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorates a function, sync or async, a generator as well: each call is an operation of its own."""
        if inspect.isgeneratorfunction(function):
            return cast(Callable[P, R], stepwise(self._again, function))
        if inspect.isasyncgenfunction(function):
            return cast(Callable[P, R], stepwise_async(self._again, function))
        if _is_asynchronous(function):

            @functools.wraps(function)
            async def track_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                async with self._again():
                    return await cast(Callable[P, Awaitable[Any]], function)(*args, **kwargs)

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
        self.join()
        return record

    def join(self) -> None:
        """What begins from here on, in this context, is part of it."""
        assert self._record is not None
        self._token = _around.set((self._courier, self._courier.epoch, self._record))

    def _parent(self) -> Record | None:
        """The operation around, of the same tracker, if its key is known or still to be had in this process."""
        courier, epoch, record = _around.get() or (None, 0, None)
        if record is None or courier is not self._courier:
            return None
        return record if epoch == courier.epoch or record.key is not None else None

    def _end(self, error: BaseException | None) -> Record:
        assert self._record is not None
        self.leave()
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

    @contextlib.contextmanager
    def _or_not_recorded(self) -> Iterator[None]:
        """Raises OperationNotRecorded where what is waited for does not come."""
        try:
            yield
        except (TimeoutError, ScriptTrackingError) as error:
            reason = str(error) or self._courier.failing or "no answer in time"
            raise OperationNotRecorded(f"{self._begin_with[0]}: not recorded: {reason}") from None

    @contextlib.contextmanager
    def _or_given_up(self, entered: Operation) -> Iterator[None]:
        """The same of the start of an entry, which is given up then, also where the wait is cancelled."""
        try:
            with self._or_not_recorded():
                yield
        except BaseException:
            self._give_up(entered)
            raise

    def _give_up(self, entered: Operation) -> None:
        """Nobody waits for the start of this entry any more, and its work will not be done."""
        with self._lock:
            self._entries = [entry for entry in self._entries if entry[1] is not entered]
        entered.leave()
        assert entered._record is not None
        self._courier.withdraw(entered._record)

    def leave(self) -> None:
        """Nothing that begins from here on is part of it."""
        token, self._token = self._token, None
        if token is not None:
            with contextlib.suppress(ValueError):  # it was entered in another context
                _around.reset(token)


def _is_asynchronous(function: object) -> bool:
    """Whether it is an asynchronous function, or an object whose call is one."""
    call = getattr(type(function), "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _here() -> object:
    """Who enters and leaves: the thread, and the task in it."""
    try:
        return threading.get_ident(), asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return threading.get_ident(), None
