"""What a session may try against the record, by mistake or on purpose: none of it falsifies or blinds the record."""

from __future__ import annotations

import json
import time
from datetime import UTC

import psycopg
import pytest
from psycopg import sql

from tests.fix_exporter import eventually
from tests.fix_sessions import HOSTILE, Login, MakeRole, Session, history, meddling, value

LOST = "select lost_records_total from script_tracking_internal.collect_capture()"


@pytest.mark.parametrize(
    "secret",
    [
        "see https://joe:hunter2@example.org/x",
        "create user mapping for joe server s options (password 'hunter2')",
        "authorization: hunter2",
    ],
)
def test_redaction_does_not_depend_on_how_the_session_reads_strings(admin: Session, secret: str) -> None:
    admin.execute("set standard_conforming_strings = off")
    admin.execute("set escape_string_warning = off")
    admin.execute("select script_tracking.track_operation('job', 'BATCH', sql_command => %s)", (secret,))
    admin.execute(sql.SQL("create table public.t (); comment on table public.t is {}").format(sql.Literal(secret)))
    admin.execute("reset all")
    rows = history(admin)
    assert len(rows) == 3
    assert "hunter2" not in str(rows)


def test_declared_metadata_cannot_pose_as_the_records_own(admin: Session, make_role: MakeRole, login: Login) -> None:
    forged = json.dumps(
        {"duration_us": "abc", "evidence": "trigger", "pid": 1, "effective_role": "postgres", "objects": [], "kept": 1}
    )
    role = make_role("script_tracking_app")
    session = login(role)
    key = value(session, "select script_tracking.track_operation('job', 'BATCH', metadata => %s)", forged)
    (running,) = history(admin)  # an unreadable duration would fail every reader
    session.execute("select script_tracking.complete_operation(%s, true, metadata => %s)", (key, forged))
    (final,) = history(admin)
    for row in (running, final):
        metadata = row["metadata"]
        assert (row["evidence"], metadata["pid"]) == ("client", session.info.backend_pid)
        assert metadata["effective_role"] == role
        assert metadata["kept"] == 1
        assert "objects" not in metadata
    assert isinstance(final["metadata"]["duration_us"], int)


REHASHED = (
    "select hash_diff = script_tracking_internal.hash_diff(tenant_hk, script_name, script_type, execution_status,"
    " execution_timestamp, execution_duration_ms, db_session_user, client_ip, affected_objects, sql_command,"
    " error_message, metadata) as same from script_tracking.script_execution_s"
)


@pytest.mark.parametrize("setting", HOSTILE)
def test_a_hostile_setting_changes_nothing_of_an_operation(admin: Session, setting: str) -> None:
    admin.execute(setting.encode())
    key = value(
        admin,
        "select script_tracking.track_operation('job', 'BATCH', parent_hk => %s, metadata => %s)",
        b"\x00\xff",
        '{"ratio": 0.1, "at": "2026-01-02T03:04:05Z"}',
    )
    admin.execute("select script_tracking.complete_operation(%s, false, 'boom', 'P0001', 3)", (key,))
    admin.execute("reset all")
    assert [row["same"] for row in admin.execute(REHASHED.encode()).fetchall()] == [True, True]
    (row,) = history(admin)
    assert row["metadata"]["parent_hk"] == "00ff"
    assert row["metadata"]["ratio"] == 0.1
    bk = "select script_execution_bk from script_tracking.script_execution_h"
    started = row["execution_timestamp"].astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    assert str(value(admin, bk)).startswith(f"job_{started}_")


def test_who_ends_somebody_elses_operation_is_named(admin: Session, make_role: MakeRole, login: Login) -> None:
    admin.execute("select script_tracking.register_tenant('acme')")
    alice, carol = make_role("script_tracking_app"), make_role("script_tracking_app")
    for role in (alice, carol):
        admin.execute("select script_tracking.grant_tenant('acme', %s)", (role,))
    session = login(alice)
    keys = [value(session, "select script_tracking.track_operation('job', 'BATCH')") for _ in range(2)]
    login(carol).execute("select script_tracking.complete_operation(%s, true)", (keys[0],))
    session.execute("select script_tracking.complete_operation(%s, true)", (keys[1],))
    rows = {row["execution_hk"]: row for row in history(admin)}
    assert [rows[key]["db_session_user"] for key in keys] == [alice, alice]
    assert [rows[key]["metadata"].get("completed_by") for key in keys] == [carol, None]


