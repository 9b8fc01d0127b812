"""What the server's log adds to the record: SQLSTATE and message of DDL that failed, each failure once."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

import psycopg

from tests.capture.fix_readers import SI, Readers, admin, fails, failures, readers
from tests.capture.fix_serverlog import log_database, log_server
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, opened, value

__all__ = ["admin", "log_database", "log_server", "readers"]


def told(row: dict[str, Any]) -> tuple[object, ...]:
    return row["script_name"], row["execution_status"], row["metadata"].get("sqlstate"), row["error_message"]


def test_the_level_is_full(admin: Session, readers: Readers) -> None:
    assert value(admin, f"select capture_level from {SI}.installation") == "full"


def test_each_failure_has_its_sqlstate_and_message_once(admin: Session, readers: Readers, log_database: str) -> None:
    cases = {
        "create table known (i int) /* case 1 */": ("CREATE TABLE", "42P07", 'relation "known" already exists'),
        "alter table nowhere add j int /* case 2 */": ("ALTER TABLE", "42P01", 'relation "nowhere" does not exist'),
        "drop table seen /* case 3 */": ("DROP TABLE", "42809", '"seen" is not a table'),
        "create tabel x () /* case 4 */": ("CREATE", "42601", 'syntax error at or near "tabel"'),
        "create role postgres /* case 5 */": ("CREATE ROLE", "42710", 'role "postgres" already exists'),
        "create index on known (nothing) /* case 6 */": ("CREATE INDEX", "42703", 'column "nothing" does not exist'),
    }
    for statement, (_, sqlstate, _) in cases.items():
        assert fails(admin, statement) == sqlstate
    with opened(log_database, options="-c default_transaction_read_only=on") as session:
        assert fails(session, "create table other (i int) /* case 7 */") == "25006"
    rows = failures(admin, readers, 7, "%/* case%")
    told_of = {row["sql_command"]: row for row in rows}
    for statement, (tag, sqlstate, message) in cases.items():
        assert told(told_of[statement]) == (tag, "FAILED", sqlstate, message)
    assert told(told_of["create table other (i int) /* case 7 */"])[:3] == ("CREATE TABLE", "FAILED", "25006")
    evidence = [told_of[f]["metadata"]["evidence"] for f in [*cases, "create table other (i int) /* case 7 */"]]
    announced, alone = ["wal", "server_log"], "server_log"
    assert evidence == [announced, announced, announced, alone, alone, announced, alone]
    for row, source in zip((told_of[statement] for statement in cases), evidence, strict=False):
        # the log has milliseconds; when a statement began that was not announced is not in it
        known = (row["execution_duration_ms"], row["metadata"].get("duration_us")) != (None, None)
        assert known == (source == announced), row["sql_command"]
        assert not known or row["execution_duration_ms"] == row["metadata"]["duration_us"] // 1000 < 60_000
    first = told_of["create table known (i int) /* case 1 */"]
    assert first["client_ip"] in ("127.0.0.1/32", "172.17.0.1/32") and first["db_session_user"] == "postgres"
    assert told_of["create tabel x () /* case 4 */"]["metadata"]["server_log"]["position"] == 8
    assert all(abs(row["age"].total_seconds()) < 600 for row in rows)  # log_timezone is another one than the session's


def test_timeouts_and_cancels(admin: Session, readers: Readers, log_database: str) -> None:
    admin.execute("create table busy (i int)")
    with opened(log_database) as holder, opened(log_database) as session:
        holder.execute("begin; lock table busy")
        session.execute("set lock_timeout = '50ms'")
        assert fails(session, "alter table busy add a int /* timed */") == "55P03"
        session.execute("set lock_timeout = 0; set statement_timeout = '2s'")
        assert fails(session, "alter table busy add b int /* timed */") == "57014"
        session.execute("set statement_timeout = 0")

        def cancel() -> None:
            eventually(lambda: value(admin, "select count(*) from pg_locks where not granted"), 30)
            session.cancel()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        assert fails(session, "alter table busy add c int /* timed */") == "57014"
        canceller.join()
        holder.execute("rollback")
    rows = failures(admin, readers, 3, "%/* timed */")
    assert [row["metadata"]["sqlstate"] for row in rows] == ["55P03", "57014", "57014"]
    assert [row["script_name"] for row in rows] == ["ALTER TABLE"] * 3
    assert "lock timeout" in rows[0]["error_message"]
    assert "statement timeout" in rows[1]["error_message"]
    assert "user request" in rows[2]["error_message"]
    # up to the error in the log: the timeouts have just passed, that of a statement began before it announced itself
    assert 45 <= rows[0]["execution_duration_ms"] < 30_000
    assert 500 <= rows[1]["execution_duration_ms"] < 30_000
    assert 0 <= rows[2]["execution_duration_ms"] < 30_000
    assert rows[0]["metadata"]["duration_us"] // 1000 == rows[0]["execution_duration_ms"]


def test_a_terminated_session_is_interrupted(admin: Session, readers: Readers, log_database: str) -> None:
    statement = "create table slow as select 1 as x from pg_sleep(30) /* ended */"

    def run() -> None:
        with suppress(psycopg.Error), opened(log_database) as session:
            session.execute(statement.encode())

    thread = threading.Thread(target=run)
    thread.start()
    # asleep it has announced itself: what is ended before has no start in the record
    find = "select pg_terminate_backend(pid) from pg_stat_activity where query = %s and wait_event = 'PgSleep'"
    eventually(lambda: admin.execute(find.encode(), (statement,)).fetchall(), 30)
    thread.join()
    (row,) = failures(admin, readers, 1, "%/* ended */")
    assert told(row)[:3] == ("CREATE TABLE AS", "INTERRUPTED", "57P01")
    assert 0 <= row["execution_duration_ms"] < 30_000


def test_an_error_within_functions_belongs_to_all_that_it_ended(admin: Session, readers: Readers) -> None:
    assert fails(admin, "select inner_ddl() /* nested */") == "42P07"
    assert fails(admin, "create table made as select inner_ddl() /* nested */") == "42P07"
    assert (
        fails(
            admin,
            "do $$ begin begin execute 'create table known ()'; exception when others then null; end; "
            "create table caught_one (i int); perform 1 / 0; end $$ /* nested */",
        )
        == "22012"
    )
    rows = failures(admin, readers, 5, "%/* nested */")
    assert [told(row)[:3] for row in rows[:3]] == [
        ("CREATE TABLE", "FAILED", "42P07"),
        ("CREATE TABLE AS", "FAILED", "42P07"),
        ("CREATE TABLE", "FAILED", "42P07"),
    ]
    assert "create table known" in rows[0]["metadata"]["server_log"]["context"]
    assert [told(row)[:3] for row in rows[3:]] == [
        ("CREATE TABLE", "FAILED", None),  # of an error that was caught, which no log tells: not of the later one
        ("CREATE TABLE", "ROLLED_BACK", None),
    ]


def test_one_of_several_statements(admin: Session, readers: Readers) -> None:
    assert fails(admin, "create table one (i int); create view one as select 1; drop table a /* several */") == "42P07"
    rows = failures(admin, readers, 2, "%/* several */")
    assert [told(row)[:3] for row in rows] == [
        ("CREATE TABLE", "ROLLED_BACK", None),
        ("CREATE VIEW", "FAILED", "42P07"),
    ]


def test_what_is_no_ddl_leaves_nothing(admin: Session, readers: Readers, log_database: str) -> None:
    before = value(admin, f"select count(*) from {SI}.log_error")
    assert fails(admin, "select 1 / 0 /* no ddl */") == "22012"
    assert fails(admin, "select 'create table x' from nowhere /* no ddl */") == "42P01"
    assert fails(admin, "crate table t () /* no ddl */") == "42601"
    with opened(log_database, dbname="postgres") as elsewhere:
        assert fails(elsewhere, "create table pg_class_x (i nothing) /* no ddl */") == "42704"
    assert failures(admin, readers, 0, "%/* no ddl */") == []
    assert value(admin, f"select count(*) from {SI}.log_error") == before


def test_no_secret_of_a_failed_statement_is_kept(admin: Session, readers: Readers) -> None:
    fails(admin, "create role postgres password 'hunter2secret' /* hidden */")
    fails(admin, "alter role nobody_here password hunter2secret /* hidden */")
    fails(admin, "create user mapping for nobody server nowhere options (password 'hunter2secret') /* hidden */")
    # no name announces these
    fails(admin, "create role joe pasword 'hunter2-typo' /* hidden */")
    fails(admin, "create role joe login 'hunter2-typo' /* hidden */")
    # put together on the server, so that they stand in the error's other parts alone
    secret = "'pass' || 'word=hunter2' || 'secret'"
    admin.execute(
        "create function tells() returns int language plpgsql as"
        f" $$ begin raise using message = {secret}, detail = {secret}, hint = {secret}; end $$".encode()
    )
    fails(admin, "create table never as select tells() /* hidden */")
    fails(admin, f"do $$ begin execute 'comment on table nowhere is ' || quote_literal({secret}); end $$ /* hidden */")
    fails(admin, f"do $$ begin execute 'create table q (a int default b) -- ' || {secret}; end $$ /* hidden */")
    deadline = time.monotonic() + 120
    noted = (
        f"select count(*) from {SI}.log_error"
        " where entry ->> 'statement' ~ 'hidden|withheld' and settled_at is not null"
    )
    while value(admin, noted) != 8:
        assert time.monotonic() < deadline, admin.execute(f"select entry from {SI}.log_error".encode()).fetchall()
        readers.round()
        time.sleep(0.1)
    for text in (
        f"select entry::text as t from {SI}.log_error",
        f"select a::text as t from {SI}.attempt as a",
        "select s::text as t from script_tracking.script_execution_s as s",
    ):
        assert not [
            row
            for row in admin.execute(text.encode()).fetchall()
            if "hunter2secret" in row["t"] or "hunter2-typo" in row["t"]
        ]
    parts = f"select count(*) from {SI}.log_error where entry ->> %s like '%%password=[redacted]%%'"
    assert {part: value(admin, parts, part) for part in ("message", "detail", "hint", "context", "query")} == {
        **{"message": 1, "detail": 1, "hint": 1, "context": 1, "query": 1}
    }


def test_a_log_that_is_read_late_adds_to_the_record_what_it_knows(admin: Session, readers: Readers) -> None:
    assert fails(admin, "drop table nowhere /* late */") == "42P01"
    versions = (
        "select s.execution_duration_ms, s.metadata from script_tracking.script_execution_s as s"
        " where s.sql_command like '%%/* late */' and s.script_name = %s order by s.version_number"
    )

    def by_the_write_ahead_log() -> bool:
        assert readers.loop.run_until_complete(readers.wal.round())
        # a minute goes by once the verdict is known
        minute = f"update {SI}.attempt set judged_at = clock_timestamp() - interval '61 s' where recorded_at is null"
        admin.execute(minute.encode())
        return bool(admin.execute(versions.encode(), ("DROP TABLE",)).fetchall())

    eventually(by_the_write_ahead_log, 10)
    # the verdict was not before the error in truth
    admin.execute(f"update {SI}.attempt set judged_at = clock_timestamp() where sqlstate is null".encode())
    (row,) = failures(admin, readers, 1, "%/* late */")
    assert told(row) == ("DROP TABLE", "FAILED", "42P01", 'table "nowhere" does not exist')
    first, last = admin.execute(versions.encode(), ("DROP TABLE",)).fetchall()
    assert (first["execution_duration_ms"], first["metadata"].get("duration_us")) == (None, None)
    assert last["execution_duration_ms"] == last["metadata"]["duration_us"] // 1000
    assert last["metadata"]["revises"]
