"""Sessions with one watched database: two at most, which all that works on it takes in turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from exporter.database import connect, drop, is_at_rest
from exporter.errors import ConfigurationError, TargetUnavailable
from exporter.knock import knock
from exporter.schedule import monotonic
from exporter.sessions import Session, Sessions, Waiter
from exporter.targetconfig import TargetConfig

APPLICATION = "script-tracking-exporter"
OF_A_DATABASE = 2
IDLE_SECONDS = 60.0  # after so long without work the second session of a database is closed


async def nothing() -> None:
    """What most do while they wait."""


class TargetSessions:
    """The sessions with one database, which all that works on it takes in turn, for a statement or a transaction."""

    def __init__(
        self,
        config: TargetConfig,
        house: Sessions,
        *,
        most: int = OF_A_DATABASE,
        read_only: bool = False,
        legible: bool = False,
        name: str = APPLICATION,
        on_break: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._read_only = read_only
        self._legible = legible
        self._name = name
        self._on_break = on_break
        self.most = most
        self._house = house
        self.waiters: dict[Waiter, None] = {}  # in the order in which they came
        self._idle: list[Session] = []  # the last used one last
        self._used: set[Session] = set()
        self._ended = False
        self.count = 0  # open or being opened
        self.era = 0  # another one where the server, or the role, may not be the same any more

    def renew(self, config: TargetConfig) -> None:
        """Opens the next sessions by these credentials; no statement is broken off."""
        self._config = config
        self.era += 1
        self.retire()

    def retire(self) -> None:
        """Closes the sessions as soon as they are not used."""
        for session in list(self._idle):
            self.close_idle(session)
        for session in self._used:
            session.is_retired = True

    @contextlib.asynccontextmanager
    async def session(self, on_wait: Callable[[], Awaitable[None]] = nothing) -> AsyncIterator[Session]:
        """A session for this one's use. It is closed afterwards where it broke, or where what was done in it failed
        otherwise than by an error of the server's. `on_wait` is called now and then while none is free; what it raises
        ends the wait.

        Raises TargetUnavailable.
        """
        session = await self._get(on_wait)
        self._used.add(session)
        try:
            yield session
        except asyncio.CancelledError:
            session.is_retired = True
            raise
        except TargetUnavailable:
            session.is_retired = True
            self.era += 1
            self._on_break()
            for other in list(self._idle):  # whatever broke this one may have broken that
                self.close_idle(other)
            raise
        finally:
            self._used.discard(session)
            session.is_retired = session.is_retired or not is_at_rest(session.connection)
            session.used_at = monotonic()
            self.give_back(session)

    async def knock(self, timeout: float) -> None:
        """Asks the server behind a session that is in use for an answer beside it; without one there is nobody to ask.

        Raises TargetUnavailable.
        """
        at = next((session.connection for session in self._used if not session.connection.closed), None)
        if at is not None:
            await knock(at.info.hostaddr or at.info.host, at.info.port, timeout=timeout)

    async def _get(self, on_wait: Callable[[], Awaitable[None]]) -> Session:
        if self._ended:
            raise TargetUnavailable("it is not watched any more")
        while True:
            session = await self._house.turn(self, on_wait)
            if session is None:
                return await self._open()
            if not session.connection.closed:
                return session
            session.is_retired = True
            self.give_back(session)

    async def _open(self) -> Session:
        connection = None
        self.era += self.count == 1  # a while without any
        try:
            async with self._house.door.through():
                dsn = self._config.current_dsn()
                connection = await connect(
                    dsn, application_name=self._name, read_only=self._read_only, legible=self._legible
                )
        except ConfigurationError as error:
            raise TargetUnavailable(str(error)) from None
        finally:
            if connection is None:
                self._closed()
        self._house.opened += 1
        session = Session(connection)
        if self._ended:
            drop(connection)
            self._closed()
            raise TargetUnavailable("it is not watched any more")
        return session

    @property
    def longest_idle(self) -> Session | None:
        """The idle session that has not been used for longest."""
        return self._idle[0] if self._idle else None

    def take(self) -> Session | None:
        """The idle session that was used last."""
        if not self._idle:
            return None
        session = self._idle.pop()
        self._house.works(session, self)
        return session

    def give_back(self, session: Session | None) -> None:
        """Takes what is not needed any more: a session, or leave to open one."""
        if session is None:
            self._closed()
        elif session.is_retired or self._ended or session.connection.closed:
            drop(session.connection)
            self._closed()
        else:
            self._idle.append(session)
            self._house.idles(session, self)
            self._close_unused()

    def _close_unused(self) -> None:
        if len(self._idle) > 1 and monotonic() - self._idle[0].used_at > IDLE_SECONDS:
            self.close_idle(self._idle[0])

    def close_idle(self, session: Session) -> None:
        """Closes a session that is not used."""
        self._idle.remove(session)
        self._house.works(session, self)
        drop(session.connection)
        self._closed()

    def _closed(self) -> None:
        self.count -= 1
        self._house.closed(self)

    def end(self) -> None:
        """Closes all for good, in use or not."""
        self._ended = True
        for session in list(self._idle):
            self.close_idle(session)
        for session in self._used:
            drop(session.connection)  # whoever uses it gives it back