def test_long_texts_are_cut_and_their_length_kept(admin: Session) -> None:
    admin.execute("select set_config('script_tracking.app_user', repeat('x', 5000000), false)")
    admin.execute("create table public.t ()")
    key = value(admin, "select script_tracking.track_operation('job', 'BATCH')")
    admin.execute("select script_tracking.complete_operation(%s, false, repeat('y', 2000000))", (key,))
    rows = history(admin)
    assert [len(row["metadata"]["claimed_app_user"]) for row in rows] == [1000, 1000]
    assert len(rows[1]["error_message"]) == 16384
    assert rows[1]["metadata"]["error_message_characters"] == 2_000_000
    assert value(admin, LOST) == 0


@pytest.mark.parametrize("change", ["update {} set value = '16 kB' where {}", "delete from {} where {}"])
def test_a_mistake_in_the_setting_of_what_is_kept_costs_no_record(admin: Session, change: str) -> None:
    admin.execute(change.format("script_tracking_internal.setting", "name = 'sql_command.max_characters'").encode())
    admin.execute(f"comment on schema public is '{'x' * 20000}'".encode())
    (row,) = history(admin, "COMMENT")
    assert len(row["sql_command"]) == 16384
    assert value(admin, "select lost_records_total from script_tracking_internal.collect_capture()") == 0


def test_a_type_that_no_label_could_hold_is_refused(admin: Session) -> None:
    for script_type in ("two\rlines", "two\nlines", "\x7f", "tab\t"):
        with pytest.raises(psycopg.Error) as error:
            admin.execute("select script_tracking.track_operation('job', %s)", (script_type,))
        assert error.value.sqlstate == "ST003"


def test_a_name_like_ours_hides_nothing(admin: Session, make_role: MakeRole, login: Login) -> None:
    """The lock of upkeep is anybody's to take; only what hangs on our own tables goes by it."""
    role = make_role()
    admin.execute(f"create schema shop authorization {role}".encode())
    database = admin.info.dbname
    admin.execute(sql.SQL("grant create on database {} to {}").format(sql.Identifier(database), sql.Identifier(role)))
    session = login(role)
    session.execute("select pg_advisory_lock(6001874101)")
    session.execute("create table shop.t (id int)")
    session.execute('create publication "p on script_tracking.x"')
    session.execute('alter publication "p on script_tracking.x" add table shop.t')
    session.execute('create table shop."t on script_tracking.x" (id int)')
    session.execute('create policy p on shop."t on script_tracking.x"')
    names = [row["script_name"] for row in history(admin)]
    assert names[-5:] == ["CREATE TABLE", "CREATE PUBLICATION", "ALTER PUBLICATION", "CREATE TABLE", "CREATE POLICY"]


@pytest.mark.parametrize(
    "statement",
    [
        "create table public.t as select set_config('transaction_read_only', 'on', true)",
        "alter table public.kept add column c text default set_config('transaction_read_only', 'on', true)",
    ],
)
def test_a_transaction_made_read_only_within_the_statement_is_refused(admin: Session, statement: str) -> None:
    """Neither a record nor a count could be written, so the statement does not go through either."""
    admin.execute("create table public.kept as select 1 as id")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        admin.execute(statement.encode())
    assert value(admin, "select to_regclass('public.t') is null") is True
    assert len(history(admin)) == 1
    assert value(admin, LOST) == 0


@pytest.mark.parametrize("forged", ["garbage", '[{"type": "table", "name": "payroll.salaries", "dropped": true}]'])
def test_what_was_dropped_cannot_be_forged(admin: Session, forged: str) -> None:
    admin.execute(
        sql.SQL(
            "do $$ begin"
            " perform set_config('script_tracking_internal.dropped', "
            "(extract(epoch from statement_timestamp()) * 1000000)::bigint::text || ';' || {forged}, false);"
            " execute 'create table public.a ()';"
            " perform set_config('script_tracking_internal.dropped', repeat('0', 64) || {forged}, false);"
            " execute 'create table public.b ()'; end $$"
        ).format(forged=sql.Literal(forged))
    )
    assert [row["affected_objects"] for row in history(admin)] == [["public.a"], ["public.b"]]
    assert value(admin, LOST) == 0


