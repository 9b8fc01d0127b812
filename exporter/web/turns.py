"""Work in small portions, so that no client keeps the event loop from another for long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.client import who_asks
from exporter.web.connection import VISITOR

Work = Callable[[], None]
Item = TypeVar("Item")

REQUESTS = 2  # that are begun in one turn of the event loop
REQUEST_SECONDS = 0.002  # between two, of those who ask without end
REQUESTS_AT_ONCE = 16  # after a pause
LATE_TIMES = 2.0  # so that as much of the time is left to others as is taken
LATE_SECONDS = 0.1  # at most
KEPT_SECONDS = 1.0  # since its last request: who keeps a connection and asks seldom goes first of its address
REMEMBERED = 1024  # clients of whom is known when they had their last turn
RECENT = 64  # works of which is known whose they were
SELDOM = 8  # who brought less than that part of these waits for nobody's pace


class Line(Generic[Item]):
    """What waits, by client; next is who had the last turn longest ago: who asks seldom waits for nobody."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Item]] = {}
        self._turns: dict[str, int] = {}  # number of the last one by client, in their order
        self._number = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, client: str, item: Item) -> None:
        """Puts a client's item behind its others."""
        self._waiting.setdefault(client, deque()).append(item)

    def add_first(self, client: str, item: Item) -> None:
        """Puts a client's item before its others."""
        self._waiting.setdefault(client, deque()).appendleft(item)

    def next(self) -> tuple[str, Item]:
        """Takes an item out, which has its turn now, and tells whose it is."""
        client = min(self._waiting, key=lambda waiting: self._turns.get(waiting, 0))
        items = self._waiting[client]
        item = items.popleft()
        if not items:
            del self._waiting[client]
        self.served(client)
        return client, item

    def forget(self, client: str, item: Item) -> None:
        """Takes an item out without a turn; it may have had its turn already."""
        items = self._waiting.get(client, ())
        if item in items:
            self._waiting[client].remove(item)
            if not items:
                del self._waiting[client]

    def served(self, client: str) -> None:
        """Notes that a client has a turn."""
        self._number += 1
        self._turns.pop(client, None)
        self._turns[client] = self._number
        if len(self._turns) > REMEMBERED:
            del self._turns[next(iter(self._turns))]


class Turns:
    """Does so much in each turn of the event loop."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._left = budget
        self._line = Line[tuple[int, Work]]()
        self._counting = False

    def call(self, client: str, work: Work, cost: int = 1) -> None:
        """Does the work at once where there is budget left, else in one of the next turns."""
        if not self._counting:
            self._counting = True
            self._left = self._budget
            asyncio.get_running_loop().call_soon(self._next)
        if self._left > 0 and not self._line:
            self._left -= cost
            self._line.served(client)
            work()
        else:
            self._line.add(client, (cost, work))

    def forget(self, client: str, work: Work, cost: int = 1) -> None:
        """Does not do what it was called with, where it has not been done."""
        self._line.forget(client, (cost, work))

    def _next(self) -> None:
        self._left = self._budget
        try:
            while self._left > 0 and self._line:
                _, (cost, work) = self._line.next()
                self._left -= cost
                work()
        finally:  # what fails, fails alone
            self._counting = bool(self._line) or self._left < self._budget
            if self._counting:
                asyncio.get_running_loop().call_soon(self._next)


class Pace:
    """Begins works so many seconds apart, after a pause so many at once. Where the event loop does not keep up the next
    one waits longer, by so many times what it was late.

    Who comes seldom among those who come without end is not held to their pace; those who do so together, from however
    many addresses, have one of their own.
    """

    def __init__(self, seconds: float, at_once: int, late_times: float = LATE_TIMES) -> None:
        self._seconds = seconds
        self._late_times = late_times
        self._ahead = (at_once - 1) * seconds
        self._due = 0.0  # of the next one, if none were ever early
        self._seldom_due = 0.0  # the same of those who come seldom
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._line = Line[Work]()
        self._timer: asyncio.TimerHandle | None = None

    def call(self, client: str, work: Work, *, first: bool = False) -> None:
        """Does the work once it may begin, `first` of the client's."""
        now = asyncio.get_running_loop().time()
        waits = self._timer is not None or self._due - self._ahead > now
        if waits and self._seldom_due - self._ahead <= now and self._comes_seldom(client):
            self._seldom_due = max(self._seldom_due, now) + self._seconds
            self._line.served(client)
            self._recent.append(client)
            work()
            return
        (self._line.add_first if first else self._line.add)(client, work)
        if self._timer is None:
            self._begin()

    def _comes_seldom(self, client: str) -> bool:
        return self._recent.count(client) * SELDOM < len(self._recent)

    def forget(self, client: str, work: Work) -> None:
        """Does not begin what has not begun: it keeps nobody waiting."""
        self._line.forget(client, work)

    def _begin(self) -> None:
        loop, late = asyncio.get_running_loop(), 0.0
        if self._timer is not None:
            late = loop.time() - self._timer.when()
            self._due = max(self._due, loop.time() + self._ahead)  # turns that were missed are not made up for
            self._timer = None
        try:
            while self._line and self._due - self._ahead <= loop.time():
                self._due = max(self._due, loop.time()) + self._seconds
                client, work = self._line.next()
                self._recent.append(client)
                work()
        finally:  # what fails, fails alone
            self._due += min(late * self._late_times, LATE_SECONDS)
            if self._line:
                self._timer = loop.call_at(self._due - self._ahead, self._begin)


class InTurn:
    """Begins requests in turn, and no more of them than leave time to others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._pace = Pace(REQUEST_SECONDS, REQUESTS_AT_ONCE, late_times=0.0)
        self._turns = Turns(REQUESTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, once it has its turn; never where its client goes before that."""
        begun = asyncio.get_running_loop().create_future()
        client, visitor = who_asks(scope), scope.get("state", {}).get(VISITOR)
        if visitor is not None and visitor.gone:
            return

        def begin() -> None:
            if not begun.done():
                begun.set_result(True)

        def turn() -> None:
            self._turns.call(client, begin)

        def withdraw() -> None:
            self._pace.forget(client, turn)
            self._turns.forget(client, begin)
            if not begun.done():
                begun.set_result(False)

        now = asyncio.get_running_loop().time()
        asked_at = None if visitor is None else visitor.asked_at
        self._pace.call(client, turn, first=asked_at is not None and now - asked_at >= KEPT_SECONDS)
        if visitor is not None:
            visitor.asked_at = now
        if not begun.done():
            if visitor is not None:
                visitor.withdraw = withdraw
            if not await begun:
                return
            if visitor is not None:
                visitor.withdraw = None
        await self._app(scope, receive, send)
