"""A server's files, read raw: no secret of a statement in what the tracker adds to its WAL and its log."""

from __future__ import annotations

import csv
import io
import json
import random
import string
from collections.abc import Iterator

import psycopg
import pytest

from tests.capture.fix_serverlog import configure, log_database, log_server
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, history, opened, value

__all__ = ["log_database", "log_server"]

SI = "script_tracking_internal"
PAGE = 8192

# Each has a secret, %s, that PostgreSQL itself writes into no catalog in clear: what would, fails before it does.
SUCCEED = (
    "create role r_raw password '%s'; create table raw_1 (); drop role r_raw",
    "/* password=%s */ create table raw_2 ()",
    "do $body$ declare v_password text := '%s'; begin create table raw_3 (); end $body$",
    "do $$ begin perform dblink_connect('c', 'host=h password=%s'); exception when others then"
    " create table raw_4 (); end $$",
    "set app.token = %s; create table raw_5 (); reset app.token",
    "do $$ begin execute 'create table raw_6 () /* api_key: %s */'; end $$",
)
FAIL = (
    "create table raw_7 (); create role postgres password '%s'",
    "create table raw_7 (); alter user mapping for public server missing options (set password '%s')",
    "alter user mapping for public server missing options (set password '%s')",
    "alter user mapping for public server missing options (set password %s)",
    "create server s foreign data wrapper missing options (account '%s')",
    "create subscription s connection 'host=h password=%s' publication p with (nonsense = true)",
    "create view raw_7 as select dblink('host=h password=%s', 'select 1')",
    "create text search dictionary d (template = simple, password = %s)",
    "alter table raw_1 set (password = %s)",
    "create unlogged table raw_7 (token text); insert into raw_7 (token) values ('%s');"
    " insert into raw_7 select token from raw_7;"
    " create unique index on raw_7 (token)",
    "do $$ begin create table raw_7 (); raise exception 'no' using detail = 'password=%s'; end $$",
)


class Secrets:
    """Secrets that stand nowhere else, by the statement that holds each."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def put(self, statement: str) -> bytes:
        """The statement, with a secret of its own."""
        secret = "".join(random.choices("bcdghjkqvwxz", k=16))  # no word of a message is part of it
        self.made.append(secret)
        return statement.replace("%s", secret).encode()

    def left_in(self, text: str | bytes) -> list[str]:
        """Those that a text holds."""
        haystack = text if isinstance(text, bytes) else text.encode()
        return [secret for secret in self.made if secret.encode() in haystack]


@pytest.fixture(scope="module")
def admin(log_database: str) -> Iterator[Session]:
    with opened(log_database) as session:
        session.execute(f"update {SI}.installation set capture_level = 'full'".encode())
        yield session


def wal_since(session: Session, first: str) -> bytes:
    """What stands in the segments from `first` on, without the headers of the pages, which cut records in two."""
    names = session.execute(
        "select name from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$' and name >= %s order by name", (first,)
    ).fetchall()
    found = bytearray()
    for row in names:
        data = value(session, "select pg_read_binary_file('pg_wal/' || %s)", row["name"])
        assert isinstance(data, bytes)
        for start in range(0, len(data), PAGE):
            long_header = int.from_bytes(data[start + 2 : start + 4], "little") & 2
            found += data[start + (40 if long_header else 24) : start + PAGE]
    return bytes(found)


def log_of(session: Session, kind: str) -> str:
    """The server's current log of that kind, complete up to here."""
    mark = "".join(random.choices(string.ascii_uppercase, k=16))
    session.execute(f"do $$ begin raise log '{mark}'; end $$".encode())

    def read() -> str | None:
        file = value(session, "select pg_current_logfile(%s)", kind)
        text = str(value(session, "select pg_read_file(%s)", file)) if file else ""
        return text if mark in text else None

    return eventually(read, 10)


def entries(session: Session) -> list[dict[str, str]]:
    """What the session's process logged, from the csvlog."""
    rows = csv.reader(io.StringIO(log_of(session, "csvlog")))
    names = {11: "severity", 13: "message", 14: "detail", 18: "context", 19: "statement"}
    found = [
        {"whole": repr(row), **{name: row[column] for column, name in names.items()}}
        for row in rows
        if row[3] == str(session.info.backend_pid)
    ]
    return [entry for entry in found if not entry["message"].isupper()]


def ours(session: Session) -> list[dict[str, str]]:
    """Those of them that the tracker wrote."""
    return [entry for entry in entries(session) if entry["message"].startswith("script_tracking: ")]


