"""A door that lets a few in at a time, first come, first served: sessions are opened behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

YIELDING_SECONDS = 0.5  # who takes longer holds nobody up any more


class Door:
    """Lets so many in."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0
        self._waiting: dict[asyncio.Future[None], None] = {}

    def let_in(self, most: int) -> None:
        """Lets so many in from now on."""
        self._most = most
        self._let_in()

    @contextlib.asynccontextmanager
    async def through(self) -> AsyncIterator[None]:
        """Waits to be let in. Who takes long, as with a server that is silent, does not hold up those behind."""
        if self._inside >= self._most:
            turn = asyncio.get_running_loop().create_future()
            self._waiting[turn] = None
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._leave()
                self._waiting.pop(turn, None)
                raise
        else:
            self._inside += 1
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self._leave()

        timer = asyncio.get_running_loop().call_later(YIELDING_SECONDS, leave)
        try:
            yield
        finally:
            timer.cancel()
            leave()

    def _leave(self) -> None:
        self._inside -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._inside < self._most:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            if not turn.done():
                self._inside += 1
                turn.set_result(None)
