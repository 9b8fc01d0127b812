"""Limits requests to so many in a time, whoever makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.schedule import monotonic

if TYPE_CHECKING:
    from exporter.web.webfile import RateLimit


class RateLimited:
    """A token bucket before an application; a limit that changes begins full."""

    def __init__(self, app: ASGIApp, limit: Callable[[], RateLimit | None]) -> None:
        self._app = app
        self._limit = limit
        self._known: RateLimit | None = None
        self._tokens = 0.0
        self._filled = 0.0

    def _allows(self) -> bool:
        limit, now = self._limit(), monotonic()
        if limit is None or not limit.interval:
            return True
        if limit != self._known:
            self._known, self._tokens, self._filled = limit, float(limit.burst), now
        self._tokens = min(self._tokens + (now - self._filled) / limit.interval, float(limit.burst))
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it."""
        refusal = None if self._allows() else PlainTextResponse("Too Many Requests\n", 429, {"Retry-After": "1"})
        await (refusal or self._app)(scope, receive, send)
