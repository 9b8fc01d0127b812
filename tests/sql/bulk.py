"""Operations that begin and end by the bulk form."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from tests.fix_sessions import Session, value

TRACK = "select script_tracking.track_operations(%s)"
COMPLETE = "select script_tracking.complete_operations(%s)"


def operations(*names: str, **more: object) -> Jsonb:
    """Argument of track_operations."""
    return Jsonb([{"script_name": name, "script_type": "LOAD", **more} for name in names])


def track(session: Session, given: Jsonb) -> list[bytes]:
    """Begins operations; their keys."""
    keys = value(session, TRACK, given)
    assert isinstance(keys, list)
    return keys


def complete(session: Session, *completions: dict[str, object]) -> object:
    """Ends operations; what was answered."""
    return value(session, COMPLETE, Jsonb(list(completions)))


def current(session: Session, key: bytes) -> dict[str, Any]:
    """The current version of an operation."""
    rows = session.execute(
        "select * from script_tracking.script_execution_s where script_execution_hk = %s and load_end_date is null",
        (key,),
    ).fetchall()
    assert len(rows) == 1
    return rows[0]
