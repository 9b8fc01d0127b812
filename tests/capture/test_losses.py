"""Each way in which a record can be lost: the statement goes through and is counted, or it does not go through."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session, history, meddling, value

INTERNAL = "script_tracking_internal"


def counter(session: Session, name: str) -> int:
    """What a sequence has counted."""
    found = value(session, f"select case when is_called then last_value else 0 end from {INTERNAL}.{name}_seq")
    assert isinstance(found, int)
    return found


@pytest.fixture
def other(installed_database: str) -> Iterator[psycopg.Connection]:
    """A session beside, in a transaction."""
    with psycopg.connect(installed_database) as session:
        yield session


def test_a_record_that_somebody_locks_is_lost_and_counted(admin: Session, other: psycopg.Connection) -> None:
    admin.execute("create table public.t ()")
    other.execute("lock table script_tracking.script_execution_s in access exclusive mode")
    admin.execute("comment on table public.t is 'through'")
    other.rollback()
    assert counter(admin, "lost_record") == 1
    assert value(admin, "select obj_description('public.t'::regclass)") == "through"
    assert len(history(admin)) == 1


def test_a_cancel_within_the_tracker_ends_the_statement(admin: Session, other: psycopg.Connection) -> None:
    admin.execute("create table public.t ()")
    other.execute("lock table script_tracking.script_execution_s in access exclusive mode")
    admin.execute("set statement_timeout = '200ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        admin.execute("comment on table public.t is 'through'")
    admin.execute("reset statement_timeout")
    other.rollback()
    assert value(admin, "select obj_description('public.t'::regclass)") is None
    assert counter(admin, "lost_record") == 0
    assert len(history(admin)) == 1


def test_a_loss_is_counted_though_its_transaction_is_rolled_back_and_its_lock_is_taken(
    admin: Session, other: psycopg.Connection
) -> None:
    admin.execute(meddling(f"alter table {INTERNAL}.installation rename to elsewhere").encode())
    before = counter(admin, "lost_record")
    other.execute(f"lock table {INTERNAL}.loss_lock in share update exclusive mode".encode())
    with admin.transaction(force_rollback=True):
        admin.execute("create table public.t (); create table public.u ()")
    assert counter(admin, "lost_record") == before + 2
    assert value(admin, "select to_regclass('public.t') is null") is True


def test_the_lock_of_the_counter_is_nobody_elses_and_held_no_longer_than_it_counts(
    admin: Session, make_role: MakeRole, login: Login, installed_database: str
) -> None:
    """A crash takes back nothing that was written ahead: there is no such thing but after a bare nextval."""
    ahead = f"select log_cnt from {INTERNAL}.lost_record_seq"
    admin.execute(meddling(f"alter table {INTERNAL}.installation rename to elsewhere").encode())
    stranger = login(make_role())
    for number in range(6001874101, 6001874110):
        stranger.execute("select pg_advisory_lock(%s)", (number,))
    before = counter(admin, "lost_record")
    with admin.transaction(), psycopg.connect(installed_database, autocommit=True) as other:
        admin.execute("create table public.t ()")
        assert (counter(admin, "lost_record"), value(admin, ahead)) == (before + 1, 0)
        other.execute("create table public.u ()")
    assert (counter(admin, "lost_record"), value(admin, ahead)) == (before + 2, 0)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), stranger.transaction():
        stranger.execute(f"lock table {INTERNAL}.loss_lock in share update exclusive mode".encode())


def test_a_drop_that_cannot_be_told_is_counted(admin: Session) -> None:
    admin.execute("create table public.t ()")
    admin.execute(meddling(f"drop function {INTERNAL}.state_mac cascade").encode())
    before = counter(admin, "lost_record")
    admin.execute("drop table public.t")
    assert counter(admin, "lost_record") > before


def test_a_start_that_cannot_be_announced_is_counted_and_costs_no_record(admin: Session) -> None:
    admin.execute("create table public.t (id int)")
    admin.execute(f"update {INTERNAL}.installation set capture_level = 'failures'".encode())
    admin.execute(meddling(f"alter function {INTERNAL}.emit_message rename to elsewhere").encode())
    before = counter(admin, "unannounced_ddl")
    admin.execute("comment on table public.t is 'recorded'")
    assert counter(admin, "unannounced_ddl") == before + 1
    assert len(history(admin, "COMMENT")) == 1
    assert counter(admin, "lost_record") == 0
    # where a transaction must not have an id yet nothing is counted, and nothing blocked
    for _ in range(40):
        admin.execute("create index concurrently i on public.t (id)")
        admin.execute("drop index concurrently public.i")
    assert counter(admin, "unannounced_ddl") == before + 41
    assert len(history(admin, "DROP INDEX")) == 40


def test_more_objects_than_a_record_tells_are_no_loss(admin: Session) -> None:
    admin.execute("create schema many")
    admin.execute("do $$ begin for i in 1..1100 loop execute format('create sequence many.s%s', i); end loop; end $$")
    admin.execute("grant select on all sequences in schema many to pg_monitor")
    admin.execute("drop schema many cascade")
    tables = " ".join(f"create table t{number} ()" for number in range(1100))
    admin.execute(f"create schema many {tables}".encode())
    admin.execute("drop schema many cascade; create schema few create table t ()")
    admin.execute("drop schema few cascade")
    found = [
        (row["script_name"], len(row["metadata"]["objects"]), row["metadata"].get("objects_total"))
        for name in ("GRANT", "CREATE SCHEMA", "DROP SCHEMA")
        for row in history(admin, name)
        if row["sql_command"] != "create schema many"
    ]
    assert sorted(found, key=str) == [
        ("CREATE SCHEMA", 1000, 1101),
        ("CREATE SCHEMA", 2, None),
        ("DROP SCHEMA", 1000, 1101),
        ("DROP SCHEMA", 1000, 1101),
        ("DROP SCHEMA", 2, None),
        ("GRANT", 1000, 1100),
    ]
    assert all("unlisted" not in str(row["metadata"]["objects"]) for row in history(admin, "% SCHEMA"))
    assert counter(admin, "lost_record") == 0
