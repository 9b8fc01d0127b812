"""Whether a superuser has paused tracking, and whether the database is to have event triggers at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from exporter.database import Connection, failures_named
from exporter.errors import QueryFailed
from exporter.schema.installer import run

NOT_THERE = ("3F000", "42883", "42P01", "42501")  # no schema, function or table of it yet, or no right to ask


@dataclass(frozen=True)
class Pause:
    """A pause that lasts: since when, by whom and why."""

    since: datetime
    by: str
    reason: str

    def __str__(self) -> str:
        return f"paused since {self.since.isoformat(timespec='seconds')} by {self.by}: {self.reason}"


async def read_pause(connection: Connection) -> Pause | None:
    """The pause under way; None too where the schema knows of no pauses yet or cannot tell."""
    try:
        async with failures_named("asking for a pause"), connection.transaction():
            rows = await run(connection, "pause")
    except QueryFailed as error:
        if error.sqlstate not in NOT_THERE:
            raise
        return None
    return Pause(rows[0]["paused_at"], rows[0]["paused_by"], rows[0]["reason"]) if rows else None


async def wants_event_triggers(connection: Connection) -> bool:
    """False where it was installed without them; True too where the schema cannot tell. Tells the transaction as well
    who installed it.
    """
    try:
        async with failures_named("asking for event triggers"), connection.transaction():
            (row,) = await run(connection, "installed_as")
    except QueryFailed as error:
        if error.sqlstate not in NOT_THERE:
            raise
        return True
    return bool(row["event_triggers"])
