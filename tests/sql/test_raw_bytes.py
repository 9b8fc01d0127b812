"""A database that takes any bytes (SQL_ASCII), and names that come from one: recorded, told in ASCII."""

from __future__ import annotations

import pytest

from tests.capture.reconciling import passes
from tests.capture.slot import open_slot
from tests.fix_sessions import Session, history, value
from tests.sql.raw import RAW, SI, TOLD, ascii_database, lost, raw, reader

# ruff: noqa: E501

__all__ = ["ascii_database", "raw", "reader"]


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
