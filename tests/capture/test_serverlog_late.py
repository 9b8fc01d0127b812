"""DDL that had announced its end and failed all the same: one record, which says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.capture.fix_readers import SI, Readers, admin, fails, failures, readers
from tests.capture.fix_serverlog import log_database, log_server
from tests.fix_sessions import Session, opened, value

__all__ = ["admin", "log_database", "log_server", "readers"]


@pytest.fixture(scope="module")
def deferring(admin: Session) -> Iterator[Session]:
    """A superuser's session in a database with a function whose row the commit refuses."""
    admin.execute("create table owner_of (id int primary key)")
    admin.execute("create table owned (id int references owner_of deferrable initially deferred)")
    admin.execute(
        "create function orphan() returns int language sql volatile as $$ insert into owned values (1) returning id $$"
    )
    yield admin


def outcome(row: dict[str, Any]) -> tuple[object, ...]:
    return row["script_name"], row["execution_status"], row["metadata"]["evidence"], row["metadata"].get("sqlstate")


BOTH = ["wal", "server_log"]


@pytest.mark.parametrize("prepared", [False, True], ids=["simple protocol", "extended protocol"])
def test_what_the_commit_refuses_is_one_failure(deferring: Session, readers: Readers, prepared: bool) -> None:
    statement = f"create table late_{prepared} as select orphan() as id"
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        deferring.execute(statement.encode(), prepare=prepared)
    (row,) = failures(deferring, readers, 1, f"%late_{prepared} %")
    assert outcome(row) == ("CREATE TABLE AS", "FAILED", BOTH, "23503")
    assert "owned_id_fkey" in str(row["error_message"])


def test_of_a_string_of_several_the_last_has_failed(deferring: Session, readers: Readers) -> None:
    assert (
        fails(deferring, "create table first_late (id int); create table last_late as select orphan() as id") == "23503"
    )
    rows = failures(deferring, readers, 2, "%first_late%")
    assert [outcome(row) for row in rows] == [
        ("CREATE TABLE", "ROLLED_BACK", "wal", None),
        ("CREATE TABLE AS", "FAILED", BOTH, "23503"),
    ]


def test_what_another_statement_failed_of_was_rolled_back(
    deferring: Session, readers: Readers, log_database: str
) -> None:
    assert fails(deferring, "create table before_it (id int); select 1 / 0 /* other */") == "22012"
    with opened(log_database) as session:
        session.execute("begin")
        session.execute("create table alone_late as select orphan() as id")
        assert fails(session, "commit") == "23503"
        session.execute("begin")
        session.execute("create table twice_late (id int)")
        assert fails(session, "select 1 / 0 /* other */") == "22012"
        assert fails(session, "create table twice_late (id int)") == "25P02"
        session.execute("rollback")
    rows = failures(deferring, readers, 1, "%before_it%") + failures(deferring, readers, 1, "%alone_late%")
    assert [outcome(row) for row in rows] == [
        ("CREATE TABLE", "ROLLED_BACK", "wal", None),
        ("CREATE TABLE AS", "ROLLED_BACK", "wal", None),
    ]
    refused, rolled_back = sorted(outcome(row) for row in failures(deferring, readers, 2, "%twice_late%"))
    assert refused == ("CREATE TABLE", "FAILED", "server_log", "25P02")
    assert rolled_back == ("CREATE TABLE", "ROLLED_BACK", "wal", None)


def test_what_was_rolled_back_to_a_savepoint_after_its_failure(
    deferring: Session, readers: Readers, log_database: str
) -> None:
    with opened(log_database) as session:
        session.execute("begin; savepoint one")
        session.execute("set constraints all immediate")
        assert fails(session, "create table inner_late as select orphan() as id") == "23503"
        session.execute("rollback to one; commit")
    (row,) = failures(deferring, readers, 1, "%inner_late%")
    assert outcome(row) == ("CREATE TABLE AS", "FAILED", BOTH, "23503")


def test_a_log_that_is_read_late_says_of_what_was_rolled_back_that_it_failed(
    deferring: Session, readers: Readers
) -> None:
    """The record of the rollback stands by then: another version follows, and no other execution."""
    assert fails(deferring, "create table overdue_late as select orphan() as id") == "23503"
    readers.loop.run_until_complete(readers.wal.round())
    judged = f"update {SI}.attempt set judged_at = {{}} where verdict = 'ROLLED_BACK'"
    deferring.execute(judged.format("judged_at - interval '1 hour'").encode())
    deferring.execute(f"update {SI}.log_position set read_at = clock_timestamp(), bytes_behind = 0")
    readers.loop.run_until_complete(readers.wal.round())
    versions = (
        "select string_agg(execution_status, ', ' order by load_date) from script_tracking.script_execution_s"
        " where sql_command like '%overdue_late%'"
    )
    assert value(deferring, versions) == "ROLLED_BACK"
    deferring.execute(judged.format("clock_timestamp()").encode())
    (row,) = failures(deferring, readers, 1, "%overdue_late%")
    assert outcome(row) == ("CREATE TABLE AS", "FAILED", BOTH, "23503")
    assert value(deferring, versions) == "ROLLED_BACK, FAILED"
