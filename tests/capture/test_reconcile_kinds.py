"""Each kind of object that is watched: made, altered, given rights and dropped round the event triggers, it is found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.capture.reconciling import Watched, around, only, passes, recorded, watched_database
from tests.fix_sessions import value
from tests.postgres_server import Server

pytestmark = pytest.mark.majors

# ruff: noqa: E501

KINDS = """
create schema k | CREATE schema k
alter schema k owner to pg_monitor | ALTER schema k
grant usage on schema k to public | ALTER schema k
create table k.t (id int, note text, k int) | CREATE table k.t
alter table k.t rename note to remark | ALTER table k.t
alter table k.t alter k type bigint | ALTER table k.t
alter table k.t alter k set not null | ALTER table k.t
alter table k.t alter k set storage plain, alter k set default 1 | ALTER table k.t
alter table k.t drop column remark | ALTER table k.t
alter table k.t set (fillfactor = 70) | ALTER table k.t
alter table k.t enable row level security | ALTER table k.t
alter table k.t owner to pg_monitor | ALTER table k.t
alter table k.t rename to u | ALTER table k.u
grant select (id) on k.u to public | ALTER table k.u
revoke select (id) on k.u from public | ALTER table k.u
create index i on k.u (id) | CREATE index k.i
alter index k.i rename to j | ALTER index k.j
alter index k.j set (fillfactor = 70) | ALTER index k.j
update pg_index set indisvalid = false where indexrelid = 'k.j'::regclass | ALTER index k.j
drop index k.j | DROP index k.j
alter table k.u add constraint c check (id > 0) not valid | CREATE constraint c on k.u
alter table k.u validate constraint c | ALTER constraint c on k.u
alter table k.u rename constraint c to d | ALTER constraint d on k.u
alter table k.u drop constraint d | DROP constraint d on k.u
create policy p on k.u using (true) | CREATE policy p on k.u
alter policy p on k.u to pg_monitor | ALTER policy p on k.u
drop policy p on k.u | DROP policy p on k.u
create function k.f() returns trigger language plpgsql as 'begin return new; end' | CREATE function k.f()
create or replace function k.f() returns trigger language plpgsql as 'begin return old; end' | ALTER function k.f()
alter function k.f() security definer | ALTER function k.f()
alter function k.f() set search_path = pg_catalog | ALTER function k.f()
revoke execute on function k.f() from public | ALTER function k.f()
create trigger g before insert on k.u for each row execute function k.f() | CREATE trigger g on k.u
alter table k.u disable trigger g | ALTER trigger g on k.u
drop trigger g on k.u | DROP trigger g on k.u
create rule r as on delete to k.u do also nothing | CREATE rule r on k.u
alter table k.u disable rule r | ALTER rule r on k.u
drop rule r on k.u | DROP rule r on k.u
drop function k.f() | DROP function k.f()
create procedure k.pr() language sql as 'select 1' | CREATE procedure k.pr()
alter procedure k.pr() owner to pg_monitor | ALTER procedure k.pr()
drop procedure k.pr() | DROP procedure k.pr()
create aggregate k.a (int) (sfunc = int4pl, stype = int) | CREATE aggregate k.a(integer)
drop aggregate k.a (int) | DROP aggregate k.a(integer)
create type k.e as enum ('one') | CREATE type k.e
alter type k.e add value 'two' | ALTER type k.e
alter type k.e rename value 'one' to 'first' | ALTER type k.e
grant usage on type k.e to pg_monitor | ALTER type k.e
drop type k.e | DROP type k.e
create domain k.m as int | CREATE domain k.m
alter domain k.m set default 1 | ALTER domain k.m
alter domain k.m add constraint positive check (value > 0) | CREATE constraint positive on type m
drop domain k.m | DROP domain k.m
create type k.ct as (a int) | CREATE composite type k.ct
alter type k.ct add attribute b int | ALTER composite type k.ct
drop type k.ct | DROP composite type k.ct
create sequence k.s | CREATE sequence k.s
alter sequence k.s increment by 2 | ALTER sequence k.s
drop sequence k.s | DROP sequence k.s
create view k.v as select 1 as a | CREATE view k.v
create or replace view k.v as select 2 as a | ALTER view k.v
drop view k.v | DROP view k.v
create materialized view k.mv as select 1 as a | CREATE materialized view k.mv
alter materialized view k.mv set (fillfactor = 70) | ALTER materialized view k.mv
drop materialized view k.mv | DROP materialized view k.mv
alter default privileges in schema k grant select on tables to public | CREATE default privileges for role {user} in k on r
alter default privileges in schema k grant insert on tables to public | ALTER default privileges for role {user} in k on r
alter default privileges in schema k revoke select, insert on tables from public | DROP default privileges for role {user} in k on r
create foreign data wrapper kinds_w | CREATE foreign-data wrapper kinds_w
create server kinds_s foreign data wrapper kinds_w | CREATE foreign server kinds_s
alter server kinds_s options (add a 'b') | ALTER foreign server kinds_s
create foreign table k.ft (a int) server kinds_s | CREATE foreign table k.ft
alter foreign table k.ft options (add a 'b') | ALTER foreign table k.ft
drop foreign table k.ft | DROP foreign table k.ft
drop server kinds_s | DROP foreign server kinds_s
drop foreign data wrapper kinds_w | DROP foreign-data wrapper kinds_w
drop table k.u | DROP table k.u
drop schema k | DROP schema k
"""

NOUNS = {
    "schema",
    "table",
    "view",
    "materialized view",
    "foreign table",
    "sequence",
    "index",
    "constraint",
    "policy",
    "trigger",
    "rule",
}
NOUNS |= {
    "function",
    "procedure",
    "aggregate",
    "type",
    "domain",
    "composite type",
    "default privileges",
    "foreign-data wrapper",
}


@pytest.fixture(scope="module")
def watched(postgres: Server, _template: str) -> Iterator[Watched]:
    with watched_database(postgres, _template) as found:
        yield found


def told(watched: Watched, statement: str) -> list[str]:
    """What is reported of a statement that went round the event triggers."""
    return [" ".join(map(str, change)) for change in only(watched.report(around(watched, statement)))]


def test_each_kind_is_found(watched: Watched) -> None:
    try:
        wrong = {}
        for line in KINDS.strip().replace("{user}", watched.session.info.user).splitlines():
            statement, wanted = line.split(" | ")
            if (found := told(watched, statement)) != [wanted]:
                wrong[line] = found
        assert wrong == {}
        kinds = recorded(watched.session)
        assert kinds.keys() >= NOUNS
    finally:
        watched.session.execute("drop schema if exists k cascade; drop server if exists kinds_s cascade")
        watched.session.execute("drop foreign data wrapper if exists kinds_w")
        passes(watched.session, 2)


def test_an_event_trigger_is_found(watched: Watched) -> None:
    watched.session.execute("create function public.ev() returns event_trigger language plpgsql as 'begin end'")
    watched.report("select 1")
    for statement, wanted in (
        ("create event trigger kinds on ddl_command_end execute function public.ev()", "CREATE"),
        ("alter event trigger kinds disable", "ALTER"),
        ("drop event trigger kinds", "DROP"),
    ):
        assert watched.report(statement) == [(wanted, "event trigger", "kinds")], statement
    assert recorded(watched.session)["event trigger"] >= 3
    watched.session.execute("drop function public.ev()")


def test_an_extension_is_found_with_its_members(watched: Watched) -> None:
    extension = value(
        watched.session, "select min(name) from pg_available_extensions where name in ('hstore', 'vector')"
    )
    assert told(watched, f"create extension {extension}") == [f"CREATE extension {extension}"]
    moved = told(watched, f"create schema kinds_x; alter extension {extension} set schema kinds_x")
    assert moved == [f"ALTER extension {extension}", "CREATE schema kinds_x"]
    version = told(watched, f"update pg_extension set extversion = '0' where extname = '{extension}'")
    assert version == [f"ALTER extension {extension}"]
    gone = told(watched, f"drop extension {extension}; drop schema kinds_x")
    assert gone == [f"DROP extension {extension}", "DROP schema kinds_x"]
    assert recorded(watched.session)["extension"] >= 4


def test_each_kind_of_the_cluster_is_found(postgres: Server, _template: str) -> None:
    """Beside those of test_reconcile_untracked: who joins and leaves, and who is given more."""
    with watched_database(postgres, _template, cluster=True) as watched:

        def mine(statement: str) -> list[str]:  # other tests make roles and databases meanwhile
            return [" ".join(map(str, change)) for change in watched.report(statement) if "kinds_" in str(change[2])]

        database = value(watched.session, "select current_database()")
        try:
            assert mine("create role kinds_a; create role kinds_b") == ["CREATE role kinds_a", "CREATE role kinds_b"]
            assert mine("alter role kinds_a createdb connection limit 3") == ["ALTER role kinds_a"]
            assert mine("alter role kinds_a rename to kinds_c") == ["ALTER role kinds_c"]
            assert mine("grant kinds_b to kinds_c") == ["CREATE membership kinds_c in kinds_b"]
            assert mine("grant kinds_b to kinds_c with admin option") == ["ALTER membership kinds_c in kinds_b"]
            if watched.session.info.server_version >= 160000:
                for option in ("inherit false", "set false", "admin false"):
                    altered = mine(f"grant kinds_b to kinds_c with {option}")
                    assert altered == ["ALTER membership kinds_c in kinds_b"], option
            assert mine("revoke kinds_b from kinds_c") == ["DROP membership kinds_c in kinds_b"]
            in_database = f"settings role kinds_b in database {database}"
            assert mine(f"alter role kinds_b in database {database} set work_mem = '8MB'") == [f"CREATE {in_database}"]
            assert mine(f"alter role kinds_b in database {database} set work_mem = '9MB'") == [f"ALTER {in_database}"]
            assert mine(f"alter role kinds_b in database {database} reset all") == [f"DROP {in_database}"]
            assert mine("create database kinds_d") == ["CREATE database kinds_d"]
            assert mine("alter database kinds_d owner to kinds_b") == ["ALTER database kinds_d"]
            assert mine("grant create on database kinds_d to kinds_c") == ["ALTER database kinds_d"]
            assert mine("alter database kinds_d rename to kinds_e") == ["ALTER database kinds_e"]
            in_every = "settings every role in database kinds_e"
            assert mine("alter database kinds_e set work_mem = '8MB'") == [f"CREATE {in_every}"]
            assert mine("drop database kinds_e") == ["DROP database kinds_e"]  # and its settings
            watched.session.execute("set allow_in_place_tablespaces = on")
            assert mine("create tablespace kinds_t location ''") == ["CREATE tablespace kinds_t"]
            assert mine("alter tablespace kinds_t owner to kinds_b") == ["ALTER tablespace kinds_t"]
            assert mine("grant create on tablespace kinds_t to kinds_c") == ["ALTER tablespace kinds_t"]
            assert mine("alter tablespace kinds_t rename to kinds_u") == ["ALTER tablespace kinds_u"]
            assert mine("drop tablespace kinds_u") == ["DROP tablespace kinds_u"]
            kinds = recorded(watched.session)
            assert {"role", "membership", "settings", "database", "tablespace"} <= set(kinds)
        finally:
            watched.session.execute("drop database if exists kinds_d")
            watched.session.execute("drop database if exists kinds_e")
            watched.session.execute("drop tablespace if exists kinds_t")
            watched.session.execute("drop tablespace if exists kinds_u")
            watched.session.execute("drop role if exists kinds_a; drop role if exists kinds_b, kinds_c")
