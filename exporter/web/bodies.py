"""Refuses requests with a body that nobody here reads."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_BODY_BYTES = 65536


class BodyLimit:
    """Bodies are short and tell their length beforehand; after a refusal the connection is closed, the body unread."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it."""
        headers = Headers(scope=scope)
        refusal: PlainTextResponse | None = None
        if "transfer-encoding" in headers:
            refusal = PlainTextResponse("Length Required\n", 411, {"Connection": "close"})
        elif int(headers.get("content-length", "0")) > MAX_BODY_BYTES:  # h11 lets nothing but digits through
            refusal = PlainTextResponse("Content Too Large\n", 413, {"Connection": "close"})
        await (refusal or self._app)(scope, receive, send)
