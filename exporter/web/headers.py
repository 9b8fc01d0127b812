"""Headers that every response carries, the one to a mistake of ours included."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEFAULTS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_DEFAULTS = tuple((name.lower().encode(), value.encode()) for name, value in DEFAULTS.items())


class ResponseHeaders:
    """Adds the defaults, which a response may have set otherwise; `configured()` overrides both, empty text removes."""

    def __init__(self, app: ASGIApp, configured: Callable[[], Mapping[str, str]] = dict) -> None:
        self._app = app
        self._configured = configured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and the response back with its headers; a mistake is answered, and goes on."""
        begun = False

        async def complete(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                told = message.get("headers", ())
                names = {name.lower() for name, _ in told}
                message["headers"] = [*told, *(pair for pair in _DEFAULTS if pair[0] not in names)]
                headers = MutableHeaders(scope=message)
                for name, value in self._configured().items():
                    if value:
                        headers[name] = value
                    else:
                        del headers[name]
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, complete)
        except Exception:
            if not begun:  # the server would answer without these headers
                # and it closes the connection, whoever answered
                await PlainTextResponse("Internal Server Error\n", 500, {"Connection": "close"})(
                    scope, receive, complete
                )
            raise
