"""What the event triggers record is no untracked change, whatever else it touches; nor is what is no change."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.capture.reconciling import Watched, passes, watched_database
from tests.fix_exporter import eventually
from tests.fix_sessions import value
from tests.postgres_server import Server

# ruff: noqa: E501
# Each line is run, then the catalogs are compared: what it changed beside the object that it names must be accounted for.
RECORDED = """
create table r.parent (id int primary key, a text default 'x', b numeric(10,2)) partition by range (id)
create table r.part1 partition of r.parent for values from (0) to (10)
create table r.part2 (id int not null, a text, b numeric(10,2)); alter table r.parent attach partition r.part2 for values from (10) to (20)
create index parent_a on r.parent (a)
alter table r.parent add column c int not null default 1
alter table r.parent rename column c to cc
alter table r.parent add constraint positive check (cc > 0)
create function r.f() returns trigger language plpgsql as 'begin return new; end'; create trigger t before insert on r.parent for each row execute function r.f()
alter table r.parent detach partition r.part2
create table r.customer (id serial primary key, email text unique, n int generated always as identity)
create table r.orders (id bigint primary key, customer int references r.customer on delete cascade, at timestamptz)
alter table r.customer alter column id type bigint
alter table r.orders alter column at set default now(), alter column at set not null
create view r.v as select id, email from r.customer; create materialized view r.m as select id from r.orders; create unique index on r.m (id)
refresh materialized view concurrently r.m
create or replace view r.v as select id, email, n from r.customer
grant select on r.customer, r.v to pg_monitor; revoke select on r.v from pg_monitor
grant update (email) on r.customer to pg_monitor with grant option
grant usage on schema r to pg_monitor; grant execute on function r.f() to pg_monitor
alter default privileges in schema r grant select on tables to pg_monitor
create type r.mood as enum ('good'); create domain r.positive as int check (value > 0); create type r.pair as (a int, b text)
alter type r.mood add value 'bad' before 'good'; alter domain r.positive set not null; alter type r.pair add attribute c int
create type r.span as range (subtype = int)
alter table r.customer enable row level security; create policy p on r.customer for select to pg_monitor using (id > 0)
alter policy p on r.customer to public
create rule ru as on delete to r.orders do instead nothing; alter table r.orders disable rule ru
alter table r.orders set (fillfactor = 80); alter index r.parent_a rename to parent_a2
create sequence r.s; alter sequence r.s increment by 2; alter table r.orders add column s int default nextval('r.s')
drop sequence r.s cascade
create function r.d() returns int immutable language sql as 'select 1'; create index fi on r.orders ((id + r.d())); alter table r.orders add column dd int default r.d()
drop function r.d() cascade
alter table r.orders add column m r.mood
drop type r.mood cascade
create schema r2; alter table r.orders set schema r2; alter schema r2 rename to r3
create table r.child (extra int) inherits (r.customer); alter table r.customer add column inherited int
alter table r.child no inherit r.customer
drop table r.customer cascade
alter table r.parent owner to pg_monitor
create table r.copy as select * from r.parent; select * into r.copy2 from r.copy
create table r.likewise (like r.parent including all)
alter table r.likewise add constraint one unique (id, b)
alter table r.likewise rename constraint one to two
alter index r.two rename to three
create function r.g() returns trigger language plpgsql as 'begin return new; end'; create constraint trigger late after insert on r.likewise deferrable for each row execute function r.g()
drop trigger late on r.likewise
create type r.shape as (x int); create table r.shapes of r.shape; alter type r.shape rename attribute x to y cascade
create type r.size as enum ('s'); alter table r.shapes not of; alter table r.shapes add column s r.size; grant select (s) on r.shapes to pg_monitor
drop type r.size cascade; grant select on r.shapes to pg_monitor
alter table r.shapes owner to pg_monitor; alter table r.shapes add column z int
do $$ begin execute 'alter table r.shapes owner to current_user'; end $$
create publication rp for table r.shapes, r.likewise; alter publication rp set (publish = 'insert')
alter publication rp drop table r.likewise
drop table r.shapes
drop publication rp
create foreign data wrapper rw; create server rs foreign data wrapper rw; create user mapping for public server rs options (a 'b'); grant usage on foreign data wrapper rw to pg_monitor; grant usage on foreign server rs to pg_monitor
alter user mapping for public server rs options (set a 'c'); alter server rs options (h 'i'); alter foreign data wrapper rw options (x 'y')
drop server rs cascade; drop foreign data wrapper rw
create subscription rs connection 'host=nowhere' publication p with (connect = false, slot_name = none); alter subscription rs connection 'host=elsewhere'
drop subscription rs
create table r.keyed (id int primary key); create table r.refers (id int references r.keyed); alter table r.keyed disable trigger all
drop schema r cascade; drop schema r3 cascade
"""


@pytest.fixture(scope="module")
def watched(postgres: Server, _template: str) -> Iterator[Watched]:
    with watched_database(postgres, _template) as found:
        found.session.execute("create schema r")
        yield found


def test_ddl_that_is_recorded_is_accounted_for_with_all_that_it_touches(watched: Watched) -> None:
    unaccounted = {}
    for line in RECORDED.strip().splitlines():
        watched.session.execute(line.encode())
        passes(watched.session, 1)
        left = watched.pending()
        if left:
            unaccounted[line] = left
            passes(watched.session, 1)
    assert unaccounted == {}


def test_an_extension_accounts_for_its_members(watched: Watched) -> None:
    name = value(watched.session, "select min(name) from pg_available_extensions where name in ('hstore', 'vector')")
    watched.session.execute(f"create extension {name}".encode())
    passes(watched.session, 1)
    assert watched.pending() == []
    watched.session.execute(f"drop extension {name}".encode())
    passes(watched.session, 1)
    assert watched.pending() == []


def test_what_maintenance_writes_is_no_change(watched: Watched) -> None:
    session = watched.session
    session.execute("create table public.kept (id int primary key, note text); insert into public.kept values (1)")
    passes(session, 1)
    before = value(
        session, "select sum(accounted_changes + untracked_changes) from script_tracking_internal.reconcile_state"
    )
    for statement in (
        "vacuum analyze public.kept", "cluster public.kept using kept_pkey", "vacuum full public.kept",
        "reindex table public.kept", "reindex table concurrently public.kept", "truncate public.kept",
        "create temp table scratch (id int primary key); create index on scratch (id); create view pg_temp.v as select 1",
        "select script_tracking_internal.ensure_partitions()",
    ):  # fmt: skip
        session.execute(statement.encode())
        passes(session, 1)
        assert watched.pending() == [], statement
    after = value(
        session, "select sum(accounted_changes + untracked_changes) from script_tracking_internal.reconcile_state"
    )
    assert after == before


def test_transactions_that_commit_late_raise_no_alarm(watched: Watched) -> None:
    session = watched.session
    with psycopg.connect(watched.dsn) as slow, psycopg.connect(watched.dsn) as prepared:
        slow.execute("create table public.late (id int primary key)")
        prepared.execute("create table public.twice (id int primary key)")
        prepared.execute("prepare transaction 'reconcile'")
        session.execute("create table public.soon ()")
        passes(session, 3)
        slow.commit()
        passes(session, 2)
        session.execute("commit prepared 'reconcile'")
        passes(session, 2)
    assert watched.pending() == []
    assert watched.changes() == []


def test_a_concurrent_index_waits_for_its_record(watched: Watched) -> None:
    session = watched.session
    session.execute("create table public.busy (id int)")
    passes(session, 1)
    building = psycopg.connect(watched.dsn, autocommit=True)
    blocking = psycopg.connect(watched.dsn)
    blocking.execute("insert into public.busy values (1)")
    create = b"create index concurrently busy_id on public.busy (id)"
    thread = threading.Thread(target=building.execute, args=(create,), daemon=True)
    thread.start()
    try:
        eventually(lambda: session.execute("select 1 from pg_class where relname = 'busy_id'").fetchone(), 30)
        meanwhile = passes(session, 3)
    finally:
        blocking.close()
        thread.join(timeout=20)
        building.close()
    assert [(row["held"], row["reported"]) for row in meanwhile] == [(0, 0), (1, 0), (1, 0)]
    passes(session, 2)
    assert watched.pending() == []
    assert watched.changes() == []


def test_a_pass_waits_for_no_lock_on_a_relation(watched: Watched) -> None:
    session = watched.session
    session.execute("create table public.locked (id int primary key, note text default 'x' check (note <> ''))")
    session.execute("create view public.on_locked as select * from public.locked")
    session.execute("set lock_timeout = '100ms'")
    with psycopg.connect(watched.dsn, row_factory=dict_row) as other:
        other.execute("lock table public.locked, public.on_locked in access exclusive mode")
        assert passes(session, 1)[0]["accounted"] > 0
    session.execute("reset lock_timeout")


# Locks of a pass that has not ended: on relations that are neither catalogs nor the tracker's, and on catalogs any but that of a query.
LOCKED = """
select l.mode, c.oid::regclass::text as relation
from pg_locks as l join pg_class as c on c.oid = l.relation join pg_namespace as n on n.oid = c.relnamespace
where l.pid = %s and l.locktype = 'relation' and l.database in (0, (select oid from pg_database where datname = current_database()))
  and not (n.nspname = 'pg_catalog' and l.mode = 'AccessShareLock')
  and not (n.nspname like 'script\\_tracking%%' and l.mode in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))
  and c.relname <> 'capture_lock'
"""


def test_nobody_waits_for_a_pass(watched: Watched) -> None:
    session = watched.session
    session.execute("create table public.free (id int primary key)")
    with psycopg.connect(watched.dsn) as other:
        other.execute("select * from script_tracking_internal.reconcile()")
        assert session.execute(LOCKED, (other.info.backend_pid,)).fetchall() == []
        session.execute("set lock_timeout = '10s'")
        for statement in (
            "alter table public.free add column note text", "lock table public.free in access exclusive mode",
            "create index on public.free (note)", "vacuum public.free", "create role reconcile_free; drop role reconcile_free",
            "select script_tracking.track_operation('free', 'ETL')", "drop table public.free",
        ):  # fmt: skip
            session.execute((f"begin; {statement}; commit" if statement.startswith("lock") else statement).encode())
        session.execute("reset lock_timeout")


def test_two_passes_at_once_are_one(watched: Watched) -> None:
    with psycopg.connect(watched.dsn) as other:
        other.execute("select * from script_tracking_internal.reconcile()")
        assert passes(watched.session, 1) == []
