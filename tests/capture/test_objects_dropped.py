"""What is dropped has the name in the record that it had when it was made."""

from __future__ import annotations

import pytest

from tests.capture.conftest import Records

# What makes one of a kind, and what drops it.
KINDS = """
create table app.x (id int) | drop table app.x
create index x on app.t (id) | drop index app.x
create view app.x as select 1 as one | drop view app.x
create materialized view app.x as select 1 as one | drop materialized view app.x
create sequence app.x | drop sequence app.x
create foreign table app.x (id int) server names_s | drop foreign table app.x
create type app.x as (a int) | drop type app.x
create type app.x as enum ('a') | drop type app.x
create type app.x as range (subtype = int) | drop type app.x
create domain app.x as int | drop domain app.x
create function app.x(a int, app.e, "char") returns int language sql as 'select 1' | drop function app.x(int, app.e, "char")
create procedure app.x(a text) language sql as 'select 1' | drop procedure app.x(text)
create aggregate app.x(int, text) (sfunc = app.step, stype = int) | drop aggregate app.x(int, text)
create aggregate app.x(*) (sfunc = int8inc, stype = bigint, initcond = '0') | drop aggregate app.x(*)
create cast (app.e as int) with function app.to_int(app.e) | drop cast (app.e as int)
create operator app.=== (leftarg = int, rightarg = int, function = int4eq) | drop operator app.=== (int, int)
create operator app.=== (leftarg = text, rightarg = text, function = texteq) | drop operator app.=== (text, text)
create operator app.@ (rightarg = int, function = int4abs) | drop operator app.@ (none, int)
create operator family app.x using btree | drop operator family app.x using btree
create operator class app.x for type app.e using hash family app.fam as operator 1 =(anyenum, anyenum) | drop operator class app.x using hash
create policy x on app.t | drop policy x on app.t
create rule x as on delete to app.t do nothing | drop rule x on app.t
create trigger x before insert on app.t for each row execute function app.trg() | drop trigger x on app.t
create collation app.x from "C" | drop collation app.x
create conversion app.x for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8 | drop conversion app.x
create text search configuration app.x (copy = pg_catalog.simple) | drop text search configuration app.x
create text search dictionary app.x (template = pg_catalog.simple) | drop text search dictionary app.x
create text search parser app.x (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype) | drop text search parser app.x
create text search template app.x (lexize = dsimple_lexize) | drop text search template app.x
create transform for app.e language plpgsql (from sql with function app.from_sql(internal)) | drop transform for app.e language plpgsql
create statistics app.x on id, note from app.t | drop statistics app.x
create schema names_x | drop schema names_x
create trusted language names_x handler plpgsql_call_handler | drop language names_x
create access method names_x type table handler heap_tableam_handler | drop access method names_x
create foreign data wrapper names_x | drop foreign data wrapper names_x
create server names_x foreign data wrapper names_w | drop server names_x
create user mapping for public server names_s | drop user mapping for public server names_s
create publication names_x | drop publication names_x
alter publication names_p add table app.t | alter publication names_p drop table app.t
create subscription names_x connection 'host=nowhere' publication p with (connect = false, slot_name = none) | drop subscription names_x
"""  # noqa: E501
SINCE_15 = "alter publication names_p add tables in schema app | alter publication names_p drop tables in schema app"
# Kinds that history does not list: what a publication holds.
UNLISTED = ("publication relation", "publication namespace")


@pytest.mark.parametrize(("name", "quoting"), [("x", "on"), ('"A ""b.c"", d"', "off"), ('"A ""b.c"", d"', "on")])
def test_a_dropped_object_has_the_name_that_it_had_when_it_was_made(records: Records, name: str, quoting: str) -> None:
    session = records.session
    lines = KINDS.strip().splitlines() + [SINCE_15] * (session.info.server_version >= 150000)
    session.execute(
        "create table app.t (id int, note text); create type app.e as enum ('a');"
        " create function app.to_int(app.e) returns int immutable language sql as 'select 1';"
        " create function app.step(int, int, text) returns int language sql as 'select 1';"
        " create function app.trg() returns trigger language plpgsql as 'begin return new; end';"
        " create function app.from_sql(internal) returns internal immutable language internal as 'textsend';"
        " create operator family app.fam using hash;"
        " create foreign data wrapper names_w; create server names_s foreign data wrapper names_w;"
        " create publication names_p"
    )
    wrong: dict[str, object] = {}
    try:
        for line in lines:
            made, dropped = line.replace("app.x", f"app.{name}").replace(" x ", f" {name} ").split(" | ")
            session.execute(f"set quote_all_identifiers = {quoting}".encode())
            try:
                (created,) = records.of(made)
                (gone,) = records.of(dropped)
            finally:
                session.execute("reset quote_all_identifiers")
            told = {item["name"] for item in created["metadata"]["objects"]}
            told_gone = {
                item["name"] for item in gone["metadata"]["objects"] if "dropped" in item and "dependent" not in item
            }
            kind = created["metadata"]["objects"][0]["type"]
            if told != told_gone:
                wrong[made] = (told, told_gone)
            elif kind not in UNLISTED:
                history = session.execute(
                    "select encode(execution_hk, 'hex') as hk from script_tracking.get_object_history(%s)",
                    (told.pop(),),
                ).fetchall()
                if not {created["hk"], gone["hk"]} <= {row["hk"] for row in history}:
                    wrong[made] = (told_gone, history)
    finally:
        session.execute(
            "drop publication if exists names_p; drop foreign data wrapper if exists names_w cascade;"
            " drop schema app cascade"
        )
    assert wrong == {}
