"""What the event triggers record of DDL, and that nothing makes them fail it or miss it."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_sessions import HOSTILE, Login, MakeRole, Session, history, meddling, one, value


def lost(session: Session) -> object:
    return value(session, "select lost_records_total from script_tracking_internal.collect_capture()")


def test_one_record_names_who_what_and_how_long(admin: Session) -> None:
    admin.execute("create table public.orders (id int primary key, note text)")
    (row,) = history(admin)
    assert (row["script_name"], row["script_type"], row["execution_status"]) == ("CREATE TABLE", "DDL", "COMPLETED")
    assert set(row["affected_objects"]) == {"public.orders", "public.orders_pkey"}
    assert row["sql_command"] == "create table public.orders (id int primary key, note text)"
    assert row["db_session_user"] == admin.info.user
    assert row["tenant"] == "system"
    assert row["evidence"] == "trigger"
    assert 0 < row["duration_seconds"] < 10
    assert row["metadata"]["objects"][0]["type"] == "table"
    assert row["metadata"]["pid"] == admin.info.backend_pid


def test_the_start_takes_no_transaction_id_so_concurrent_drops_go_on(admin: Session) -> None:
    admin.execute("create table public.t (id int)")
    for _ in range(30):
        admin.execute("create index concurrently i on public.t (id)")
        admin.execute("drop index concurrently public.i")
    assert [row["execution_status"] for row in history(admin, "%INDEX")] == ["COMPLETED"] * 60
    assert lost(admin) == 0


def test_every_statement_of_a_batch_and_of_a_function_leaves_a_record(admin: Session) -> None:
    admin.execute("create table public.a (); create table public.b (); drop table public.a")
    admin.execute("do $$ begin execute 'create table public.' || quote_ident('Odd \"name') || '()'; end $$")
    names = [(row["script_name"], row["affected_objects"]) for row in history(admin)]
    assert names == [
        ("CREATE TABLE", ["public.a"]),
        ("CREATE TABLE", ["public.b"]),
        ("DROP TABLE", ["public.a"]),
        ("CREATE TABLE", ['public."Odd ""name"']),
    ]


def test_what_did_nothing_is_noop(admin: Session) -> None:
    admin.execute("create table public.t ()")
    admin.execute("create table if not exists public.t ()")
    admin.execute("drop table if exists public.none")
    assert [row["execution_status"] for row in history(admin)] == ["COMPLETED", "NOOP", "NOOP"]


def test_temporary_objects_are_counted_and_not_recorded(admin: Session) -> None:
    admin.execute("create temp table scratch (id int primary key)")
    admin.execute("drop table scratch")
    assert history(admin) == []
    assert value(admin, "select temporary_ddl_total from script_tracking_internal.collect_capture()") == 2


def test_a_drop_tells_its_roots_from_its_dependents(admin: Session) -> None:
    admin.execute("create table public.t (id int); create view public.v as select * from public.t")
    admin.execute("drop table public.t cascade")
    (row,) = history(admin, "DROP TABLE")
    objects = {item["name"]: item.get("dependent", False) for item in row["metadata"]["objects"]}
    assert objects["public.t"] is False
    assert objects["public.v"] is True


def test_dropping_a_column_is_one_record_with_the_column(admin: Session) -> None:
    admin.execute("create table public.t (id int, gone text)")
    admin.execute("alter table public.t drop column gone, add column here int")
    (row,) = history(admin, "ALTER TABLE")
    assert {"public.t", "public.t.gone"} == set(row["affected_objects"])


def test_an_extension_is_one_record_with_its_members_counted(admin: Session) -> None:
    # hstore comes with contrib, vector with the embedded wheel
    available = value(admin, "select min(name) from pg_available_extensions where name in ('hstore', 'vector')")
    admin.execute(f"create extension {available}".encode())
    (row,) = history(admin, "CREATE EXTENSION")
    assert row["metadata"]["extension_members"] > 50
    assert len(history(admin, "CREATE FUNCTION")) == 0


@pytest.mark.parametrize("setting", HOSTILE)
def test_a_hostile_setting_changes_nothing_of_the_record(admin: Session, setting: str) -> None:
    admin.execute("create schema evil; create function evil.now() returns int language sql as 'select 1'")
    admin.execute(setting.encode())
    admin.execute("create table public.t (id int)")
    admin.execute("reset all")
    (row,) = history(admin, "CREATE TABLE")
    assert row["affected_objects"] == ["public.t"]
    assert lost(admin) == 0


def test_an_ordinary_role_cannot_switch_tracking_off(admin: Session, make_role: MakeRole, login: Login) -> None:
    role = make_role()
    admin.execute(f"create schema shop authorization {role}".encode())
    session = login(role)
    with session.transaction():
        session.execute("select pg_advisory_xact_lock(6001874101)")
        session.execute("set local script_tracking_internal.installing = 'on'")
        session.execute("set local script_tracking.tenant = 'nobody'")
        session.execute("set local script_tracking_internal.attempts = 'x'")
        session.execute("set local script_tracking_internal.dropped = 'x'")
        session.execute("create table shop.t (id int)")
    (row,) = history(admin, "CREATE TABLE")
    assert row["affected_objects"] == ["shop.t"]
    assert row["metadata"]["refused_tenant_claim"] == {"claim": "nobody", "reason": "not_a_member"}
    assert value(admin, "select refused_claims_total from script_tracking_internal.collect_capture()") == 1
    for statement in ("drop event trigger et_ddl_command_end", "alter event trigger et_sql_drop disable"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement.encode())


def test_session_user_and_effective_role_are_told_apart(admin: Session, make_role: MakeRole, login: Login) -> None:
    group = make_role()
    member = make_role(group)
    admin.execute(f"create schema shop authorization {group}".encode())
    session = login(member)
    session.execute(f"set role {group}".encode())
    session.execute("create table shop.t ()")
    (row,) = history(admin, "CREATE TABLE")
    assert (row["db_session_user"], row["metadata"]["effective_role"]) == (member, group)


@pytest.mark.parametrize(
    ("statement", "stored"),
    [
        (
            "create role r_secret password 'hunter2'; drop role r_secret; create table public.t ()",
            "create role r_secret password '[redacted]'; drop role r_secret; create table public.t ()",
        ),
        (
            "create table public.t (); comment on table public.t is 'the token is hunter2'",
            "create table public.t (); comment on table public.t is 'the token is [redacted]'",
        ),
        (
            "create table public.t (); comment on table public.t is 'postgresql://joe:hunter2@db/x'",
            "create table public.t (); comment on table public.t is 'postgresql://joe:[redacted]@db/x'",
        ),
    ],
)
def test_a_secret_is_taken_out_of_a_statement(admin: Session, statement: str, stored: str) -> None:
    admin.execute(statement.encode())
    rows = history(admin)
    assert rows
    assert "hunter2" not in str(rows)
    assert rows[0]["sql_command"] == stored


def test_a_long_statement_is_cut_and_its_length_and_hash_kept(admin: Session) -> None:
    statement = "create table public.t () -- " + "x" * 1_000_000
    admin.execute(statement.encode())
    (row,) = history(admin)
    assert row["sql_command"] == statement[:16384]
    assert row["metadata"]["sql_command_characters"] == len(statement)
    expected = value(admin, "select encode(sha256(convert_to(%s, 'UTF8')), 'hex')", statement)
    assert row["metadata"]["sql_command_sha256"] == expected


def test_thousands_in_one_transaction_and_serializable(admin: Session) -> None:
    with admin.transaction():
        admin.execute("set transaction isolation level serializable")
        admin.execute("create table public.t (id int)")
        for number in range(1000):
            admin.execute(f"comment on table public.t is '{number}'".encode())
    assert len(history(admin, "COMMENT")) == 1000
    assert lost(admin) == 0


BREAKAGES = (
    "alter table script_tracking.script_execution_s rename to elsewhere",
    "alter table script_tracking_internal.installation rename to elsewhere",
    "delete from script_tracking_internal.installation",
    "drop function script_tracking_internal.record_execution cascade",
    "drop function script_tracking_internal.statement_batch cascade",
    "drop sequence script_tracking_internal.execution_version_seq cascade",
    "drop function script_tracking_internal.hash_diff cascade",
    "select script_tracking.register_tenant('acme'), script_tracking.grant_tenant('acme', 'script_tracking_reader');"
    " drop table script_tracking_internal.tenant_membership cascade",
    "revoke all on script_tracking.script_execution_h from script_tracking_owner",
)


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_tracker_lets_ddl_through_and_counts_the_loss(admin: Session, breakage: str) -> None:
    admin.execute(meddling(breakage).encode())
    before = value(admin, "select last_value from script_tracking_internal.lost_record_seq")
    admin.execute("create table public.t (id int)")
    admin.execute("drop table public.t")
    one(admin, "select 1 as x where to_regclass('public.t') is null")
    after = value(admin, "select last_value from script_tracking_internal.lost_record_seq")
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after > before


def test_even_without_its_counter_ddl_goes_through(admin: Session) -> None:
    admin.execute(meddling("drop sequence script_tracking_internal.lost_record_seq cascade").encode())
    admin.execute(meddling("drop function script_tracking_internal.count_loss").encode())
    admin.execute(meddling("alter table script_tracking.script_execution_s rename to elsewhere").encode())
    admin.execute("create table public.t (id int)")
    one(admin, "select 1 as x where to_regclass('public.t') is not null")
