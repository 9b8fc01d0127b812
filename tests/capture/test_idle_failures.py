"""A failure in a database in which nothing had happened: capture goes back to its full pace, and it is in the record as
soon as otherwise. The level is full."""

from __future__ import annotations

from functools import partial

from exporter.target import IDLE_AFTER_SECONDS
from tests.capture.fix_readers import Readers, admin, fails, failures, readers
from tests.capture.fix_serverlog import log_database, log_server
from tests.fix_exporter import eventually
from tests.fix_sessions import Session

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
