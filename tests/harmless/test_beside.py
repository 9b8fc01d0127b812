"""What the server does besides: two-phase commit, parallel workers, serializable sessions, autovacuum, pgaudit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from exporter.metricmap import load
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, history, meddling, opened, value
from tests.installing import installed
from tests.postgres_server import LocalServer, Server

LOST = "select lost_records_total from script_tracking_internal.collect_capture()"


def names(session: Session) -> list[tuple[object, object]]:
    return [(row["script_name"], row["execution_status"]) for row in history(session)]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_ddl_of_a_prepared_transaction_is_recorded_when_it_is_committed(
    admin: Session, installed_database: str, end: str
) -> None:
    admin.execute("begin; create table public.prepared (id int); drop table if exists public.none")
    admin.execute("prepare transaction 'tests'")
    assert names(admin) == []
    with psycopg.connect(installed_database, autocommit=True) as other:
        other.execute("create table public.meanwhile (id int)")
        other.execute(f"{end} prepared 'tests'".encode())
    committed = {("CREATE TABLE", "COMPLETED"), ("DROP TABLE", "NOOP")} if end == "commit" else set()
    assert value(admin, "select to_regclass('public.prepared') is not null") is (end == "commit")
    recorded = [row for row in history(admin) if row["affected_objects"] != ["public.meanwhile"]]
    kept = {(row["script_name"], row["execution_status"]) for row in recorded}
    assert {pair for pair in kept if pair[1] not in ("ROLLED_BACK", "FAILED")} == committed
    assert value(admin, "select sum(operations_total)::int from script_tracking_internal.collect_operations()") == len(
        history(admin)
    )
    assert value(admin, LOST) == 0


def test_parallel_workers_build_an_index_and_fill_a_table(admin: Session) -> None:
    told: list[str] = []
    admin.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
    for setting in ("parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0"):
        admin.execute(f"set {setting}".encode())
    admin.execute("set maintenance_work_mem = '128MB'; set max_parallel_maintenance_workers = 2")
    admin.execute("create table public.big as select n, n % 10 as d from generate_series(1, 30000) as n")
    admin.execute("alter table public.big set (parallel_workers = 2); analyze public.big")
    fill = "select d, count(*) as n from public.big group by d"
    plan = admin.execute(f"explain {fill}".encode()).fetchall()
    assert any("Gather" in str(row) for row in plan)
    admin.execute(f"create table public.counted as {fill}".encode())
    admin.execute("set client_min_messages = debug1")
    admin.execute("create index i on public.big (n)")
    admin.execute("reset client_min_messages")
    assert any("with request for 2 parallel workers" in text for text in told), told
    assert [row["script_name"] for row in history(admin)] == [
        "CREATE TABLE AS", "ALTER TABLE", "CREATE TABLE AS", "CREATE INDEX",
    ]  # fmt: skip
    assert value(admin, LOST) == 0


def test_a_server_that_plans_everything_parallel_changes_nothing(admin: Session) -> None:
    """Whatever of ours is marked safe for a worker, is."""
    setting = value(admin, "select name from pg_settings where name in ('debug_parallel_query', 'force_parallel_mode')")
    admin.execute(f"set {setting} = on".encode())
    admin.execute("create table public.t (id int); drop table public.t")
    key = value(admin, "select script_tracking.track_operation('nightly', 'BATCH')")
    assert value(admin, "select script_tracking.complete_operation(%s, true)", key) is True
    for spec in load():
        admin.execute(f"select * from {spec.function}()".encode())
    assert value(admin, "select script_tracking_internal.roll_up()") == 3
    assert names(admin) == [("CREATE TABLE", "COMPLETED"), ("DROP TABLE", "COMPLETED"), ("nightly", "COMPLETED")]
    assert value(admin, LOST) == 0


def test_serializable_sessions_side_by_side_do_not_meet_in_the_record(admin: Session, installed_database: str) -> None:
    with (
        psycopg.connect(installed_database, autocommit=True) as first,
        psycopg.connect(installed_database, autocommit=True) as second,
    ):
        for number in range(20):
            for session in (first, second):
                session.execute("begin isolation level serializable")
            for session, name in ((first, "a"), (second, "b"), (second, "c"), (first, "d")):
                session.execute(f"create table public.{name}{number} (id int primary key)".encode())
                session.execute("select script_tracking.track_operation('nightly', 'BATCH')")
            first.execute("commit")
            second.execute("commit")
    assert len(history(admin, "CREATE TABLE")) == 80
    assert value(admin, LOST) == 0


@pytest.fixture
def busy_autovacuum(postgres: Server) -> Iterator[None]:
    """The server looks for something to vacuum each second."""
    with psycopg.connect(postgres.dsn, autocommit=True) as session:
        session.execute("alter system set autovacuum_naptime = '1s'")
        session.execute("select pg_reload_conf()")
        yield
        session.execute("alter system reset autovacuum_naptime")
        session.execute("select pg_reload_conf()")


@pytest.mark.majors
def test_autovacuum_cleans_and_analyses_the_vault(admin: Session, busy_autovacuum: None) -> None:
    partition = "script_tracking_internal.script_execution_s_first"
    admin.execute(
        meddling(
            f"alter table {partition} set (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,"
            " autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0)"
        ).encode()
    )
    before = len(history(admin))
    for _ in range(20):
        key = value(admin, "select script_tracking.track_operation('nightly', 'BATCH')")
        value(admin, "select script_tracking.complete_operation(%s, true)", key)
    done = "select autovacuum_count > 0 and autoanalyze_count > 0 from pg_stat_all_tables where relid = %s::regclass"
    eventually(lambda: value(admin, done, partition), 60)
    admin.execute("vacuum (full, analyze) script_tracking.script_execution_s")
    assert len(history(admin, "nightly")) == 20
    assert len(history(admin)) == before + 20


def test_thousands_of_statements_in_one_transaction(admin: Session) -> None:
    with admin.transaction():
        admin.execute("create table public.t (id int)")
        admin.execute(
            "do $$ begin for n in 1..5000 loop execute format('comment on table public.t is %L', n); end loop; end $$"
        )
    recorded = "select count(*) from script_tracking.script_execution_s where script_name = 'COMMENT'"
    assert value(admin, recorded) == 5000
    assert value(admin, LOST) == 0


PGAUDIT = Path("/usr/lib/postgresql/15")


@pytest.fixture
def audited_server() -> Iterator[LocalServer]:
    """Debian's PostgreSQL 15 with pgaudit, which Debian has for that one alone."""
    if not (PGAUDIT / "lib" / "pgaudit.so").exists():
        pytest.skip("pgaudit is missing (Debian 12: apt-get install postgresql-15-pgaudit)")
    settings = {"shared_preload_libraries": "pgaudit", "pgaudit.log": "ddl,role"}
    server = LocalServer(PGAUDIT / "bin", "Debian binaries 15 with pgaudit", settings)
    try:
        server.start()
        yield server
    finally:
        server.close()


async def test_pgaudit_and_the_tracker_see_the_same_statements(audited_server: LocalServer) -> None:
    with opened(audited_server.dsn) as session:
        session.execute("create extension pgaudit")
        await installed(audited_server.dsn)
        start = len(audited_server.log())
        session.execute("create table public.orders (id int primary key)")
        session.execute("create index concurrently i on public.orders (id)")
        session.execute("do $$ begin execute 'alter table public.orders add column note text'; end $$")
        session.execute("drop table public.orders")
        with session.transaction(force_rollback=True):
            session.execute("create view public.v as select 1")
        found = re.findall(r"AUDIT: SESSION,\d+,\d+,DDL,([A-Z ]+),", audited_server.log()[start:])
        recorded = [row["script_name"] for row in history(session)]
        assert recorded == ["CREATE TABLE", "CREATE INDEX", "ALTER TABLE", "DROP TABLE"]
        # pgaudit names the objects as well, the index of a primary key and what a statement drops among them
        # and what was rolled back like any other, which is on record here at the levels `failures` and `full`
        assert [tag for tag in dict.fromkeys(found) if tag != "DO"] == [*recorded, "CREATE VIEW"]
        assert value(session, LOST) == 0
