"""How errors of the server's log are handed over: whose they are, and each of them once, whoever reads it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.capture.fix_readers import SI, Readers, admin, fails, failures, readers
from tests.capture.fix_serverlog import log_database, log_server
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, value

pytestmark = pytest.mark.majors

__all__ = ["admin", "log_database", "log_server", "readers"]


def test_two_exporters_record_each_failure_once(admin: Session, readers: Readers, log_database: str) -> None:
    other = Readers(log_database)
    try:
        for number in range(5):
            fails(admin, f"create table known (i int) /* twice {number} */")
            fails(admin, f"create tabel known (i int) /* twice {number} */")
            other.round()
            readers.round()
        failures(admin, other, 10, "%/* twice%")
        failures(admin, readers, 10, "%/* twice%")
    finally:
        other.close()


def test_an_error_waits_for_the_attempt_that_is_not_read_yet(admin: Session, readers: Readers) -> None:
    fails(admin, "create table known (i int) /* early */")
    noted = f"select settled_at is null as waits from {SI}.log_error where entry ->> 'statement' like '%/* early */'"

    def read() -> list[Any]:
        assert readers.loop.run_until_complete(readers.log.round())
        return admin.execute(noted.encode()).fetchall()

    assert eventually(read, 30) == [{"waits": True}]
    (row,) = failures(admin, readers, 1, "%/* early */")
    assert row["metadata"]["evidence"] == ["wal", "server_log"]


MOMENT = "to_char({} at time zone current_setting('log_timezone'), 'YYYY-MM-DD HH24:MI:SS.MS \"EST\"')"
BEGAN = "(now() - interval '1 day')"


def merge(admin: Session, back: int, line: int, statement: str) -> object:
    """Hands over an error of this session, logged now, as one who read from `back` bytes before where the log was read
    to; whether it was taken.
    """
    return value(
        admin,
        "select m.moved from script_tracking_internal.log_position as p cross join lateral"
        " script_tracking_internal.merge_log_errors(jsonb_strip_nulls(jsonb_build_object("
        " 'from', jsonb_build_object('file', p.file_name, 'at', p.read_to - %s), 'unparsed', 1, 'gaps', 1, 'to',"
        " case when %s > 0 then jsonb_build_object('format', p.log_format, 'file', p.file_name, 'at', 0) end,"
        " 'entries', jsonb_build_array(jsonb_build_object('session', 'made.up', 'line', %s::int, 'pid', 4194304,"
        f" 'at', {MOMENT.format('now()')}, 'session_start', {MOMENT.format(BEGAN)},"
        " 'sqlstate', '42P07', 'message', 'made up', 'statement', %s::text))))) as m",
        back,
        back,
        line,
        statement,
    )


def test_who_read_from_where_another_has_read_on_changes_nothing(admin: Session, readers: Readers) -> None:
    readers.round()
    before = admin.execute(f"select * from {SI}.log_position".encode()).fetchall()
    errors = value(admin, f"select count(*) from {SI}.log_error")
    assert merge(admin, 1, 1, "create table made_up ()") is False
    assert admin.execute(f"select * from {SI}.log_position".encode()).fetchall() == before
    assert value(admin, f"select count(*) from {SI}.log_error") == errors


@pytest.mark.parametrize(
    ("started", "judged", "hit"),
    [
        ("now() - interval '1 second'", "null", True),
        ("now() - interval '2 minutes'", "now() - interval '1 minute'", False),  # its own error was caught
        ("now() - interval '2 days'", "null", False),  # of a session before, of the same number
    ],
)
def test_an_error_is_not_that_of_another_attempt(
    admin: Session, readers: Readers, started: str, judged: str, hit: bool
) -> None:
    readers.round()
    admin.execute(
        f"insert into {SI}.attempt (attempt_id, started_at, pid, tag, payload, verdict, judged_at, incarnation)"
        f" select md5('made up'), {started}, 4194304, 'CREATE TABLE', jsonb_build_object('sql', 'create table x ()',"
        f" 'ordinal', 1, 'role', 'postgres', 'user', 'postgres'), case when {judged} is not null then 'FAILED' end,"
        f" {judged}, i.incarnation from {SI}.installation as i".encode()
    )
    try:
        assert merge(admin, 0, 1, "create table x ()") is True
        unsettled = f"select count(*) from {SI}.log_error where settled_at is null"
        while value(admin, unsettled):  # until the write-ahead log is read to where it was noted
            readers.round()
        assert value(admin, f"select sqlstate from {SI}.attempt where pid = 4194304") == ("42P07" if hit else None)
    finally:
        admin.execute(f"delete from {SI}.log_error where session_id = 'made.up'".encode())
        admin.execute(f"delete from {SI}.attempt where pid = 4194304".encode())
