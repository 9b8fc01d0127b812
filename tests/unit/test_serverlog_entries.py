"""Entries of the server's log: golden lines of each major, encodings, what is cut, damaged or forged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.capture.ddltag import is_ddl_tag, tag_at
from exporter.capture.logcodec import codec
from exporter.capture.logentry import Crash, Entry, Format, parse, scan, split

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "serverlog"
FILES = sorted(GOLDEN.iterdir())


def log_format(file: Path) -> Format:
    return "jsonlog" if file.suffix == ".json" else "csvlog"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_lines_of_each_major_are_read(file: Path) -> None:
    found = scan(file.read_bytes(), log_format(file), "postgres", "utf8")
    assert found.unparsed == 0
    assert found.consumed == file.stat().st_size
    *entries, terminated, crash = found.entries
    assert isinstance(terminated, Entry)
    assert isinstance(crash, Crash)
    told = [
        (entry.sqlstate, entry.tag, entry.message, entry.statement) for entry in entries if isinstance(entry, Entry)
    ]
    assert told == [
        ("42P07", "CREATE TABLE", 'relation "dup" already exists', "create table dup(i int)"),
        ("42601", "idle", 'syntax error at or near "tabel"', "create tabel x"),
        ("22012", "CREATE TABLE AS", "division by zero", 'create table "späß""\n,x" as\n select 1/0'),
        ("42P07", "DO", 'relation "dup" already exists', "do $$ begin execute 'create table dup()'; end $$"),
        ("42P01", "SELECT", 'relation "nix" does not exist', "select * from nix"),
    ]
    first, syntax, _, inner, _ = entries
    assert isinstance(first, Entry) and isinstance(syntax, Entry) and isinstance(inner, Entry)
    assert (first.user, first.database, first.host, first.application_name) == (
        "postgres", "postgres", "127.0.0.1", 'app "x", y',
    )  # fmt: skip
    assert (first.line, syntax.line, syntax.position, first.position) == (1, 2, 8, 0)
    assert first.session_id == terminated.session_id
    assert int(first.session_id.split(".")[1], 16) == first.pid
    assert inner.context.startswith('SQL statement "create table dup()"\nPL/pgSQL function')
    assert not first.ends_session
    assert (terminated.sqlstate, terminated.ends_session) == ("57P01", True)
    statement = "create table big as select 1 as x from pg_sleep(20)"
    assert terminated.statement == crash.statement == statement
    assert "signal 9" in crash.message
    assert crash.pid not in (first.pid, 0)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_cut_leaves_whole_entries_and_the_rest_for_later(file: Path) -> None:
    content = file.read_bytes()
    whole = scan(content, log_format(file), "postgres", "utf8")
    for cut in range(0, len(content), 7):
        first = scan(content[:cut], log_format(file), "postgres", "utf8")
        rest = scan(content[first.consumed :], log_format(file), "postgres", "utf8")
        assert first.consumed <= cut
        assert first.unparsed == rest.unparsed == 0
        assert first.entries + rest.entries == whole.entries


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_other_databases_are_left_out(file: Path) -> None:
    found = scan(file.read_bytes(), log_format(file), "postgre", "utf8")
    assert [type(entry) for entry in found.entries] == [Crash]
    assert found.unparsed == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_damage_is_counted_and_ends_with_the_next_entry(file: Path) -> None:
    content = file.read_bytes()
    whole = scan(content, log_format(file), "postgres", "utf8")
    at = content.index(b"create tabel x") + 3  # the entry and what follows it were never written
    after = content.index(b"\n", at) + 1
    for damaged in (content[:at] + b"\n" + content[after:], content[:at] + b'"\n' + content[after:]):
        found = scan(damaged, log_format(file), "postgres", "utf8", stalled=True)
        assert found.unparsed >= 1
        assert found.consumed == len(damaged)
        assert found.entries == (whole.entries[0], *whole.entries[2:])


def test_a_read_that_begins_within_an_entry_finds_the_next() -> None:
    content = (GOLDEN / "14.csv").read_bytes()
    whole = scan(content, "csvlog", "postgres", "utf8")
    at = content.index("späß".encode())
    found = scan(content[at:], "csvlog", "postgres", "utf8")
    assert found.entries == whole.entries[3:]
    assert found.unparsed >= 1


LINE = {
    "timestamp": "2026-11-24 14:41:44.182 CET", "user": "müller", "dbname": "shöp", "pid": 6213,
    "remote_host": "[local]",
    "session_id": "6b05a228.1845", "line_num": 1, "ps": "CREATE TABLE waiting",
    "session_start": "2026-11-24 14:41:44 CET", "error_severity": "ERROR", "state_code": "55P03",
    "message": "Sperre für »t« nicht möglich", "statement": "create table t()", "backend_type": "client backend",
}  # fmt: skip


@pytest.mark.parametrize(("encoding", "server"), [("latin1", "LATIN1"), ("utf8", "UTF8"), ("cp1252", "WIN1252")])
def test_texts_are_in_the_encoding_of_their_database(encoding: str, server: str) -> None:
    assert codec(server).lower() == encoding
    record = json.dumps(LINE, ensure_ascii=False).encode(encoding)
    entry = parse(record, "jsonlog", "shöp", codec(server))
    assert isinstance(entry, Entry)
    assert (entry.user, entry.database, entry.message) == ("müller", "shöp", "Sperre für »t« nicht möglich")
    assert (entry.tag, entry.host, entry.sqlstate) == ("CREATE TABLE", "[local]", "55P03")
    assert parse(record, "jsonlog", "shop", codec(server)) == "other"


def test_a_text_of_another_encoding_is_no_fault() -> None:
    record = json.dumps({**LINE, "dbname": "shop"}, ensure_ascii=False).encode("latin1")
    entry = parse(record, "jsonlog", "shop", "utf8")
    assert isinstance(entry, Entry)
    assert entry.message == "Sperre f\\374r \\273t\\253 nicht m\\366glich"


def test_python_knows_every_encoding_that_a_server_may_have() -> None:
    names = (
        "SQL_ASCII EUC_JP EUC_CN EUC_KR EUC_TW EUC_JIS_2004 UTF8 MULE_INTERNAL LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 "
        "LATIN6 LATIN7 LATIN8 LATIN9 LATIN10 WIN1256 WIN1258 WIN866 WIN874 KOI8R WIN1251 WIN1252 ISO_8859_5 ISO_8859_6 "
        "ISO_8859_7 ISO_8859_8 WIN1250 WIN1253 WIN1254 WIN1255 WIN1257 KOI8U"
    )
    for name in names.split():
        assert b"a".decode(codec(name)) == "a"


@pytest.mark.parametrize(
    "changed",
    [
        {"error_severity": "LOG"}, {"error_severity": "WARNING"}, {"error_severity": "NOTICE"}, {"leader_pid": 7},
        {"backend_type": "postmaster", "state_code": "00000"}, {"dbname": "other"}, {"dbname": None},
    ],
)  # fmt: skip
def test_what_tells_of_no_error_of_the_database_is_left_out(changed: dict[str, object]) -> None:
    line = {key: value for key, value in {**LINE, **changed}.items() if value is not None}
    assert parse(json.dumps(line, ensure_ascii=False).encode(), "jsonlog", "shöp", "utf8") == "other"


@pytest.mark.parametrize(
    "changed",
    [
        {"timestamp": "yesterday"}, {"pid": "x"}, {"pid": 0}, {"line_num": -1}, {"session_id": "'; drop"},
        {"state_code": "42P0"}, {"state_code": None}, {"session_start": "x"}, {"timestamp": None}, {"pid": 10**30},
    ],
)  # fmt: skip
def test_what_is_no_entry_is_told_apart(changed: dict[str, object]) -> None:
    line = {key: value for key, value in {**LINE, **changed}.items() if value is not None}
    assert parse(json.dumps(line, ensure_ascii=False).encode(), "jsonlog", "shöp", "utf8") is None


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", "null", "1", "[" * 100_000, '{"timestamp":', "\\", '"'])
@pytest.mark.parametrize("form", ["jsonlog", "csvlog"])
def test_no_text_is_a_fault(text: str, form: Format) -> None:
    assert parse(text.encode(), form, "shop", "utf8") is None


def test_a_csvlog_in_another_language_tells_errors_by_their_sqlstate() -> None:
    (_, first, *_), _ = split((GOLDEN / "14.csv").read_bytes(), "csvlog")
    english = parse(first, "csvlog", "postgres", "utf8")
    assert isinstance(english, Entry)
    german = first.replace(b",ERROR,42P07,", b",FEHLER,42P07,")
    assert parse(german, "csvlog", "postgres", "utf8") == english
    # a warning or a message of the log has, by default, no statement with it
    assert parse(german.replace(b'"create table dup(i int)"', b""), "csvlog", "postgres", "utf8") == "other"
    assert parse(first.replace(b",ERROR,42P07,", b",WARNUNG,01000,"), "csvlog", "postgres", "utf8") == "other"
    ended = first.replace(b",ERROR,42P07,", ",ВАЖНО,57P01,".encode())
    assert parse(ended, "csvlog", "postgres", "utf8") == replace(english, sqlstate="57P01", ends_session=True)


def test_a_statement_that_looks_like_an_entry_stays_a_statement() -> None:
    """Whoever writes lines of a log into a statement forges nothing: they stand in quotes."""
    forged = (GOLDEN / "18.csv").read_bytes().split(b"\n")[1].decode()
    statement = f'create table dup(i int) /*\n{forged}\n*/ -- "\n'
    line = (GOLDEN / "18.csv").read_bytes().split(b"\n")[1]
    record = line.replace(b'"create table dup(i int)"', b'"' + statement.replace('"', '""').encode() + b'"') + b"\n"
    found = scan(record, "csvlog", "postgres", "utf8")
    (entry,) = found.entries
    assert isinstance(entry, Entry) and entry.statement == statement
    assert (found.unparsed, found.consumed) == (0, len(record))


def test_a_record_of_megabytes_is_read_in_a_moment() -> None:
    line = (GOLDEN / "14.csv").read_bytes().split(b"\n")[1]
    statement = b"create table dup(i int) /* " + b'""\n,' * 500_000 + b" */"
    found = scan(line.replace(b"create table dup(i int)", statement) + b"\n", "csvlog", "postgres", "utf8")
    (entry,) = found.entries
    assert isinstance(entry, Entry) and len(entry.statement) == len(statement) - 500_000


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("create table t()", "CREATE TABLE"),
        ("  /* a /* nested */ b */ -- c\n CREATE UNIQUE INDEX CONCURRENTLY i on t(a)", "CREATE INDEX"),
        (
            "create or replace function f() returns int language sql as $x$ select 1; drop table x $x$",
            "CREATE FUNCTION",
        ),
        ("create materialized view v as select 1", "CREATE MATERIALIZED VIEW"),
        ("create unlogged table t()", "CREATE TABLE"),
        ("create temp table t()", None),
        ("create local temporary table t()", None),
        ("create or replace temp view v as select 1", None),
        ("create constraint trigger x", "CREATE TRIGGER"),
        ("alter default privileges grant select on tables to x", "ALTER DEFAULT PRIVILEGES"),
        ("alter user x password 'y'", "ALTER ROLE"),
        ("create user mapping for x server y", "CREATE USER MAPPING"),
        ("create text search configuration c (parser = p)", "CREATE TEXT SEARCH CONFIGURATION"),
        ("drop owned by x", "DROP OWNED"),
        ("reassign owned by x to y", "REASSIGN OWNED"),
        ("refresh materialized view concurrently v", "REFRESH MATERIALIZED VIEW"),
        ("comment on table t is 'x'", "COMMENT"),
        ("security label on table t is 'x'", "SECURITY LABEL"),
        ("import foreign schema s from server x into y", "IMPORT FOREIGN SCHEMA"),
        ("grant select on t to x", "GRANT"),
        ("create tabel t()", "CREATE"),
        ("create", "CREATE"),
        ("create table", "CREATE TABLE"),
        ("crate table t()", None),
        ("select 1", None),
        ("", None),
        (";;; -- nothing", None),
        ("select 'a; create table t()'", None),
        ("select e'a\\'; create table t()'", None),
        ("select $a$; create table t() $a$", None),
        ('select "; create table t()"', None),
        ("select 1 /* ; create table t() */", None),
        ("select 'it''s'; drop table t", "DROP TABLE"),
        ("begin; insert into t values (1); alter table t add x int; commit", "ALTER TABLE"),
        ("insert into t select 1", None),
        ("update t set create = 1", None),
        ("explain create table x as select 1", None),
        ("select 'unfinished", None),
        ("/* unfinished create table t()", None),
        ("$x$ unfinished", None),
    ],
)
def test_the_tag_is_told_by_the_first_words(text: str, tag: str | None) -> None:
    assert tag_at(text) == tag


def test_the_tag_is_that_of_the_statement_at_the_position() -> None:
    text = "create table a(); select x; drop table b"
    assert tag_at(text, text.index("table a") + 1) == "CREATE TABLE"
    assert tag_at(text, text.index("x") + 1) is None
    assert tag_at(text, text.index("b", 30) + 1) == "DROP TABLE"


def test_command_tags_of_the_server_are_known() -> None:
    for tag in (
        "CREATE TABLE",
        "CREATE TABLE AS",
        "SELECT INTO",
        "GRANT ROLE",
        "DROP OWNED",
        "ALTER EXTENSION",
        "COMMENT",
    ):
        assert is_ddl_tag(tag)
    for tag in ("idle", "SELECT", "DO", "CALL", "EXECUTE", "", "INSERT", "BEGIN", "PARSE", "CREATE TABEL", "DROP"):
        assert not is_ddl_tag(tag)
