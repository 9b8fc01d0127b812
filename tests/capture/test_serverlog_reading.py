"""How the server's log is read: each byte once, by whom the turn is, through rotation, truncation and damage."""

from __future__ import annotations

import time

import pytest
from psycopg.rows import DictRow

from exporter.capture import serverlog
from tests.capture.fix_readers import SI, Readers, admin, fails, failures, readers
from tests.capture.fix_serverlog import current, log_database, log_server, shell
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, one, opened, value

__all__ = ["admin", "log_database", "log_server", "readers"]


def position(admin: Session) -> DictRow:
    """How far the log was read, and what was counted on the way."""
    return one(admin, f"select * from {SI}.log_position")


def test_who_does_not_get_the_turn_keeps_what_was_read(admin: Session, readers: Readers, log_database: str) -> None:
    with opened(log_database) as other:
        fails(admin, "create tabel known (i int) /* kept */")
        with other.transaction():
            assert value(other, f"select {SI}.lock_capture()") is True
            before = position(admin)

            def held() -> bool:
                readers.round()
                return readers.log._held is not None

            eventually(held, 30)  # what writes the server's log is another process
            for _ in range(2):
                readers.round()
            assert position(admin) == before
            assert readers.log._held is not None
    failures(admin, readers, 1, "%/* kept */")


def test_the_same_bytes_read_again_change_nothing(admin: Session, readers: Readers) -> None:
    fails(admin, "create tabel known (i int) /* again */")
    fails(admin, "create table known (i int) /* again */")
    failures(admin, readers, 2, "%/* again */")
    versions = value(admin, "select count(*) from script_tracking.script_execution_s")
    admin.execute(f"update {SI}.log_position set read_to = 0, mark = sha256(''), mark_length = 0".encode())
    for _ in range(4):
        readers.round()
    assert value(admin, "select count(*) from script_tracking.script_execution_s") == versions


def test_a_rotated_log_is_read_to_its_end_and_then_the_next(admin: Session, readers: Readers) -> None:
    first = current(admin)
    for number in range(2):
        fails(admin, f"create tabel t{number} () /* rotated */")
        time.sleep(1.1)  # the name of a file has seconds
        before = current(admin)
        admin.execute("select pg_rotate_logfile()")
        eventually(lambda before=before: current(admin) != before, 30)  # type: ignore[misc]
    fails(admin, "create tabel t2 () /* rotated */")
    assert current(admin) != first
    failures(admin, readers, 3, "%/* rotated */")
    assert position(admin)["file_name"] == current(admin)


def test_a_log_that_is_copied_and_truncated_loses_nothing(admin: Session, readers: Readers) -> None:
    readers.round()
    readers.round()
    gaps = position(admin)["gaps"]
    fails(admin, "create tabel t0 () /* copied */")
    name = current(admin)
    shell(admin, f"cp {name} {name}.1 && : > {name}")
    fails(admin, "create tabel t1 () /* copied */")
    failures(admin, readers, 2, "%/* copied */")
    assert position(admin)["gaps"] == gaps
    shell(admin, f"rm {name}.1")


def test_a_log_that_is_cut_short_is_a_gap_and_read_from_its_beginning(admin: Session, readers: Readers) -> None:
    readers.round()
    readers.round()
    gaps = position(admin)["gaps"]
    shell(admin, f": > {current(admin)}")
    fails(admin, "create tabel t1 () /* cut short */")
    failures(admin, readers, 1, "%/* cut short */")
    assert position(admin)["gaps"] == gaps + 1


def test_a_log_that_is_removed_is_missed_and_a_gap_once_there_is_another(admin: Session, readers: Readers) -> None:
    fails(admin, "create table known (i int) /* unseen */")
    failures(admin, readers, 1, "%/* unseen */")
    gaps = position(admin)["gaps"]
    removed = current(admin)
    shell(admin, f"rm {removed}")
    fails(admin, "create table known (i int) /* removed */")
    assert any("no current" in text for text in value(admin, f"select {SI}.probe_log()"))  # type: ignore[attr-defined]
    time.sleep(1.1)  # the name of a file has seconds
    admin.execute("select pg_rotate_logfile()")
    eventually(lambda: value(admin, f"select count(*) from {SI}.log_files() where is_current") == 1, 30)
    fails(admin, "create table known (i int) /* after it */")
    (row,) = failures(admin, readers, 1, "%/* after it */")
    assert row["metadata"]["sqlstate"] == "42P07"
    (row,) = failures(admin, readers, 1, "%/* removed */")
    assert (row["execution_status"], row["metadata"].get("sqlstate")) == ("FAILED", None)
    assert position(admin)["gaps"] == gaps + 1


def test_a_line_that_is_no_entry_is_counted_and_stops_nothing(admin: Session, readers: Readers) -> None:
    unparsed = position(admin)["unparsed_lines"]
    shell(admin, f"echo 'half a line' >> {current(admin)}")
    fails(admin, "create tabel t2 () /* after damage */")
    failures(admin, readers, 1, "%/* after damage */")
    assert position(admin)["unparsed_lines"] == unparsed + 1


def test_half_an_entry_that_nobody_goes_on_writing_takes_no_other_with_it(
    admin: Session, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serverlog, "STALL_SECONDS", 0.0)
    before = position(admin)["unparsed_lines"]
    shell(admin, f"printf 'half a line' >> {current(admin)}")

    def counted() -> bool:
        readers.round()
        return bool(position(admin)["unparsed_lines"] != before)

    eventually(counted, 30)
    fails(admin, "create tabel t3 () /* after half */")
    failures(admin, readers, 1, "%/* after half */")


def test_an_entry_that_is_too_long_to_be_read_is_passed_by_and_counted(
    admin: Session, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serverlog, "READ_BYTES", 4096)
    monkeypatch.setattr(serverlog, "LONGEST_RECORD", 16384)
    readers.round()
    readers.round()
    before = position(admin)["unparsed_lines"]
    fails(admin, f"create tabel t4 () /* too long */ -- {'x' * 60_000}")
    fails(admin, "create tabel t5 () /* after long */")
    failures(admin, readers, 1, "%/* after long */")
    failures(admin, readers, 0, "%/* too long */%")
    assert position(admin)["unparsed_lines"] == before + 1
