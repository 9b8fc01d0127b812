"""Whether a database is a copy that nobody has confirmed: of such a one nothing is handed out."""

from __future__ import annotations

from collections.abc import Callable

from exporter.collect.status import TargetStatus
from exporter.logs import get_logger
from exporter.sessions import Session
from exporter.sqlfiles import query
from exporter.statement import fetch
from exporter.target import Target

log = get_logger("collect")

COPY_VERSION = 12  # the migration that brings what tells a copy from its original
TIMEOUT_SECONDS = 3.0
ORIGINAL = "original"  # noted of a session that is known to be in no copy


class CopyCheck:
    """Asks the database, once a session, and until somebody confirms it."""

    def __init__(self, target: Target, status: TargetStatus, forget: Callable[[], None]) -> None:
        """`forget` is called once it is found to be a copy."""
        self._target = target
        self._status = status
        self._forget = forget

    async def is_unconfirmed(self, session: Session) -> bool:
        """Whether nothing of the database may be handed out. Raises QueryFailed and TargetUnavailable."""
        if ORIGINAL in session.notes or self._target.schema_version < COPY_VERSION:
            return False
        statement = query("target", "unconfirmed_copy")
        (row,) = await fetch(session.connection, statement, timeout=TIMEOUT_SECONDS, read_only=True)
        copied_from = row["copied_from"]
        if copied_from is not None and self._status.alone is None:
            self._forget()
            log.warning(
                "copy_not_confirmed",
                target=self._target.name,
                copied_from=copied_from,
                advice="nothing of it is published until a superuser calls script_tracking.confirm_copy('reason')",
            )
        elif copied_from is None and self._status.alone is not None:
            log.info("copy_confirmed", target=self._target.name)
        self._status.alone = None if copied_from is None else "unconfirmed_copy"
        self._status.set("unconfirmed_copy", float(copied_from is not None))
        if copied_from is None:
            session.notes.add(ORIGINAL)
        return copied_from is not None