def test_what_was_dropped_cannot_be_told_twice(admin: Session) -> None:
    admin.execute("create table public.gone ()")
    admin.execute("create table public.seen (state text)")
    admin.execute(
        "create function public.see() returns event_trigger language plpgsql as $$ begin"
        " insert into public.seen values (current_setting('script_tracking_internal.dropped', true)); end $$"
    )
    admin.execute("create event trigger see on sql_drop execute function public.see()")  # fires after ours, by name
    try:
        admin.execute(
            "do $$ begin execute 'drop table public.gone';"
            " perform set_config('script_tracking_internal.dropped',"
            " (select max(state) from public.seen), false);"
            " execute 'create table public.t ()'; end $$"
        )
    finally:
        admin.execute("drop event trigger see")
    assert value(admin, "select max(length(state)) > 64 from public.seen") is True
    dropped, created = history(admin)[-2:]
    assert (dropped["script_name"], dropped["affected_objects"]) == ("DROP TABLE", ["public.gone"])
    assert (created["script_name"], created["affected_objects"]) == ("CREATE TABLE", ["public.t"])


def test_ddl_at_the_end_of_the_stack_is_recorded_or_fails(admin: Session) -> None:
    """Each level makes its table on the way back, and goes on where that fails."""
    admin.execute("set max_stack_depth = '400kB'")
    admin.execute(
        "create function public.deep(p_level int) returns void language plpgsql as $$ begin"
        " begin perform public.deep(p_level + 1); exception when statement_too_complex then null; end;"
        " begin execute format('create table public.level_%s ()', p_level);"
        " exception when statement_too_complex then null; end; end $$"
    )
    admin.execute("select public.deep(1)")
    made = value(admin, "select count(*) from pg_class where relname like 'level_%'")
    recorded = len(history(admin, "CREATE TABLE"))
    assert isinstance(made, int)
    assert made > 5
    assert made == recorded + int(str(value(admin, LOST)))


def test_a_lock_that_is_not_had_costs_a_second_at_most(admin: Session, installed_database: str) -> None:
    with psycopg.connect(installed_database) as other:
        other.execute("lock table script_tracking.script_execution_h in access exclusive mode")
        admin.execute("set lock_timeout = '20ms'")
        took = []
        for number in range(3):
            began = time.monotonic()
            admin.execute(f"create table public.t{number} ()".encode())
            took.append(time.monotonic() - began)
    assert 1 <= min(took) < 3, "of three, as what else the machine does may hold one up"
    assert value(admin, LOST) == 3


@pytest.mark.majors
def test_a_text_of_many_megabytes_is_judged_by_its_words(admin: Session) -> None:
    statement = "create table public.t () -- the key is hunter2 " + "x" * 70_000_000
    admin.execute(statement.encode())
    (row,) = history(admin)
    assert row["sql_command"] == f"[withheld: {len(statement)} characters that may hold a secret]"
    assert value(admin, LOST) == 0


def test_a_crash_of_the_server_invents_no_loss(installed_database: str) -> None:
    with psycopg.connect(installed_database, autocommit=True) as connection:
        connection.execute("set synchronous_commit = on")
        connection.execute(meddling("alter table script_tracking.script_execution_s rename to elsewhere").encode())
        for number in range(3):
            connection.execute(f"create table public.t{number} ()".encode())
        connection.execute(meddling("alter table script_tracking.elsewhere rename to script_execution_s").encode())
        (before,) = connection.execute(LOST).fetchone() or (None,)
        assert before == 4, "the renaming and three tables"
        with pytest.raises(psycopg.OperationalError):
            killed = f"cat >/dev/null; kill -9 {connection.info.backend_pid}"
            connection.execute(f"copy (select 1) to program '{killed}'".encode())
            connection.execute("select pg_sleep(60)")

    def after() -> object:
        try:
            with psycopg.connect(installed_database) as connection:
                return connection.execute(LOST).fetchone()
        except psycopg.OperationalError:
            return None

    assert eventually(after, 30) == (4,)
