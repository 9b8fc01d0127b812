"""The schema of one target: installed or upgraded where that may be, and what stands in the way told once."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.collect.status import TargetStatus
from exporter.database import Connection, answered
from exporter.errors import QueryFailed, ScriptTrackingError, TargetUnavailable
from exporter.logs import get_logger
from exporter.schema.installer import install
from exporter.schema.plan import Ledger, Standing, glance, may_collect, read_ledger
from exporter.target import Target
from exporter.values import SchemaMode

log = get_logger("watch")

READ_SECONDS = 60.0
INSTALL_SECONDS = 3600.0  # a migration may have much to do; who is silent for longer is gone


class Settler:
    """Sees to one target's schema; `options` are the parts that it is to have or not."""

    def __init__(
        self, target: Target, status: TargetStatus, mode: SchemaMode, options: Mapping[str, bool] | None
    ) -> None:
        self._target = target
        self._status = status
        self._mode = mode
        self._options = options
        self.refused: str | None = None  # why it is not as it should be; may name what no metric does
        self._locked: str | None = None
        self._seen = False  # whether the schema stood in the database since the start

    async def settle(self) -> bool:
        """Installs or upgrades where it may, and learns the version; whether the schema can be used.

        Raises TargetUnavailable. What stands in the way is logged once.
        """
        try:
            settled = await self._settle()
        except QueryFailed as error:
            if not error.is_locked_out:
                raise
            if str(error) != self._locked:
                log.info("schema_locked", target=self._target.name, reason=str(error))
            self._locked = str(error)
            return self._is_usable  # somebody changes the schema right now: what is known stands until the next look
        self._locked = None
        return settled

    async def has_moved(self) -> bool:
        """Whether somebody has upgraded, removed or hidden the schema since it was settled."""
        try:
            async with self._target.sessions.session() as session:
                standing = await self._glance(session.connection)
        except ScriptTrackingError as error:
            return not (isinstance(error, QueryFailed) and error.is_locked_out)
        return standing is None or standing.settled != (self._target.schema_version, self._target.may_collect)

    @property
    def _is_usable(self) -> bool:
        return bool(self._target.schema_version) and self._target.may_collect

    async def _settle(self) -> bool:
        async with self._target.sessions.session() as session:
            return await self._settle_by(session.connection)

    async def _settle_by(self, connection: Connection) -> bool:
        reason: str | None = None
        ledger: Ledger | None = None
        try:
            await self._target.look(connection)
            standing = await self._glance(connection)
            if standing is not None and self._is_wanted(standing):
                self._settled(standing.version, standing.may_collect)
                return self._is_usable
            ledger = await _read(connection)
            if self._seen and not ledger.is_whole:
                reason = (
                    "the schema was removed since this exporter started; it is not installed again unasked: run "
                    "script-tracking-exporter schema install --dsn DSN, or start the exporter anew"
                )
            elif self._mode == "auto" and not self._target.standby:
                known, ledger = ledger, None  # should it fail, what stands is read anew
                async with answered(connection, within=INSTALL_SECONDS):
                    report = await install(connection, ledger=known, options=self._options)
                if report.changed:
                    log.info("schema_installed", target=self._target.name, version=report.version)
                ledger = report.ledger
        except TargetUnavailable:
            raise
        except ScriptTrackingError as error:
            if isinstance(error, QueryFailed) and error.is_locked_out:
                raise
            reason = str(error)
        version, readable = 0, self._target.may_collect
        try:
            ledger = ledger or await _read(connection)
            version, readable = ledger.version if ledger.is_whole else 0, not ledger.is_whole or may_collect(ledger)
        except TargetUnavailable:
            raise
        except ScriptTrackingError as error:
            if isinstance(error, QueryFailed) and error.is_locked_out:
                raise
            reason = reason or (
                f"{error}; a superuser must run: script-tracking-exporter schema install --dsn DSN, and grant "
                "script_tracking_daemon to the exporter's role"
            )
        if reason is None and version == 0:
            reason = "the schema is not installed: " + (
                "a standby gets it from its primary"
                if self._target.standby
                else "a superuser must run: script-tracking-exporter schema install --dsn DSN"
            )
        if reason is not None and reason != self.refused and self._mode != "off":
            tell = log.error if self._seen and not version else log.warning
            tell("schema_not_settled", target=self._target.name, reason=reason)
        self._settled(version, readable, reason)
        return self._is_usable

    def _settled(self, version: int, readable: bool, refused: str | None = None) -> None:
        """Notes which schema the database has, and whether this program may read it."""
        self._target.schema_version, self._target.may_collect = version, readable
        self._status.set("schema_version", version)
        self._seen = self._seen or version > 0
        self.refused = refused
        self._target.schema_is_told_of = refused is not None and self._mode != "off"
        self._target.schema_known.set()

    def _is_wanted(self, standing: Standing) -> bool:
        """Whether the schema is that of this program, with the parts that this target is to have."""
        return standing.options is not None and standing.options >= (self._options or {}).keys()

    async def _glance(self, connection: Connection) -> Standing | None:
        """What stands; None where that takes a closer look. Raises TargetUnavailable, and QueryFailed for a lock."""
        try:
            return await glance(connection)
        except QueryFailed as error:
            if error.is_locked_out:
                raise
            return None


async def _read(connection: Connection) -> Ledger:
    async with answered(connection, within=READ_SECONDS):
        return await read_ledger(connection)