def test_no_secret_is_in_the_write_ahead_log_or_a_line_that_is_ours(admin: Session) -> None:
    secrets = Secrets()
    admin.execute("select pg_switch_wal()")
    first = str(value(admin, "select pg_walfile_name(pg_current_wal_insert_lsn())"))
    for statement in SUCCEED:
        admin.execute(secrets.put(statement))
    for statement in FAIL:
        with pytest.raises(psycopg.Error):
            admin.execute(secrets.put(statement))
    # what no commit follows may not be written out yet
    with admin.transaction():
        admin.execute("set local synchronous_commit = on; select pg_logical_emit_message(true, 'tick', 'the end')")

    wal = wal_since(admin, first)
    assert wal.count(b'{"v": 1, "e": "start"') >= len(SUCCEED) + 8, "the messages are not found"
    for name in (b"raw_1 ()", b"raw_6 ()", b"nonsense = true", b"raw_7 select token"):
        assert name in wal, "what the messages hold is not found"
    assert b"[redacted]" in wal and b"the end" in wal
    assert secrets.left_in(wal) == []
    assert secrets.left_in(str(history(admin))) == []

    # the user's own failures are there, with secrets, and nothing beside them
    logged = [entry for entry in entries(admin) if entry["severity"] != "LOG"]
    assert [entry["severity"] for entry in logged] == ["ERROR"] * len(FAIL)
    assert len(secrets.left_in(str(logged))) == len(FAIL)
    assert ours(admin) == []


@pytest.fixture
def faults(admin: Session) -> Iterator[Session]:
    """No record can be written, and the error quotes the user's text."""
    admin.execute(
        "select pg_advisory_lock(6001874101); create function fault() returns trigger language plpgsql as"
        " $$ begin raise exception 'no room for %', current_query(); end $$;"
        f" alter function {SI}.emit_message rename to elsewhere;"
        " create trigger fault before insert on script_tracking.script_execution_s for each row"
        " when (new.script_type = 'DDL') execute function fault()"
    )
    try:
        yield admin
    finally:
        admin.execute(
            "begin; set local session_replication_role = replica; set local script_tracking_internal.installing = 'on';"
            f" drop function fault() cascade; alter function {SI}.elsewhere rename to emit_message; commit;"
            " select pg_advisory_unlock(6001874101)"
        )


def test_a_fault_of_the_tracker_puts_no_secret_into_the_log(faults: Session) -> None:
    secrets = Secrets()
    lost = f"select last_value from {SI}.lost_record_seq"
    before = value(faults, lost)
    assert isinstance(before, int)
    faults.execute(secrets.put("create table raw_8 () /* token=%s */"))
    faults.execute(secrets.put("comment on table raw_8 is 'password: %s'"))
    lines = ours(faults)
    assert {entry["message"].split(":")[1] for entry in lines[-6:]} == {
        " start of CREATE TABLE not noted",
        " record of CREATE TABLE lost",
        " start of COMMENT not noted",
        " record of COMMENT lost",
        " loss of CREATE TABLE not announced",
        " loss of COMMENT not announced",
    }
    assert "no room for comment on table raw_8 is 'password: [redacted]'" in str(lines)
    # of a statement's own statements PostgreSQL writes the text beside the line: then there is none
    faults.execute(secrets.put("do $$ begin execute 'create table raw_9 () /* token=%s */'; end $$"))
    assert len(ours(faults)) == len(lines)
    faults.execute("do $$ begin execute 'create table raw_10 ()'; end $$")
    assert len(ours(faults)) == len(lines) + 3
    assert value(faults, lost) == before + 4

    for entry in ours(faults):
        assert secrets.left_in(entry["whole"]) == []
        assert entry["statement"] == ""
    if value(faults, "select current_setting('log_destination')") == "csvlog,jsonlog":
        told = [json.loads(line) for line in log_of(faults, "jsonlog").splitlines()]
        told = [entry for entry in told if entry["message"].startswith("script_tracking: ")]
        assert told
        assert secrets.left_in(str(told)) == []
        assert not [entry for entry in told if "statement" in entry]


def test_a_log_of_text_says_the_fault_without_the_statements_around_it(faults: Session) -> None:
    secrets = Secrets()
    with opened(str(faults.info.dsn)) as session:
        configure(session, log_destination="stderr")
        try:
            faults.execute(secrets.put("do $$ begin execute 'create table raw_11 () /* token=%s */'; end $$"))
            log = log_of(session, "stderr")
        finally:
            configure(session, log_destination="csvlog,jsonlog" if session.info.server_version >= 150000 else "csvlog")
    assert "script_tracking: record of CREATE TABLE lost: P0001 no room for" in log
    assert secrets.left_in(log) == []
    assert value(
        faults, "select current_setting('log_min_error_statement') || current_setting('log_error_verbosity')"
    ) == ("errordefault")


def test_a_refusal_tells_no_secret_of_its_own(faults: Session) -> None:
    secrets = Secrets()
    faults.execute("create table if not exists raw_1 ()")
    faults.execute("select script_tracking.set_capture_policy(null, 'COMMENT', true)")
    try:
        with pytest.raises(psycopg.Error) as caught:
            faults.execute(secrets.put("comment on table raw_1 is 'password: %s'"))
    finally:
        faults.execute("select script_tracking.set_capture_policy(null, 'COMMENT', null)")
    assert caught.value.sqlstate == "ST005"
    assert "no room for comment on table raw_1 is 'password: [redacted]'" in str(caught.value.diag.message_detail)
    (entry,) = [entry for entry in entries(faults) if entry["message"].startswith("COMMENT refused")]
    assert secrets.left_in(entry["message"] + entry["detail"] + entry["context"]) == []
