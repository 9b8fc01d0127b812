"""Work in small portions, so that no client keeps the event loop from another for long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

Work = Callable[[], None]

REQUESTS = 2  # that are begun in one turn of the event loop


class Turns:
    """Does so much in each turn of the event loop; of what has to wait, the clients' work in turn."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._left = budget
        self._waiting: dict[str, deque[tuple[int, Work]]] = {}
        self._counting = False

    def call(self, client: str, work: Work, cost: int = 1) -> None:
        """Does the work at once where there is budget left, else in one of the next turns."""
        if not self._counting:
            self._counting = True
            self._left = self._budget
            asyncio.get_running_loop().call_soon(self._next)
        if self._left > 0 and not self._waiting:
            self._left -= cost
            work()
        else:
            self._waiting.setdefault(client, deque()).append((cost, work))

    def _next(self) -> None:
        self._left = self._budget
        while self._left > 0 and self._waiting:
            client, works = next(iter(self._waiting.items()))
            cost, work = works.popleft()
            del self._waiting[client]
            if works:
                self._waiting[client] = works  # behind the others
            self._left -= cost
            work()
        self._counting = bool(self._waiting) or self._left < self._budget
        if self._counting:
            asyncio.get_running_loop().call_soon(self._next)


class InTurn:
    """Begins requests in turn."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._turns = Turns(REQUESTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, once it has its turn."""
        begun = asyncio.get_running_loop().create_future()
        client = scope.get("client")
        self._turns.call(client[0] if client else "", lambda: None if begun.done() else begun.set_result(None))
        if not begun.done():
            await begun
        await self._app(scope, receive, send)
