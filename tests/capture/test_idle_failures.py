"""A failure in a database in which nothing had happened: capture goes back to its full pace, and it is in the record as
soon as otherwise. The level is full."""

from __future__ import annotations

from functools import partial

import pytest

from exporter.target import IDLE_AFTER_SECONDS
from tests.capture.fix_readers import SI, Readers, admin, fails, failures, readers
from tests.capture.fix_serverlog import log_database, log_server
from tests.capture.pacing import paced
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, value

__all__ = ["admin", "log_database", "log_server", "readers"]


def wakes_up(readers: Readers) -> bool:
    """Whether a round sees that something has happened; what writes the server's log is another process."""
    readers.round()
    return not readers.target.is_idle


def test_a_failure_wakes_capture_up(admin: Session, readers: Readers) -> None:
    readers.round()
    readers.target._seen_at -= IDLE_AFTER_SECONDS + 1
    readers.round()
    assert readers.target.is_idle
    assert (readers.wal.pause, readers.log.pause) == (2.0, 2.0)
    assert fails(admin, "create table known (i int) /* idle */") == "42P07"
    eventually(partial(wakes_up, readers), 30)
    assert (readers.wal.pause, readers.log.pause) == (0.0, 0.0)
    (row,) = failures(admin, readers, 1, "%/* idle%")
    assert (row["execution_status"], row["metadata"]["sqlstate"]) == ("FAILED", "42P07")


def test_an_error_that_no_attempt_announced_wakes_it_up_as_well(admin: Session, readers: Readers) -> None:
    readers.round()
    readers.target._seen_at -= IDLE_AFTER_SECONDS + 1
    assert fails(admin, "create tabel x () /* idle alone */") == "42601"
    eventually(partial(wakes_up, readers), 30)
    (row,) = failures(admin, readers, 1, "%/* idle alone%")
    assert row["metadata"]["evidence"] == "server_log"


def test_what_failed_before_it_was_idle_is_judged_all_the_same(admin: Session, readers: Readers) -> None:
    readers.round()
    assert fails(admin, "drop table seen /* idle later */") == "42809"
    readers.wal._judge.due = 0.0
    for _ in range(2):
        readers.target._seen_at -= IDLE_AFTER_SECONDS + 1
        readers.round()
    (row,) = failures(admin, readers, 1, "%/* idle later%")
    assert row["metadata"]["sqlstate"] == "42809"


CAUGHT = "do $$ begin create table known (i int); exception when others then null; end $$ /* caught */"


@pytest.mark.parametrize(
    ("statement", "most"),
    [
        ("create table known (i int) /* paced */", 3.2),
        ("create tabel known (i int) /* paced */", 3.2),
        (CAUGHT, 5),  # two of them the log is waited for, which says nothing of what was caught
        ("begin; create table gone_again (i int); rollback /* paced */", 5),
    ],
)
async def test_the_pauses_are_shorter_than_the_record_may_take(
    admin: Session, log_database: str, monkeypatch: pytest.MonkeyPatch, statement: str, most: float
) -> None:
    """The database's own clock goes by that of the loop, for what is waited for there."""
    ended = (
        "select coalesce(bool_or(s.execution_status in ('FAILED', 'ROLLED_BACK')), false)"
        " from script_tracking.script_execution_s as s where s.sql_command = %s"
    )

    def recorded() -> bool:
        admin.execute(
            f"update {SI}.attempt set judged_at = judged_at - interval '1 second' where recorded_at is null".encode()
        )
        return value(admin, ended, statement) is True

    async with paced(log_database, monkeypatch) as pace:
        await pace.idle()
        try:
            admin.execute(statement.encode())
        except Exception:
            admin.execute("rollback")
        assert await pace.seconds_until(recorded) <= most
