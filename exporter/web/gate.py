"""The way to the API: by a token and by nothing else. What answers behind it is loaded when somebody with one comes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.logs import get_logger
from exporter.web.bodies import BodyLimit
from exporter.web.tally import Tally

if TYPE_CHECKING:
    from exporter.apiconfig import ApiToken
    from exporter.watch import Watch

log = get_logger("api")

PREFIX = "/api/v1"
MOST_CHARACTERS = 4096
MOST_AT_ONCE = 8  # requests of a token: an answer that is being read slowly is kept in memory


class Gate:
    """Passes what is below /api/v1 to the API where there are tokens, all else to another application."""

    def __init__(
        self,
        otherwise: ASGIApp,
        tokens: Callable[[], Sequence[ApiToken]],
        watches: Callable[[], Sequence[Watch]],
        tally: Tally,
    ) -> None:
        self._otherwise = otherwise
        self._tokens = tokens
        self._watches = watches
        self._tally = tally
        self._api: ASGIApp | None = None
        self._building = asyncio.Lock()
        self._answering: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it."""
        path, tokens = scope.get("path", ""), self._tokens()
        if not tokens or not (path == PREFIX or path.startswith(f"{PREFIX}/")):
            await self._otherwise(scope, receive, send)
            return
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer"
        token = _matching(tokens, given.strip()) if bearer else None
        if token is None:
            self._tally.note(None, 401, 0.0)
            await _unauthorized(bearer)(scope, receive, send)
            return
        if self._answering[token.name] >= MOST_AT_ONCE:
            detail = f"{MOST_AT_ONCE} requests of this token are being answered"
            self._tally.note(None, 429, 0.0)
            await _refusal(429, detail, {"Retry-After": "1"})(scope, receive, send)
            return
        self._answering[token.name] += 1
        try:
            await self._answer(token, path, scope, receive, send)
        finally:
            self._answering[token.name] -= 1

    async def _answer(self, token: ApiToken, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        api = self._api or await self._built()
        # a HEAD is answered as a GET is; the server keeps the body back
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        status, began = 0, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        # FastAPI notes in it which route it takes
        asked: Scope = {**scope, "method": method, "exporter.token": token}
        try:
            await api(asked, receive, noting)
        finally:
            self._tally.note(getattr(asked.get("route"), "path", None), status or 500, time.perf_counter() - began)
            log.info("api_request", token=token.name, method=scope["method"], path=path[:200], status=status)

    async def _built(self) -> ASGIApp:
        async with self._building:
            if self._api is None:
                # beside the event loop, as it takes as long as some scrapes
                self._api = await asyncio.to_thread(_build, self._watches)
        return self._api


def _build(watches: Callable[[], Sequence[Watch]]) -> ASGIApp:
    from exporter.web.api.routes import build

    return BodyLimit(build(watches))


def _matching(tokens: Sequence[ApiToken], given: str) -> ApiToken | None:
    """Whose token it is; all are looked at, whichever it is."""
    digest = hashlib.sha256(given[:MOST_CHARACTERS].encode("utf-8", "replace")).digest()
    found = None
    for token in tokens:
        if hmac.compare_digest(token.sha256, digest):
            found = token
    return found


def _unauthorized(given: bool) -> Response:
    challenge = 'Bearer realm="script-tracking-exporter"' + (', error="invalid_token"' if given else "")
    detail = "a token of the API is needed: Authorization: Bearer TOKEN"
    return _refusal(401, detail, {"WWW-Authenticate": challenge})


def _refusal(status: int, detail: str, headers: dict[str, str]) -> Response:
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(json.dumps(content), status, headers, "application/problem+json")
