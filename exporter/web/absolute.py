"""Requests whose target is a whole address, as a proxy is asked: a server has to take them too (RFC 9112, 3.2.2)."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

SCHEMES = (b"http", b"https")


class OriginForm:
    """Passes each request on with its path alone; the address's host takes the place of the header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] == "http" and not scope["path"].startswith("/"):
            scope = _short(scope)
        await self._app(scope, receive, send)


def _short(scope: Scope) -> Scope:
    """A request without scheme and authority; as it was where its target is of another form, or names no host."""
    scheme, colon, rest = scope.get("raw_path", b"").partition(b"://")
    authority, slash, path = rest.partition(b"/")
    host = authority.rpartition(b"@")[2]  # never who asks, or the password
    if not colon or scheme.lower() not in SCHEMES or not host:
        return scope
    path = slash + path or b"/"
    headers = [(b"host", host), *(pair for pair in scope["headers"] if pair[0] != b"host")]
    return {**scope, "path": unquote(path.decode("ascii")), "raw_path": path, "headers": headers}
