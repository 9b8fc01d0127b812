"""To which attempt an error of the server's log is given, and when."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_sessions import Session, one, value

SI = "script_tracking_internal"
STATEMENT = "create table subject ()"

ATTEMPTS = f"""
insert into {SI}.attempt (attempt_id, started_at, pid, tag, payload, ended_at, end_xid, incarnation)
select md5(%(key)s || n), now() - interval '1 second' - n * interval '1 minute', %(pid)s, 'CREATE TABLE',
  jsonb_build_object('sql', %(sql)s::text, 'ordinal', 1, 'role', 'postgres', 'user', 'postgres'),
  %(ended)s::timestamptz, %(xid)s::xid8, i.incarnation
from {SI}.installation as i, generate_series(0, %(more)s) as n
"""
ERROR = f"""
insert into {SI}.log_error (session_id, line, logged_at, session_start, pid, entry)
values ('of.log', 1, now(), now() - interval '1 year', %(pid)s, jsonb_build_object(
  'tag', 'CREATE TABLE', 'txid', %(xid)s::text, 'sqlstate', '23505', 'message', 'duplicate', 'statement', %(sql)s::text,
  'statement_start', %(sql)s::text, 'ends_session', false))
"""
SCANS = f"""
select seq_scan, idx_scan from pg_stat_xact_all_tables where relid = '{SI}.attempt'::regclass
"""


@pytest.mark.parametrize("ended", [None, "now"])
def test_an_error_is_held_against_its_process_alone(admin: Session, ended: str | None) -> None:
    with admin.transaction():
        # others of days, and one of this process
        admin.execute(
            ATTEMPTS.encode(), {"key": "o", "pid": 1, "sql": STATEMENT, "ended": ended, "xid": "3", "more": 9999}
        )
        admin.execute(
            ATTEMPTS.encode(), {"key": "m", "pid": 2, "sql": STATEMENT, "ended": ended, "xid": "3", "more": 0}
        )
        admin.execute(ERROR.encode(), {"pid": 2, "xid": "3", "sql": STATEMENT})
    admin.execute(f"analyze {SI}.attempt".encode())
    with admin.transaction():
        before = one(admin, SCANS)
        found = value(admin, f"select {SI}.attempt_of_error(e) from {SI}.log_error as e")
        after = one(admin, SCANS)
    assert found == value(admin, "select md5('m' || 0)")
    assert after["seq_scan"] == before["seq_scan"], "it reads every attempt for each error"
    assert after["idx_scan"] > before["idx_scan"]


def test_an_error_waits_for_the_end_of_the_transaction_that_announced_its_end(
    admin: Session, installed_database: str
) -> None:
    settle = f"select {SI}.settle_log_errors()"
    with psycopg.connect(installed_database) as other:
        (xid,) = other.execute("select pg_current_xact_id()::text").fetchone() or ("",)
        admin.execute(
            ATTEMPTS.encode(), {"key": "m", "pid": 2, "sql": STATEMENT, "ended": "now", "xid": xid, "more": 0}
        )
        admin.execute(ERROR.encode(), {"pid": 2, "xid": xid, "sql": STATEMENT})
        assert value(admin, settle) == 1
        assert value(admin, f"select verdict from {SI}.attempt") is None
        other.rollback()
        assert value(admin, settle) == 0
    row = one(admin, f"select verdict, sqlstate from {SI}.attempt")
    assert row == {"verdict": "FAILED", "sqlstate": "23505"}
    current = "select execution_status from script_tracking.script_execution_s where sql_command = %s"
    assert value(admin, current, STATEMENT) == "FAILED"


@pytest.mark.majors  # waits for ten seconds
def test_what_concerns_no_ddl_takes_its_time_as_well(admin: Session) -> None:
    admin.execute(
        f"insert into {SI}.log_error (session_id, line, logged_at, session_start, pid, entry)"
        " select 'x', n, now(), now(), 0, '{}' from generate_series(1, 3) as n".encode()
    )
    admin.execute(f"do $$ begin perform pg_sleep(10.1); perform {SI}.settle_log_errors(); end $$".encode())
    assert value(admin, f"select count(*) from {SI}.log_error") == 2
    assert value(admin, f"select {SI}.settle_log_errors()") == 0
