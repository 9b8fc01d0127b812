"""What the client's tests do again and again."""

from __future__ import annotations

from collections.abc import Callable

from psycopg.rows import DictRow

from exporter.client import Tracker
from tests.fix_exporter import eventually
from tests.fix_sessions import Session

Track = Callable[..., Tracker]


def found(session: Session, name: str) -> list[DictRow]:
    """Current versions of the operations of that name."""
    return session.execute(
        "select * from script_tracking.get_execution_history(1) where script_name = %s order by execution_timestamp",
        (name,),
    ).fetchall()


def ended(session: Session, name: str, times: int = 1, within: float = 30) -> list[DictRow]:
    """The same, once so many have ended."""

    def probe() -> list[DictRow] | None:
        rows = found(session, name)
        return rows if [row["execution_status"] != "RUNNING" for row in rows] == [True] * times else None

    return eventually(probe, within)
