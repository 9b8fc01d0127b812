"""Names of what failed and what was changed, for the page that shows them to those who have shown who they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exporter.database import Connection, Row
from exporter.errors import QueryFailed
from exporter.schedule import monotonic
from exporter.sqlfiles import query
from exporter.statement import fetch

INTERVAL_SECONDS = 30.0
TIMEOUT_SECONDS = 3.0
MOST_OBJECTS = 5
MOST_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Named:
    """A kind of failure, or a statement of DDL."""

    at: datetime
    tenant: str
    script_type: str
    name: str
    outcome: str  # SQLSTATE of a failure, status of a statement
    message: str
    objects: tuple[str, ...]
    who: str
    errors: int | None


@dataclass(frozen=True, slots=True)
class Names:
    """The newest of both; with why there are none, where the exporter may not read them."""

    failures: Sequence[Named] = ()
    ddl: Sequence[Named] = ()
    refused: str | None = None


def _named(row: Row) -> Named:
    objects = row["objects"] or []
    more = [f"and {len(objects) - MOST_OBJECTS} more"] if len(objects) > MOST_OBJECTS else []
    return Named(
        row["at"], row["tenant"], row["script_type"] or "", row["name"] or "", row["outcome"] or "",
        (row["message"] or "")[:MOST_CHARACTERS], (*objects[:MOST_OBJECTS], *more), row["who"] or "", row["errors"],
    )  # fmt: skip


class NameReader:
    """Reads them now and then, where somebody wants them; never more often, however many look."""

    def __init__(self) -> None:
        self.wanted = False
        self._due = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time to read."""
        return self.wanted and monotonic() >= self._due

    async def read(self, connection: Connection) -> tuple[Names, float]:
        """What there is, and until when it holds. Raises TargetUnavailable."""
        self._due = monotonic() + INTERVAL_SECONDS
        end = monotonic() + 3 * INTERVAL_SECONDS
        try:
            rows = await fetch(
                connection,
                query("page", "names"),
                timeout=TIMEOUT_SECONDS + 1,
                statement_timeout=TIMEOUT_SECONDS,
                read_only=True,
            )
        except QueryFailed as error:
            return Names(refused=str(error)), end
        failures = tuple(_named(row) for row in rows if row["kind"] == "failure")
        return Names(failures, tuple(_named(row) for row in rows if row["kind"] == "ddl")), end
