"""How long the record of a failure waits for a log that is behind, and an error of the log for its attempt."""

from __future__ import annotations

from typing import Any

import pytest

from tests.capture.fix_readers import SI, Readers, admin, fails, failures, readers
from tests.capture.fix_serverlog import log_database, log_server
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, value

__all__ = ["admin", "log_database", "log_server", "readers"]

RECORDED = "select (recorded_at is not null) as found from {}.attempt where payload ->> 'sql' = %s"
BEHIND = (
    "bytes_behind = 1, read_at = clock_timestamp()",
    "bytes_behind = 0, read_at = clock_timestamp() - interval '62 s'",
)
KEPT_UP = "bytes_behind = 0, read_at = clock_timestamp()"


def judged(admin: Session, readers: Readers, statement: str, attempts: int = 1) -> None:
    """The verdict is known on a statement that has failed; the log that tells of it is not read any further."""
    verdict = f"select verdict from {SI}.attempt where payload ->> 'sql' = %s"

    def known() -> bool:
        admin.execute(f"update {SI}.log_position set {BEHIND[0]}".encode())
        assert readers.loop.run_until_complete(readers.wal.round())
        return [row["verdict"] for row in admin.execute(verdict.encode(), (statement,))] == ["FAILED"] * attempts

    eventually(known, 60)


def recorded_after(admin: Session, statement: str, seconds: int, log: str) -> bool:
    """Whether it is on record so many seconds after the verdict, by how the reading of the log stands."""
    admin.execute(
        f"begin; update {SI}.log_position set {log};"
        f" update {SI}.attempt set judged_at = clock_timestamp() - interval '{seconds} s' where recorded_at is null;"
        f" select {SI}.judge_attempts(); commit".encode()
    )
    (row,) = admin.execute(RECORDED.format(SI).encode(), (statement,)).fetchall()
    return bool(row["found"])


@pytest.mark.parametrize("log", BEHIND, ids=["bytes behind", "not read since"])
def test_a_failure_waits_a_minute_for_a_log_that_is_behind(admin: Session, readers: Readers, log: str) -> None:
    statement = f"drop table seen /* {log} */"
    assert fails(admin, statement) == "42809"
    judged(admin, readers, statement)
    assert not recorded_after(admin, statement, 30, log)
    assert recorded_after(admin, statement, 61, log)
    told = "select count(*) || min(execution_status) from script_tracking.script_execution_s where sql_command = %s"
    assert value(admin, told, statement) == "1FAILED"
    # what the log tells once it is read is added; the verdict was not before the error in truth
    admin.execute(f"update {SI}.attempt set judged_at = clock_timestamp()".encode())
    (row,) = failures(admin, readers, 1, f"%{log}%")
    assert (row["metadata"]["sqlstate"], row["metadata"]["evidence"]) == ("42809", ["wal", "server_log"])


def test_it_waits_until_the_log_was_read_after_the_verdict(admin: Session, readers: Readers) -> None:
    statement = "drop table seen /* not in the log */"
    assert fails(admin, statement) == "42809"
    judged(admin, readers, statement)
    assert recorded_after(admin, statement, 3, KEPT_UP)


def unread(admin: Session, readers: Readers, statement: str) -> None:
    """A failure of which the log tells before the write-ahead log is read."""
    fails(admin, statement)
    noted = f"select count(*) from {SI}.log_error where entry ->> 'statement' = %s and settled_at is null"

    def is_noted() -> bool:
        assert readers.loop.run_until_complete(readers.log.round())
        return value(admin, noted, statement) == 1

    eventually(is_noted, 60)


def settled_after(admin: Session, statement: str, minutes: int) -> list[Any]:
    """What is on record of it when its error has waited for so long."""
    admin.execute(
        f"begin; update {SI}.log_error set seen_at = clock_timestamp() - interval '{minutes} min'"
        f" where settled_at is null; select {SI}.settle_log_errors(); commit".encode()
    )
    return admin.execute(
        "select metadata ->> 'sqlstate' as sqlstate, metadata ->> 'evidence' as evidence"
        " from script_tracking.script_execution_s where sql_command = %s",
        (statement,),
    ).fetchall()


def read_late(admin: Session, readers: Readers, statement: str, attempts: int) -> list[tuple[str, ...]]:
    """Its records once its attempts have come, sixteen minutes after they began."""
    judged(admin, readers, statement, attempts)
    late = f"update {SI}.attempt set seen_at = started_at + interval '16 min' where payload ->> 'sql' = %s"
    admin.execute(late.encode(), (statement,))
    admin.execute("select pg_sleep(2.1)")  # the verdict waits so long for a log that keeps up
    admin.execute(f"begin; update {SI}.log_position set {KEPT_UP}; select {SI}.judge_attempts(); commit".encode())
    assert value(admin, f"select count(*) from {SI}.attempt where recorded_at is null and verdict = 'FAILED'") == 0
    return versions(admin, statement)


def versions(admin: Session, statement: str) -> list[tuple[str, ...]]:
    """All that is on record of a statement."""
    rows = admin.execute(
        "select script_name, metadata ->> 'evidence' as evidence, execution_status, metadata ->> 'sqlstate' as sqlstate"
        " from script_tracking.script_execution_s where sql_command = %s order by script_name, load_date",
        (statement,),
    )
    return [tuple(row.values()) for row in rows]


def test_an_error_waits_a_quarter_of_an_hour_for_its_attempt(admin: Session, readers: Readers) -> None:
    statement = "drop table seen /* its attempt is not read */"
    unread(admin, readers, statement)
    assert settled_after(admin, statement, 14) == []
    assert settled_after(admin, statement, 16) == [{"sqlstate": "42809", "evidence": "server_log"}]


def test_an_attempt_that_is_read_after_its_error_is_on_record_gets_no_second_record(
    admin: Session, readers: Readers
) -> None:
    statement = "drop table seen /* its attempt is read late */"
    unread(admin, readers, statement)
    assert settled_after(admin, statement, 16) == [{"sqlstate": "42809", "evidence": "server_log"}]
    alone = [("DROP TABLE", "server_log", "FAILED", "42809")]
    assert read_late(admin, readers, statement, 1) == alone
    assert value(admin, f"select count(*) from {SI}.log_error where entry ? 'overdue'") == 0
    readers.round()
    assert versions(admin, statement) == alone


def test_what_failed_within_it_gets_its_own(admin: Session, readers: Readers) -> None:
    statement = "create table outer_late as select inner_ddl() /* both are read late */"
    unread(admin, readers, statement)
    assert settled_after(admin, statement, 16) == [{"sqlstate": "42P07", "evidence": "server_log"}]
    assert read_late(admin, readers, statement, 2) == [
        ("CREATE TABLE", '["wal", "server_log"]', "FAILED", "42P07"),
        ("CREATE TABLE AS", "server_log", "FAILED", "42P07"),
    ]
