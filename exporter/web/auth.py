"""Basic authentication by bcrypt, one check at a time and beside the event loop."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.client import who_asks

WAITING = 32
WAITING_OF_A_CLIENT = 4
BCRYPT_BYTES = 72  # more of a password bcrypt does not look at

Users = Mapping[str, str]


class TooMany(Exception):
    """Too many passwords wait to be checked."""


def credentials(authorization: str) -> tuple[str, bytes] | None:
    """User and password of a header; None where it holds none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


class Passwords:
    """Checks passwords, and knows those that were right again. Keeps none of them, but a keyed hash."""

    def __init__(self, users: Callable[[], Users]) -> None:
        self._users = users
        self._key = secrets.token_bytes(32)
        self._right: dict[str, tuple[str, bytes]] = {}  # by user: the bcrypt hash, and our hash of the password
        self._turn = asyncio.Lock()
        self._waiting: Counter[str] = Counter()

    async def are_right(self, user: str, password: bytes, client: str) -> bool:
        """Whether the user has this password. One that nobody has takes the same time. Raises TooMany."""
        users = self._users()
        expected = users.get(user)
        digest = hmac.digest(self._key, password, "sha256")
        known = self._right.get(user)
        if known is not None and known[0] == expected and hmac.compare_digest(known[1], digest):
            return True
        if self._waiting[client] >= WAITING_OF_A_CLIENT or self._waiting.total() >= WAITING:
            raise TooMany
        self._waiting[client] += 1
        try:
            async with self._turn:
                right = await asyncio.to_thread(_matches, password, expected or self._stand_in(user, users))
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]
        if expected is None or not right:
            return False
        self._right = {name: value for name, value in self._right.items() if name in users}
        self._right[user] = (expected, digest)
        return True

    def _stand_in(self, user: str, users: Users) -> str:
        """Somebody's hash, for a user that does not exist: always the same one, so that neither time nor cost tells."""
        hashes = sorted(users.values())
        return hashes[int.from_bytes(hmac.digest(self._key, user.encode(), "sha256")[:8], "big") % len(hashes)]


def _matches(password: bytes, hashed: str) -> bool:
    import bcrypt  # only who has users needs it

    return bcrypt.checkpw(password[:BCRYPT_BYTES], hashed.encode())


class BasicAuth:
    """Lets only users in, where there are any: on every path."""

    def __init__(self, app: ASGIApp, users: Callable[[], Users]) -> None:
        self._app = app
        self._users = users
        self._passwords = Passwords(users)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it."""
        if self._users():
            given = credentials(Headers(scope=scope).get("authorization", ""))
            try:
                right = given is not None and await self._passwords.are_right(*given, who_asks(scope))
            except TooMany:
                await PlainTextResponse("Too Many Requests\n", 429, {"Retry-After": "1"})(scope, receive, send)
                return
            if not right:
                headers = {"WWW-Authenticate": 'Basic realm="script-tracking-exporter", charset="UTF-8"'}
                await PlainTextResponse("Unauthorized\n", 401, headers)(scope, receive, send)
                return
        await self._app(scope, receive, send)
