"""What goes round the event triggers is found although DDL on record was about the same object at the same time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from tests.capture.reconciling import Watched, around, only, passes, watched_database
from tests.postgres_server import Server

# ruff: noqa: E501


@pytest.fixture(scope="module")
def watched(postgres: Server, _template: str) -> Iterator[Watched]:
    with watched_database(postgres, _template) as found:
        yield found


def test_ddl_of_the_parent_does_not_hide_that_a_partition_was_dropped(watched: Watched) -> None:
    watched.session.execute(
        "create table public.whole (id int) partition by range (id);"
        " create table public.part partition of public.whole for values from (1) to (2)"
    )
    assert watched.report("select 1") == []
    dropped = around(watched, "drop table public.part")
    found = only(watched.report(f"{dropped}; alter table public.whole add column note text"))
    assert ("DROP", "table", "public.part") in found
    assert all(change in ("DROP", "ALTER") and kind == "table" for change, kind, _ in found)


# What is done round the triggers, what is recorded of the same table at the same time, and what is untracked.
HIDING = """
alter table h.t add column c1 int | create index on h.t (a) | ALTER table h.t
alter table h.t add column c2 int | grant select on h.t to pg_monitor | ALTER table h.t
alter table h.t add column c3 int | create policy p1 on h.t | ALTER table h.t
alter table h.t add column c4 int | create trigger t1 before insert on h.t execute function h.f() | ALTER table h.t
alter table h.t add column c5 int | alter trigger t1 on h.t rename to t2 | ALTER table h.t
alter table h.t add column c6 int | reindex table h.t | ALTER table h.t
alter table h.t drop constraint ck | create index on h.t (a) | DROP constraint ck on h.t
alter table h.t drop constraint u | alter table h.t rename column b to bb | DROP constraint u on h.t
alter table h.t alter column bb set not null | alter table h.t rename constraint n to nn | ALTER table h.t
reassign owned by reconcile_hider to reconcile_hidden | alter table h.mine add column c int | ALTER table h.mine
grant select on h.t to public | alter table h.t alter column a set default 1 | ALTER table h.t
create policy p2 on h.t | alter table h.t alter column a set default 2 | CREATE policy p2 on h.t
alter policy p2 on h.t using (true) | alter table h.t alter column a set default 3 | ALTER policy p2 on h.t
drop policy p2 on h.t | alter table h.t alter column a set default 4 | DROP policy p2 on h.t
create trigger t3 before insert on h.t execute function h.f() | alter table h.t alter column a set default 5 | CREATE trigger t3 on h.t
alter trigger t3 on h.t rename to t4 | alter table h.t disable trigger t4 | ALTER trigger t4 on h.t
drop trigger t4 on h.t | alter table h.t alter column a set default 6 | DROP trigger t4 on h.t
create rule r1 as on delete to h.t do also nothing | alter table h.t alter column a set default 7 | CREATE rule r1 on h.t
drop rule r1 on h.t | alter table h.t alter column a set default 8 | DROP rule r1 on h.t
alter function h.f() owner to pg_monitor | create or replace function h.f() returns trigger language plpgsql as 'begin return old; end' | ALTER function h.f()
create or replace function h.f() returns trigger language plpgsql as 'begin end' | alter function h.f() cost 2 | ALTER function h.f()
create or replace view h.v as select 2 as one | alter view h.v rename column one to two | ALTER view h.v
alter view h.v owner to pg_monitor | create or replace view h.v as select 3 as two | ALTER view h.v
alter materialized view h.m rename column one to two | refresh materialized view h.m | ALTER materialized view h.m
create table h.fresh () | alter table h.fresh add column c int | CREATE table h.fresh
drop table h.gone | alter table h.gone drop column c | DROP table h.gone
alter table h.kept drop column c | drop function h.g() | ALTER table h.kept
alter publication p set (publish = 'insert') | alter table h.kept add column d int | ALTER publication p
"""


def test_ddl_hides_no_change_that_it_cannot_have_made(watched: Watched) -> None:
    """Of an object that recorded DDL was about as well."""
    session = watched.session
    session.execute(
        "create schema h; create table h.t (id int primary key, a int, b int unique, constraint ck check (a > 0),"
        " constraint u unique (a), constraint n check (id > 0)); create table h.gone (c int); create table h.kept (c int);"
        " create function h.f() returns trigger language plpgsql as 'begin return new; end'; create view h.v as select 1 as one;"
        " create function h.g() returns int language sql as 'select 1'; create materialized view h.m as select 1 as one;"
        " create role reconcile_hider; create role reconcile_hidden; create table h.mine (); create publication p for table h.kept;"
        " alter table h.mine owner to reconcile_hider"
    )
    try:
        assert watched.report("select 1") == []
        for line in HIDING.strip().splitlines():
            hidden, recorded, wanted = line.split(" | ")
            if wanted.startswith("DROP table"):  # it must be there to be altered
                statement = f"{recorded}; " + around(watched, hidden)
            else:
                statement = around(watched, hidden) + recorded
            assert [" ".join(map(str, one)) for one in only(watched.report(statement))] == [wanted], line
    finally:
        session.execute("drop schema h cascade; drop publication p; drop role reconcile_hider, reconcile_hidden")
        passes(session, 2)


def test_a_comment_does_not_hide_a_change_of_the_same_table(watched: Watched) -> None:
    found = watched.report(
        "explain analyze create table public.veiled as select 1 as n; comment on table public.veiled is 'x';"
        " grant select on public.veiled to public"
    )
    assert found == [("CREATE", "table", "public.veiled")]


def test_a_record_whose_list_was_cut_hides_no_change_of_another_kind(watched: Watched) -> None:
    session = watched.session
    session.execute(
        "create schema long; create table long.t (id int); create sequence long.hidden;"
        " do $$ begin for i in 1..1100 loop execute format('create sequence long.s%s', i); end loop; end $$"
    )
    try:
        assert watched.report("select 1") == []
        session.execute(around(watched, "grant select on long.t to public; drop sequence long.hidden").encode())
        session.execute("explain analyze create table long.sly as select 1")
        assert only(watched.report("grant select on all sequences in schema long to public")) == [
            ("DROP", "sequence", "long.hidden"),
            ("CREATE", "table", "long.sly"),
            ("ALTER", "table", "long.t"),
        ]
        found = watched.report("explain analyze create table public.slier as select 1; drop schema long cascade")
        assert found == [("CREATE", "table", "public.slier")]
        elements = " ".join(f"create table t{number} (id int)" for number in range(1100))
        found = watched.report(f"explain analyze create table public.sliest as select 1; create schema long {elements}")
        assert found == [("CREATE", "table", "public.sliest")]
    finally:
        session.execute("drop schema if exists long cascade; drop table if exists public.slier, public.sliest")
        passes(session, 2)


def test_a_record_from_before_hides_nothing_that_came_after(watched: Watched) -> None:
    """Also where an old transaction keeps the horizon behind both."""
    session = watched.session
    role = f"reconcile_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(watched.dsn) as old:
        old.execute("select pg_current_xact_id()")
        session.execute(f"create role {role}; create table public.known (id int)".encode())
        session.execute(f"alter table public.known owner to {role}".encode())
        passes(session, 2)
        assert watched.changes() == []
        found = watched.report(f"reassign owned by {role} to current_user")
    session.execute(f"drop role {role}".encode())
    assert found == [("ALTER", "table", "public.known")]
