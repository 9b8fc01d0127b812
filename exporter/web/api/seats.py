"""The API's sessions: one a target at most, few in all, opened when somebody asks and closed when nobody does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from weakref import WeakKeyDictionary

from exporter.database import CONNECT_TIMEOUT_SECONDS, Connection
from exporter.target import Target
from exporter.web.api.problems import Problem

MOST_OPEN = 4
IDLE_SECONDS = 30.0
WAIT_SECONDS = 5.0
MOST_WAITING = 32  # for one target


class _Seat:
    """Whose turn it is at a target."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.waiting = 0
        self.leaves: asyncio.TimerHandle | None = None


class Seats:
    """Gives one after another the session of a target."""

    def __init__(self) -> None:
        self._seats: WeakKeyDictionary[Target, _Seat] = WeakKeyDictionary()
        self._room = asyncio.Semaphore(MOST_OPEN)
        self._busy = 0
        self._idle: dict[Target, None] = {}  # whose session is open and not used, the longest unused first

    @contextlib.asynccontextmanager
    async def session(self, target: Target) -> AsyncIterator[Connection]:
        """The target's session, for one at a time. Raises Problem where it takes too long, and TargetUnavailable."""
        seat = self._seats.setdefault(target, _Seat())
        if seat.waiting >= MOST_WAITING:
            raise Problem(503, "too many ask this target at once", retry_after=1)
        seat.waiting += 1
        async with contextlib.AsyncExitStack() as stack:
            busy = "others keep this target's session busy"
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await stack.enter_async_context(seat.turn)
                    busy = f"questions of {MOST_OPEN} other targets are being answered"
                    await stack.enter_async_context(self._room)
            except TimeoutError:
                raise Problem(503, busy, retry_after=1) from None
            finally:
                seat.waiting -= 1
            self._busy += 1
            try:
                self._idle.pop(target, None)
                self._make_room()
                async with contextlib.AsyncExitStack() as using:
                    try:
                        # of all sessions of the process none may be free, or the server be slow to open one
                        async with asyncio.timeout(WAIT_SECONDS + CONNECT_TIMEOUT_SECONDS):
                            session = await using.enter_async_context(target.answering.session())
                    except TimeoutError:
                        raise Problem(503, "no session with this target is to be had", retry_after=5) from None
                    yield session.connection
            finally:
                self._busy -= 1
                if target.answering.count:
                    self._keep(target, seat)

    def _make_room(self) -> None:
        while self._idle and self._busy + len(self._idle) > MOST_OPEN:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            oldest.answering.retire()

    def _keep(self, target: Target, seat: _Seat) -> None:
        """Leaves the session open for a while."""
        self._idle[target] = None
        if seat.leaves is not None:
            seat.leaves.cancel()
        seat.leaves = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._close, target)

    def _close(self, target: Target) -> None:
        if target in self._idle:
            del self._idle[target]
            target.answering.retire()
