"""How many sessions there may be with all watched databases together, and whose turn it is."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from exporter.database import Connection
from exporter.door import Door
from exporter.schedule import monotonic

PATIENCE_SECONDS = 0.25  # for the only session of a database, before it is given a second one
REST_SECONDS = 5.0  # after so long without work one is closed for a second one: else all of a busy server's come and go
NEWS_SECONDS = 5.0  # who waits is asked that often what to do meanwhile; then even an only one of another is closed


@dataclass(eq=False)
class Session:
    """An open connection, and what whoever worked in it wants to know of it; in use by one at a time."""

    connection: Connection
    notes: set[str] = field(default_factory=set)
    used_at: float = 0.0
    is_retired: bool = False  # to be closed after use


@dataclass(eq=False)
class Waiter:
    """Somebody who waits for a session with a database."""

    number: int  # in the order in which they came
    sessions: Owner
    turn: asyncio.Future[Session | None]  # an open session, or leave to open one
    may_have_second: bool = False
    may_have_others: bool = False  # others' only ones


class Owner(Protocol):
    """Who has the sessions with one database; what is asked of it here."""

    most: int
    count: int  # open or being opened
    waiters: dict[Waiter, None]  # in the order in which they came

    @property
    def longest_idle(self) -> Session | None:
        """The idle session that has not been used for longest."""

    def take(self) -> Session | None:
        """The idle session that was used last, if there is one."""

    def give_back(self, session: Session | None) -> None:
        """Takes what is not needed any more: a session, or leave to open one."""

    def close_idle(self, session: Session) -> None:
        """Closes a session that is not used."""


class Sessions:
    """All sessions of the process. First come, first served: where there are too many, what others do not use is closed
    for who waits, second sessions before only ones, the longest unused first. A place that becomes free is for the
    earliest of those whose database has no session; who waits for a second one comes after them.

    A session takes the server tens of megabytes and plans everything anew, so a second one is opened only where the
    first was waited for a moment, and in the place of another database's only one after some seconds.

    Nothing here goes through all who wait, or through all sessions: with hundreds of databases that would be most of
    what the process does.
    """

    def __init__(self, limit: int = 1000, connecting: int = 20) -> None:
        self.limit = limit
        self.open = 0  # those included that are being opened
        self.opened = 0
        self.waiting = 0  # who wait for a session now
        self.waits = 0
        self.waited_seconds = 0.0
        self.door = Door(connecting)
        self._numbers = itertools.count()
        self._idle: dict[Session, Owner] = {}  # in the order of their last use
        self._spare: dict[Owner, None] = {}  # who have an idle session and another one, in the order of that
        self._without: list[tuple[int, int, Owner]] = []  # heap of who waited without any; some do no more
        self._seconds: dict[Owner, None] = {}  # for whom a second one is waited, in the order of that
        self._making_room = False

    def limit_to(self, limit: int, connecting: int) -> None:
        """Goes by other limits; what is open beyond them is closed when it is not used."""
        self.limit = limit
        self._shed()
        self._fill()
        self.door.let_in(connecting)

    async def turn(self, sessions: Owner, on_wait: Callable[[], Awaitable[None]]) -> Session | None:
        """An open session of the target, or None and leave to open one, once it can be had.

        Raises what `on_wait` raises.
        """
        if not sessions.waiters:
            session = sessions.take()
            if session is not None or self._has_place(sessions):
                return session
        waiter = Waiter(next(self._numbers), sessions, asyncio.get_running_loop().create_future())
        sessions.waiters[waiter] = None
        self.waiting += 1
        if sessions.count == 0:
            self._wants(sessions)
        is_told = sessions.count in (0, sessions.most)  # else it may be a moment's wait for its own only one
        self.waits += is_told
        began = monotonic()
        try:
            if await self._comes(waiter, PATIENCE_SECONDS):
                return waiter.turn.result()
            waiter.may_have_second = True
            self._note(sessions)
            self._serve_second(waiter)
            self.waits += not is_told and not waiter.turn.done()
            while not await self._comes(waiter, NEWS_SECONDS):
                waiter.may_have_others = True
                self._serve_second(waiter)
                await on_wait()
            return waiter.turn.result()
        except BaseException:
            if waiter.turn.done():
                sessions.give_back(waiter.turn.result())
            raise
        finally:
            self._gone(waiter)
            self.waited_seconds += monotonic() - began

    @staticmethod
    async def _comes(waiter: Waiter, within: float) -> bool:
        if not waiter.turn.done():
            await asyncio.wait([waiter.turn], timeout=within)
        return waiter.turn.done()

    def _gone(self, waiter: Waiter) -> None:
        if waiter in waiter.sessions.waiters:
            del waiter.sessions.waiters[waiter]
            self.waiting -= 1
            self._note(waiter.sessions)

    def _give(self, waiter: Waiter, session: Session | None) -> None:
        self._gone(waiter)
        waiter.turn.set_result(session)

    def _has_place(self, sessions: Owner) -> bool:
        """Takes a place for the first session of a target, if there is one or one can be made."""
        if sessions.count > 0:
            return False
        if self.open >= self.limit:
            gone = self._spare_session() or next(iter(self._idle), None)
            if gone is not None:
                self._make_room(gone)
        return self._takes_place(sessions)

    def _takes_place(self, sessions: Owner) -> bool:
        if self.open >= self.limit:
            return False
        self.open += 1
        sessions.count += 1
        self._note(sessions)
        return True

    def _give_place(self, sessions: Owner) -> None:
        if self._takes_place(sessions):
            self._give(next(iter(sessions.waiters)), None)

    def _serve_second(self, waiter: Waiter) -> None:
        """Gives leave to open a second session to who waited long enough for the first, if there is place."""
        if waiter.turn.done() or waiter.sessions not in self._seconds:
            return
        if self.open >= self.limit:
            gone = self._spare_session()
            if gone is None and waiter.may_have_others:
                gone = next(iter(self._idle), None)
            if gone is None or monotonic() - gone.used_at < REST_SECONDS:
                return
            self._make_room(gone)
        self._give_place(waiter.sessions)

    def _fill(self) -> None:
        """Gives free places to who wait for one."""
        while self.open < self.limit and not self._making_room:
            first = self._first_without()
            sessions = next(iter(self._seconds), None) if first is None else first.sessions
            if sessions is None:
                return
            self._give_place(sessions)

    def _wants(self, sessions: Owner) -> None:
        """Notes that a target waits and has no session, in the order in which its first waiter came."""
        first = next(iter(sessions.waiters))
        heapq.heappush(self._without, (first.number, next(self._numbers), sessions))

    def _first_without(self) -> Waiter | None:
        """The earliest of who wait for the first session of their target."""
        while self._without:
            sessions = self._without[0][2]
            if sessions.count == 0 and sessions.waiters:
                return next(iter(sessions.waiters))
            heapq.heappop(self._without)
        return None

    def _spare_session(self) -> Session | None:
        """One that is not used, of a target that has another one."""
        return next((sessions.longest_idle for sessions in self._spare), None)

    def _note(self, sessions: Owner) -> None:
        """Notes whether a target has a session that it can spare, and whether it is to have a second one."""
        first = next(iter(sessions.waiters), None)
        waits = first is not None and first.may_have_second and 0 < sessions.count < sessions.most
        for noted, holds in (
            (self._spare, sessions.count > 1 and sessions.longest_idle is not None),
            (self._seconds, waits),
        ):
            if holds:
                noted.setdefault(sessions)
            else:
                noted.pop(sessions, None)

    def _make_room(self, session: Session) -> None:
        """Closes an idle session for somebody who takes its place."""
        self._making_room = True
        try:
            self._idle[session].close_idle(session)
        finally:
            self._making_room = False

    def _shed(self) -> None:
        """Closes what is open beyond the limit and not used."""
        while self.open > self.limit and self._idle:
            session = self._spare_session() or next(iter(self._idle))
            self._idle[session].close_idle(session)

    def idles(self, session: Session, sessions: Owner) -> None:
        """Notes that a session is not used now: it goes to who waits for it, or makes place for who came earlier."""
        self._idle[session] = sessions
        self._note(sessions)
        self._shed()
        if session not in self._idle:
            return
        without = self._first_without() if self.open >= self.limit else None
        own = next(iter(sessions.waiters), None)
        if without is not None and (own is None or without.number < own.number):
            sessions.close_idle(session)
        elif own is not None:
            self._give(own, sessions.take())

    def works(self, session: Session, sessions: Owner) -> None:
        """Notes that a session is used, or closed."""
        self._idle.pop(session, None)
        self._note(sessions)

    def closed(self, sessions: Owner) -> None:
        """Notes that one of a target is open no more."""
        self.open -= 1
        self._note(sessions)
        if sessions.count == 0 and sessions.waiters:
            self._wants(sessions)
        self._fill()
