"""One watched database: its name, its sessions, and whether it answers."""

from __future__ import annotations

import asyncio

from exporter.database import Connection, connect, fetch
from exporter.errors import ConfigurationError, TargetUnavailable
from exporter.logs import get_logger
from exporter.sqlfiles import query
from exporter.targetconfig import TargetConfig

log = get_logger("target")

LIVENESS_TIMEOUT_SECONDS = 3.0


class Session:
    """A connection that is opened when it is needed and thrown away when it fails."""

    def __init__(self, config: TargetConfig, purpose: str, *, read_only: bool) -> None:
        self._config = config
        self._purpose = purpose
        self._read_only = read_only
        self._connection: Connection | None = None
        self._outdated = False
        self._ended = False

    def renew(self, config: TargetConfig) -> None:
        """Opens the next connection by these credentials, when the open one is next asked for: not amid a statement."""
        self._config = config
        self._outdated = True

    async def get(self) -> Connection:
        """The open connection. Raises TargetUnavailable."""
        if self._ended:
            raise TargetUnavailable("it is not watched any more")
        if self._outdated:
            self._outdated = False
            await self.discard()
        if self._connection is None or self._connection.closed:
            try:
                dsn = self._config.current_dsn()
            except ConfigurationError as error:
                raise TargetUnavailable(str(error)) from None
            self._connection = await connect(
                dsn,
                application_name=f"script-tracking-exporter {self._purpose}",
                read_only=self._read_only,
            )
        return self._connection

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, be it of any use or not."""
        return self._connection is not None

    async def discard(self) -> None:
        """Closes the connection, whatever its state."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def end(self) -> None:
        """Closes the connection for good."""
        self._ended = True
        await self.discard()


class Target:
    """State of one database. Four sessions at most: one collects, read-only, one keeps house, one captures, and one
    answers the API, read-only, while somebody asks."""

    def __init__(self, config: TargetConfig) -> None:
        self.name = config.name
        self.collecting = Session(config, "collect", read_only=True)
        self.keeping = Session(config, "upkeep", read_only=False)
        self.capturing = Session(config, "capture", read_only=False)
        self.answering = Session(config, "api", read_only=True)
        self.up: bool | None = None  # None until the first attempt
        self.reason: str | None = None  # why it does not answer
        self.times_up = 0  # how often it was found to answer after it had not
        self.standby: bool | None = None  # whether it can only be read, until it is promoted; None until it is known
        self.schema_version = 0
        self.schema_known = asyncio.Event()  # set once the schema was looked for, found or not
        self.may_collect = True

    def renew(self, config: TargetConfig) -> None:
        """Goes on by other credentials."""
        for session in (self.collecting, self.keeping, self.capturing, self.answering):
            session.renew(config)

    async def probe(self) -> None:
        """Asks the server for a sign of life. Raises TargetUnavailable."""
        await self.look(await self.collecting.get())
        if self.up is not True:
            log.info("target_up", target=self.name)
            self.times_up += 1
        self.up, self.reason = True, None

    async def look(self, connection: Connection) -> None:
        """Asks whether the server is a standby; one log line when that changes. Raises TargetUnavailable."""
        alive = query("target", "alive")
        (row,) = await fetch(connection, alive, timeout=LIVENESS_TIMEOUT_SECONDS, read_only=True)
        if row["standby"] != bool(self.standby):
            log.info("standby" if row["standby"] else "promoted", target=self.name)
        self.standby = row["standby"]

    async def lost(self, error: TargetUnavailable) -> None:
        """Notes that the database is gone; one log line when that changes."""
        if self.up is not False:
            log.warning("target_down", target=self.name, reason=str(error))
        self.up, self.reason = False, str(error)
        await self.collecting.discard()

    async def close(self) -> None:
        """Closes all sessions for good."""
        for session in (self.collecting, self.keeping, self.capturing, self.answering):
            await session.end()
