"""Sessions with the watched databases: two a database at most, so many in all, opened a few at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from exporter.database import Connection, connect, drop, is_at_rest
from exporter.door import Door
from exporter.errors import ConfigurationError, TargetUnavailable
from exporter.knock import knock
from exporter.schedule import monotonic
from exporter.targetconfig import TargetConfig

APPLICATION = "script-tracking-exporter"
OF_A_DATABASE = 2
IDLE_SECONDS = 60.0  # after so long without work the second session of a database is closed
PATIENCE_SECONDS = 0.25  # for the only session of a database, before it is given a second one
REST_SECONDS = 5.0  # after so long without work one is closed for a second one: else all of a busy server's come and go
NEWS_SECONDS = 5.0  # who waits is asked that often what to do meanwhile; then even an only one of another is closed


async def nothing() -> None:
    """What most do while they wait."""


@dataclass(eq=False)
class Session:
    """An open connection, and what whoever worked in it wants to know of it; in use by one at a time."""

    connection: Connection
    notes: set[str] = field(default_factory=set)
    used_at: float = 0.0
    is_retired: bool = False  # to be closed after use


@dataclass(eq=False)
class _Waiter:
    sessions: TargetSessions
    turn: asyncio.Future[Session | None]  # an open session, or leave to open one
    may_have_second: bool = False
    may_have_others: bool = False  # others' only ones


class Sessions:
    """All sessions of the process. First come, first served: where there are too many, what others do not use is closed
    for who waits, second sessions before only ones, the longest unused first.

    A session takes the server tens of megabytes and plans everything anew, so a second one is opened only where the
    first was waited for a moment, and in the place of another database's only one after some seconds.
    """

    def __init__(self, limit: int = 1000, connecting: int = 20) -> None:
        self.limit = limit
        self.open = 0  # those included that are being opened
        self.opened = 0
        self.waits = 0
        self.waited_seconds = 0.0
        self.door = Door(connecting)
        self._idle: dict[Session, TargetSessions] = {}  # in the order of their last use
        self._waiters: dict[_Waiter, None] = {}  # in the order in which they came
        self._serving = False

    def limit_to(self, limit: int, connecting: int) -> None:
        """Goes by other limits; what is open beyond them is closed when it is not used."""
        self.limit = limit
        self._shed()
        self._serve()
        self.door.let_in(connecting)

    def _shed(self) -> None:
        """Closes what is open beyond the limit and not used."""
        while self.open > self.limit and self._idle:
            self._close_idle(self._second_idle() or next(iter(self._idle)))

    @property
    def waiting(self) -> int:
        """How many wait for a session now."""
        return len(self._waiters)

    async def turn(self, sessions: TargetSessions, on_wait: Callable[[], Awaitable[None]]) -> Session | None:
        """An open session of the target, or None and leave to open one, once it can be had.

        Raises what `on_wait` raises.
        """
        waiter = _Waiter(sessions, asyncio.get_running_loop().create_future())
        self._waiters[waiter] = None
        self._serve()
        if waiter.turn.done():
            return waiter.turn.result()
        is_told = sessions.count in (0, sessions.most)  # else it may be a moment's wait for its own only one
        self.waits += is_told
        began = monotonic()
        try:
            if await self._comes(waiter, PATIENCE_SECONDS):
                return waiter.turn.result()
            waiter.may_have_second = True
            self._serve()
            self.waits += not is_told and not waiter.turn.done()
            while not await self._comes(waiter, NEWS_SECONDS):
                waiter.may_have_others = True
                self._serve()
                await on_wait()
            return waiter.turn.result()
        except BaseException:
            self._waiters.pop(waiter, None)
            if waiter.turn.done():
                sessions.give_back(waiter.turn.result())
            raise
        finally:
            self.waited_seconds += monotonic() - began

    @staticmethod
    async def _comes(waiter: _Waiter, within: float) -> bool:
        if not waiter.turn.done():
            await asyncio.wait([waiter.turn], timeout=within)
        return waiter.turn.done()

    def _serve(self) -> None:
        if self._serving:  # amid which a session was closed to make room
            return
        self._serving = True
        seconds = True  # whether a second session may be idle; that is looked for once, however many wait
        try:
            for waiter in list(self._waiters):
                if self.open >= self.limit and not self._idle:
                    break
                session = waiter.sessions.take()
                if session is None:
                    is_second = waiter.sessions.count > 0
                    if waiter.sessions.count >= waiter.sessions.most or (is_second and not waiter.may_have_second):
                        continue
                    if self.open >= self.limit:
                        second = self._second_idle() if seconds else None
                        seconds = second is not None
                        if second is None and is_second and not waiter.may_have_others:
                            continue
                        gone = second or next(iter(self._idle))
                        if is_second and monotonic() - gone.used_at < REST_SECONDS:
                            continue
                        self._close_idle(gone)
                    if self.open >= self.limit:  # a lower one than there was
                        continue
                    self.open += 1
                    waiter.sessions.count += 1
                del self._waiters[waiter]
                waiter.turn.set_result(session)
        finally:
            self._serving = False

    def _second_idle(self) -> Session | None:
        """The longest unused of those whose target has another one."""
        return next((session for session, owner in self._idle.items() if owner.count > 1), None)

    def _close_idle(self, session: Session) -> None:
        self._idle[session].close_idle(session)

    def idles(self, session: Session, sessions: TargetSessions) -> None:
        """Notes that a session is not used at the moment."""
        self._idle[session] = sessions
        self._shed()
        self._serve()

    def works(self, session: Session) -> None:
        """Notes that a session is used, or closed."""
        self._idle.pop(session, None)

    def closed(self) -> None:
        """Notes that one is open no more."""
        self.open -= 1
        self._serve()


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

    def take(self) -> Session | None:
        """The idle session that was used last."""
        if not self._idle:
            return None
        session = self._idle.pop()
        self._house.works(session)
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
        self._house.works(session)
        drop(session.connection)
        self._closed()

    def _closed(self) -> None:
        self.count -= 1
        self._house.closed()

    def end(self) -> None:
        """Closes all for good, in use or not."""
        self._ended = True
        for session in list(self._idle):
            self.close_idle(session)
        for session in self._used:
            drop(session.connection)  # whoever uses it gives it back
