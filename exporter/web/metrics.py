"""What answers `/metrics`, by itself: nearly all requests are for it, and need nothing else of the application."""

from __future__ import annotations

from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.exposition import Exposition
from exporter.web.negotiation import OPENMETRICS, TEXT, accepts_gzip, wants_openmetrics

PATH = "/metrics"
METHODS = ("GET", "HEAD")
KNOWN_CHARACTERS = 1024  # of what a client accepts, which it says again with each request


class Metrics:
    """Answers GET and HEAD."""

    def __init__(self, exposition: Exposition) -> None:
        self._exposition = exposition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the text part by part: what a socket does not take at once is copied, and copied again."""
        accept, encoding = _told(scope, b"accept"), _told(scope, b"accept-encoding")
        openmetrics, may_pack = (
            _wanted(accept, encoding)
            if len(accept + encoding) <= KNOWN_CHARACTERS
            else (wants_openmetrics(accept), accepts_gzip(encoding))
        )
        parts, packed = await self._exposition.body(openmetrics=openmetrics, may_pack=may_pack)
        headers = [
            (b"content-length", str(sum(map(len, parts))).encode()),
            (b"content-type", (OPENMETRICS if openmetrics else TEXT).encode()),
            (b"vary", b"Accept, Accept-Encoding"),
        ]
        if packed:
            headers.append((b"content-encoding", b"gzip"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] != "HEAD":
            for part in parts[:-1]:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": parts[-1] if parts else b""})


class MetricsFirst:
    """Has what answers /metrics asked before another application."""

    def __init__(self, metrics: Metrics, otherwise: ASGIApp) -> None:
        self._metrics = metrics
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        asked = scope["type"] == "http" and scope["path"] == PATH and scope["method"] in METHODS
        await (self._metrics if asked else self._otherwise)(scope, receive, send)


def _told(scope: Scope, name: bytes) -> str:
    return ", ".join([value.decode("latin-1") for key, value in scope["headers"] if key == name])


@lru_cache(maxsize=64)
def _wanted(accept: str, encoding: str) -> tuple[bool, bool]:
    """Whether OpenMetrics is wanted, and whether it may be compressed."""
    return wants_openmetrics(accept), accepts_gzip(encoding)
