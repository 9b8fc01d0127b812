"""Steps of the tests of operations that nobody completes."""

from __future__ import annotations

from collections.abc import Callable

from tests.fix_exporter import eventually
from tests.fix_sessions import Session, one, value
from tests.vault_steps import INTERNAL

TRACK = "select script_tracking.track_operation('job', 'BATCH', metadata => %s)"
COMPLETE = "select script_tracking.complete_operation(%s, true)"
BEAT = "select script_tracking.heartbeat(%s)"
STATE = f"select * from {INTERNAL}.running_operation where script_execution_hk = %s"
AFTER = "operation.interrupted_after_seconds"
Connect = Callable[[], Session]


def look(session: Session) -> object:
    """One look of upkeep; how many operations it interrupted."""
    return value(session, f"select {INTERNAL}.interrupt_operations()")


def track(session: Session, metadata: str | None = None) -> bytes:
    """Begins an operation; its key."""
    key = value(session, TRACK, metadata)
    assert isinstance(key, bytes)
    return key


def end(session: Session, by: Session) -> None:
    """Ends a session from the server's side, and waits until it is gone."""
    pid = session.info.backend_pid
    by.execute("select pg_terminate_backend(%s)", (pid,))
    eventually(lambda: value(by, "select count(*) from pg_stat_activity where pid = %s", pid) == 0, 30)


def statuses(session: Session, key: bytes) -> list[str]:
    """Statuses of an operation's versions, the oldest first."""
    rows = session.execute(
        "select execution_status from script_tracking.script_execution_s where script_execution_hk = %s"
        " order by load_date",
        (key,),
    ).fetchall()
    return [row["execution_status"] for row in rows]


def final(session: Session, key: bytes) -> dict[str, object]:
    """The current version of an operation."""
    return one(
        session,
        "select * from script_tracking.script_execution_s where script_execution_hk = %s and load_end_date is null",
        key,
    )
