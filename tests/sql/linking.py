"""What is derived from the record: taken in, read as a whole, and built anew."""

from __future__ import annotations

from tests.fix_sessions import Session, value
from tests.vault_steps import INTERNAL

DERIVE = f"select {INTERNAL}.derive_links(p_versions => %s)"
TABLES = (
    "script_tracking.database_object_h",
    "script_tracking.database_object_name_s",
    f"{INTERNAL}.execution_user",
    "script_tracking.script_execution_object",
    "script_tracking.script_execution_parent",
)


def derive(session: Session, versions: int = 10000) -> object:
    """Takes in what has come; how many versions that were."""
    return value(session, DERIVE, versions)


def content(session: Session) -> dict[str, list[object]]:
    """All that is derived."""
    found = {}
    for table in TABLES:
        rows = session.execute(f"select to_jsonb(t)::text as row from {table} as t order by 1".encode()).fetchall()
        found[table] = [row["row"] for row in rows]
    return found


def rebuilt(session: Session) -> dict[str, list[object]]:
    """The same after it was built anew."""
    session.execute(f"select {INTERNAL}.rebuild_links()".encode())
    return content(session)
