"""A database that takes any bytes (SQL_ASCII), and names that come from one: recorded, told in ASCII."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from exporter.client import Tracker
from tests.capture.reconciling import passes
from tests.capture.slot import open_slot
from tests.fix_databases import new_database
from tests.fix_exporter import becomes
from tests.fix_sessions import Session, history, opened, value
from tests.installing import installed
from tests.postgres_server import Server

# ruff: noqa: E501

SI = "script_tracking_internal"
RAW = b"caf\xe9"
TOLD = r"caf\351"


@pytest.fixture(scope="module")
def ascii_database(postgres: Server) -> Iterator[str]:
    with new_database(postgres, encoding="SQL_ASCII") as database:
        dsn = make_conninfo(database, client_encoding="UTF8")
        asyncio.run(installed(dsn))
        yield dsn


@pytest.fixture
def raw(ascii_database: str) -> Iterator[Session]:
    """A session that sends bytes as they are."""
    with opened(make_conninfo(ascii_database, client_encoding="SQL_ASCII")) as session:
        yield session


@pytest.fixture
def reader(ascii_database: str) -> Iterator[Session]:
    """One that refuses what is no UTF-8."""
    with opened(ascii_database) as session:
        yield session


def lost(session: Session) -> object:
    return value(session, f"select lost_records_total from {SI}.collect_capture()")


@pytest.mark.parametrize("level", ["basic", "failures"])
def test_ddl_is_recorded_with_its_bytes_told(raw: Session, reader: Session, level: str) -> None:
    reader.execute(f"update {SI}.installation set capture_level = '{level}'".encode())
    before = value(reader, "select coalesce(max(version_number), 0) from script_tracking.script_execution_s")
    unannounced = value(reader, f"select last_value from {SI}.unannounced_ddl_seq")
    name, long = b'public."' + RAW + b'"', b" /* " + b"x" * 2000 + b" */"
    for statement in (
        b"create table " + name + b" (id int, note text)",
        b"comment on table " + name + b" is 'a ''quoted'' \\ and \\\\ " + RAW + b"'",
        b"alter table " + name + b" alter id type bigint" + long,
        b"do $$ begin execute 'create index on " + name + b" (id)'; end $$",
        b"do $$ begin execute 'comment on table " + name + b" is ''n''" + long + b"'; end $$",
        b"grant select on " + name + b" to public",
        b"create table if not exists " + name + b" ()",
        b"drop table " + name,
    ):
        raw.execute(statement)
    rows = reader.execute(
        "select * from script_tracking.script_execution_s where version_number > %s order by version_number", (before,)
    ).fetchall()
    assert [(row["script_name"], row["execution_status"]) for row in rows] == [
        ("CREATE TABLE", "COMPLETED"),
        ("COMMENT", "COMPLETED"),
        ("ALTER TABLE", "COMPLETED"),
        ("CREATE INDEX", "COMPLETED"),
        ("COMMENT", "COMPLETED"),
        ("GRANT", "COMPLETED"),
        ("CREATE TABLE", "NOOP"),
        ("DROP TABLE", "COMPLETED"),
    ]
    assert {str(row["affected_objects"]) for row in rows if row["script_name"] not in ("CREATE INDEX",)} == {
        str([f'public."{TOLD}"']),
        "None",
    }
    assert all(TOLD in row["sql_command"] for row in rows)
    assert rows[1]["sql_command"].endswith(rf"is 'a ''quoted'' \ and \\ {TOLD}'")
    assert TOLD in rows[3]["metadata"]["statement"]
    assert rows[-1]["metadata"]["objects"][0]["name"] == f'public."{TOLD}"'
    assert all("ordinal" in row["metadata"] for row in rows), "each is the attempt that its start noted"
    assert lost(reader) == 0
    assert value(reader, f"select last_value from {SI}.unannounced_ddl_seq") == unannounced
    reader.execute(f"update {SI}.installation set capture_level = 'basic'".encode())


def test_a_start_is_announced_under_the_id_of_its_record(raw: Session, reader: Session) -> None:
    with open_slot(reader) as slot:
        raw.execute(b"set script_tracking.app_user = '" + RAW + b"'")
        raw.execute(b'do $$ begin create table public."announced ' + RAW + b'" (); end $$')
        contents = [content for content in slot.contents() if '"e": "' in content]
    reader.execute("drop publication nothing")
    reader.execute(f"update {SI}.installation set capture_level = 'basic'".encode())
    attempt = value(
        reader,
        "select metadata ->> 'attempt_id' from script_tracking.script_execution_s where sql_command like '%announced %'",
    )
    assert [f'"id": "{attempt}"' in content for content in contents] == [True, True]
    for told in (
        r"announced caf\\351\" (); end",
        r'"app_user": "caf\\351"',
        r'"statement": "create table public.\"announced caf\\351',
    ):
        assert told in contents[0]


def test_operations_go_on_and_are_recorded(raw: Session, reader: Session) -> None:
    raw.execute(b"set script_tracking.app_user = '" + RAW + b"'")
    (row,) = raw.execute(
        b"select script_tracking.track_operation('job "
        + RAW
        + b"', 'T"
        + RAW
        + b"', null, '{\""
        + RAW
        + b'": "a \\"b\\" '
        + RAW
        + b"\"}', null, 'call "
        + RAW
        + b"') as key"
    ).fetchall()
    end = (
        b"select script_tracking.complete_operation(%(key)s, false, 'no "
        + RAW
        + b'\', null, null, \'{"m": "'
        + RAW
        + b"\"}')"
    )
    (done,) = raw.execute(end, {"key": row["key"]}).fetchall()
    assert done["complete_operation"] is True
    (found,) = history(reader, "job %")
    assert (found["script_name"], found["script_type"]) == (f"job {TOLD}", f"T{TOLD}")
    assert (found["sql_command"], found["error_message"]) == (f"call {TOLD}", f"no {TOLD}")
    told = found["metadata"]
    assert (told[TOLD], told["m"], told["claimed_app_user"]) == (f'a "b" {TOLD}', TOLD, TOLD)
    (many,) = raw.execute(
        b'select script_tracking.track_operations(\'[{"script_name": "bulk '
        + RAW
        + b'", "script_type": "B"}]\') as keys'
    ).fetchall()
    raw.execute(
        b"select script_tracking.complete_operations(jsonb_build_array(jsonb_build_object("
        b"'execution_hk', encode(%(key)s, 'hex'), 'success', false, 'error_message', 'no " + RAW + b"')))",
        {"key": many["keys"][0]},
    )
    (found,) = history(reader, "bulk %")
    assert (found["script_name"], found["error_message"]) == (f"bulk {TOLD}", f"no {TOLD}")


def test_what_is_utf8_stays_as_it_is(raw: Session, reader: Session) -> None:
    raw.execute('create table public."café" ()'.encode())
    assert history(reader, "CREATE TABLE")[-1]["affected_objects"] == ['public."café"']


def test_the_comparison_tells_names_from_elsewhere(raw: Session, reader: Session, admin: Session) -> None:
    """Also in a database of UTF8: roles belong to the cluster."""
    passes(reader, 1)
    raw.execute(b'explain analyze create table public."sly ' + RAW + b'" as select 1 as "' + RAW + b'"')
    passes(reader, 2)
    changes = "select identity from script_tracking.get_untracked_changes()"
    assert f'public."sly {TOLD}"' in [row["identity"] for row in reader.execute(changes).fetchall()]
    admin.execute(f"update {SI}.setting set value = 'on' where name = 'reconcile.cluster_objects'".encode())
    passes(admin, 1)
    raw.execute(b'create role "joe ' + RAW + b'"')
    try:
        passes(admin, 2)
        assert f'"joe {TOLD}"' in [row["identity"] for row in admin.execute(changes).fetchall()]
    finally:
        raw.execute(b'drop role "joe ' + RAW + b'"')


def test_a_role_whose_name_is_no_text_is_counted_and_works_on(raw: Session, reader: Session) -> None:
    before = lost(reader)
    raw.execute(b'create role "' + RAW + b'"; grant script_tracking_app to "' + RAW + b'"; set role "' + RAW + b'"')
    try:
        (row,) = raw.execute("select script_tracking.track_operation('odd', 'T') as key").fetchall()
        assert row["key"] is None
        (done,) = raw.execute("select script_tracking.complete_operation(%s, true) as done", (row["key"],)).fetchall()
        assert done["done"] is False
        many = "[" + ", ".join(['{"script_name": "odd", "script_type": "T"}'] * 2) + "]"
        (both,) = raw.execute("select script_tracking.track_operations(%s) as keys", (many,)).fetchall()
        assert both["keys"] == [None, None]
        (ends,) = raw.execute(
            "select script_tracking.complete_operations((select jsonb_agg(jsonb_build_object("
            "'execution_hk', encode(k.key, 'hex'), 'success', true)) from unnest(%s::bytea[]) as k (key))) as done",
            (both["keys"],),
        ).fetchall()
        assert ends["done"] == [False, False]
        (none,) = raw.execute("select script_tracking.track_operations('[]') as keys").fetchall()
        assert none["keys"] == []
        with pytest.raises(psycopg.Error) as refused:
            raw.execute("select script_tracking.track_operations('[{}]')")
        assert refused.value.sqlstate == "ST003"
    finally:
        raw.execute(b'reset role; drop owned by "' + RAW + b'"; drop role "' + RAW + b'"')
    assert isinstance(before, int)
    assert lost(reader) == before + 3


def test_a_client_that_acts_as_one_is_told_that_nothing_is_recorded(
    ascii_database: str, raw: Session, reader: Session
) -> None:
    raw.execute(b'create role "' + RAW + b'"; grant script_tracking_app to "' + RAW + b'"')
    database = reader.info.dbname.encode()
    raw.execute(b'alter role postgres in database "' + database + b"\" set role = '" + RAW + b"'")
    before = lost(reader)
    tracker = Tracker(ascii_database, timeout_seconds=30)
    try:
        with tracker.operation("odd") as operation, tracker.operation("odd, within"):
            pass
        becomes(2, lambda: tracker.counts.refused)
        assert (tracker.counts.delivered, tracker.counts.dropped, tracker.counts.waiting) == (0, 0, 0)
        assert "lost" in str(operation.problem)
    finally:
        tracker.close()
        raw.execute(b'alter role postgres in database "' + database + b'" reset role')
        raw.execute(b'drop owned by "' + RAW + b'"; drop role "' + RAW + b'"')
    assert isinstance(before, int)
    assert lost(reader) == before + 2


def test_a_role_whose_name_is_no_text_ends_what_another_began(raw: Session, reader: Session) -> None:
    raw.execute(b'create role "' + RAW + b'"; grant script_tracking_app to "' + RAW + b'"')
    raw.execute("select script_tracking.register_tenant('odd')")
    raw.execute(b"select script_tracking.grant_tenant('odd', '" + RAW + b"')")
    try:
        (row,) = raw.execute("select script_tracking.track_operation('begun by one', 'T', 'odd') as key").fetchall()
        raw.execute(b'set role "' + RAW + b'"')
        (done,) = raw.execute("select script_tracking.complete_operation(%s, true) as done", (row["key"],)).fetchall()
        assert done["done"] is True
    finally:
        raw.execute(b"reset role; select script_tracking.revoke_tenant('odd', '" + RAW + b"')")
        raw.execute(b'drop owned by "' + RAW + b'"; drop role "' + RAW + b'"')
    (found,) = history(reader, "begun by one")
    assert (found["execution_status"], found["metadata"]["completed_by"]) == ("COMPLETED", TOLD)


def test_a_hostile_setting_changes_nothing(raw: Session, reader: Session) -> None:
    before = lost(reader)
    raw.execute("set standard_conforming_strings = off; set escape_string_warning = off")
    raw.execute(b'create table public."hostile ' + RAW + b'" ()')
    raw.execute(
        b"select script_tracking.track_operation('hostile " + RAW + b"', 'T', null, '{\"m\": \"" + RAW + b"\"}')"
    )
    assert lost(reader) == before
    assert history(reader, "CREATE TABLE")[-1]["affected_objects"] == [f'public."hostile {TOLD}"']
    (found,) = history(reader, "hostile %")
    assert (found["script_name"], found["metadata"]["m"]) == (f"hostile {TOLD}", TOLD)
