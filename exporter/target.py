"""One watched database: its name, the state that its tasks share, and whether it answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from psycopg.sql import Composed

from exporter.database import Connection, Row
from exporter.errors import QueryFailed, TargetUnavailable
from exporter.logs import get_logger
from exporter.schedule import monotonic
from exporter.sessions import Session, Sessions
from exporter.sqlfiles import query
from exporter.statement import fetch
from exporter.targetconfig import TargetConfig
from exporter.targetsessions import APPLICATION, TargetSessions

log = get_logger("target")

LIVENESS_TIMEOUT_SECONDS = 3.0
IDLE_AFTER_SECONDS = 60.0  # without anything to be seen, which is when less is asked


class Target:
    """State of one database, and its sessions: two that what collects, keeps house and captures there have in turn, and
    one that answers the API, read-only, while somebody asks, and one that archives, while there is something to.
    """

    def __init__(self, config: TargetConfig, sessions: Sessions | None = None) -> None:
        """`sessions` are those of the process; without them the target is the only one."""
        self.name = config.name
        sessions = sessions or Sessions()
        self.doubted = asyncio.Event()  # set where a session broke: whether the database answers is to be asked anew
        self.sessions = TargetSessions(config, sessions, legible=True, on_break=self.doubted.set)
        self.answering = TargetSessions(config, sessions, most=1, read_only=True, name=f"{APPLICATION} api")
        self.archiving = TargetSessions(config, sessions, most=1, name=f"{APPLICATION} archive")
        self.on_wait: Callable[[], None] = lambda: None  # called while a sign of life waits for a session
        self.up: bool | None = None  # None until the first attempt
        self.reason: str | None = None  # why it does not answer
        self.times_up = 0  # how often it was found to answer after it had not
        self.standby: bool | None = None  # whether it can only be read, until it is promoted; None until it is known
        self.schema_version = 0
        self.schema_known = asyncio.Event()  # set once the schema was looked for, found or not
        self.schema_is_told_of = False  # whether the log says what stands in the way of a schema that can be used
        self.may_collect = True
        self._seen_at = monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether nothing has been seen to happen in the database for a while."""
        return not self.was_seen(IDLE_AFTER_SECONDS)

    def was_seen(self, within: float) -> bool:
        """Whether something has been seen to happen in the last so many seconds."""
        return monotonic() - self._seen_at <= within

    def saw(self) -> None:
        """Notes that something happens: it is asked at the full pace from now on."""
        self._seen_at = monotonic()

    def renew(self, config: TargetConfig) -> None:
        """Goes on by other credentials."""
        self.sessions.renew(config)
        self.answering.renew(config)
        self.archiving.renew(config)

    async def probe(self) -> None:
        """Asks the server for a sign of life. Raises TargetUnavailable, also where it refuses even that: where the
        statement was cancelled, the server has no memory left, or the role lacks a right that everybody has.
        """
        try:
            async with self.session() as session:
                await self.look(session.connection)
        except QueryFailed as error:
            raise TargetUnavailable(str(error)) from error
        if self.up is not True:
            log.info("target_up", target=self.name)
            self.times_up += 1
            self.saw()
        self.up, self.reason = True, None

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A session for whoever tells whether the database answers. While others have both, and may have them for as
        long as they wait for a silent server, the server is asked beside them. Raises TargetUnavailable.
        """
        async with self.sessions.session(self._waits) as session:
            yield session

    async def _waits(self) -> None:
        self.on_wait()
        await self.sessions.knock(LIVENESS_TIMEOUT_SECONDS)

    async def look(self, connection: Connection) -> None:
        """Asks whether the server is a standby; one log line when that changes. Raises like statement.fetch()."""
        alive = query("target", "alive")
        (row,) = await fetch(connection, alive, timeout=LIVENESS_TIMEOUT_SECONDS, read_only=True)
        self.is_standby(row["standby"])

    def is_standby(self, standby: bool) -> None:
        """Notes whether the server is one; one log line when that changes."""
        if standby != bool(self.standby):
            log.info("standby" if standby else "promoted", target=self.name)
        self.standby = standby

    async def fetch(
        self, statement: str | Composed, *, timeout: float, statement_timeout: float = 0, read_only: bool = False
    ) -> list[Row]:
        """Rows of one statement, in whichever session is free; the time limits begin when it is had. Raises like
        statement.fetch().
        """
        async with self.sessions.session() as session:
            return await fetch(
                session.connection,
                statement,
                timeout=timeout,
                statement_timeout=statement_timeout,
                read_only=read_only,
            )

    async def lost(self, error: TargetUnavailable) -> None:
        """Notes that the database is gone; one log line when that changes."""
        if self.up is not False:
            log.warning("target_down", target=self.name, reason=str(error))
        self.up, self.reason = False, str(error)

    async def close(self) -> None:
        """Closes all sessions for good."""
        with contextlib.ExitStack() as whatever_fails:
            for sessions in (self.archiving, self.answering, self.sessions):
                whatever_fails.callback(sessions.end)
