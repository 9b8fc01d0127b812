"""What the server tells of the sessions behind operations, and of DDL that waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow

from tests.fix_servers import choose
from tests.fix_sessions import Login, MakeRole, Session, one, opened, value
from tests.installing import installed
from tests.postgres_server import LocalServer, Server

RUNNING = "select * from script_tracking.get_running_operations()"
WAITING = "select * from script_tracking.get_waiting_ddl()"
INTERNAL = "script_tracking_internal"


@pytest.fixture
def worker(admin: Session, make_role: MakeRole, login: Login) -> Session:
    """A session of an application of the tenant orders that may change public.subject."""
    admin.execute("create table public.subject (id bigint)")
    admin.execute("select script_tracking.register_tenant('orders')")
    role = make_role("script_tracking_app", "script_tracking_reader")
    admin.execute("select script_tracking.grant_tenant('orders', %s)", (role,))
    admin.execute(f"grant all on public.subject to {role}".encode())
    return login(role)


def began(session: Session, name: str) -> bytes:
    key = value(session, "select script_tracking.track_operation(%s, 'BATCH')", name)
    assert isinstance(key, bytes)
    return key


def until(look: Callable[[], list[DictRow]], holds: Callable[[list[DictRow]], bool]) -> list[DictRow]:
    """Rows for which it holds, which fails after a minute."""
    deadline = time.monotonic() + 180
    while not holds(rows := look()):
        assert time.monotonic() < deadline, rows
        time.sleep(0.02)
    return rows


def test_a_running_operation_shows_what_its_session_does(admin: Session, worker: Session) -> None:
    key = began(worker, "nightly")
    row = one(admin, RUNNING)
    expected = {
        "execution_hk": key,
        "tenant": "orders",
        "script_name": "nightly",
        "script_type": "BATCH",
        "started_by": worker.info.user,
        "pid": worker.info.backend_pid,
        "session_state": "idle",
        "blocked_by": [],
        "heartbeat_at": None,
        "progress_command": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert 0 <= row["running_seconds"] < 60
    value(worker, "select script_tracking.heartbeat(%s)", key)
    assert one(admin, RUNNING)["heartbeat_at"] > row["execution_timestamp"]
    value(worker, "select script_tracking.complete_operation(%s, true)", key)
    assert admin.execute(RUNNING.encode()).fetchall() == []


def test_whom_it_waits_for(admin: Session, worker: Session, installed_database: str) -> None:
    began(worker, "nightly")
    with psycopg.connect(installed_database) as holder, psycopg.connect(installed_database) as mover:
        holder.execute("lock table public.subject in access exclusive mode")
        worker.pgconn.send_query(b"select secret_of_somebody_else from public.subject")
        # The server reads a session's state once a statement and its wait live: a look may fall between the two.
        waits = ("active", "Lock", "relation", [holder.info.backend_pid])
        names = ("session_state", "wait_event_type", "wait_event", "blocked_by")
        (row,) = until(
            lambda: admin.execute(RUNNING.encode()).fetchall(),
            lambda rows: tuple(rows[0][name] for name in names) == waits,
        )
        assert "secret_of_somebody_else" not in str(row), "the session may serve somebody else by now"
        blocked = one(admin, f"select * from {INTERNAL}.collect_blocked()")
        assert (blocked["tenant"], blocked["script_type"], blocked["blocked"]) == ("orders", "BATCH", 1)
        mover.rollback()
        holder.rollback()
    while worker.pgconn.get_result() is not None:
        pass
    until(lambda: admin.execute(RUNNING.encode()).fetchall(), lambda rows: rows[0]["blocked_by"] == [])
    assert one(admin, f"select * from {INTERNAL}.collect_blocked()")["blocked"] == 0


def test_a_session_that_ended_is_gone_whoever_has_its_pid(admin: Session, worker: Session) -> None:
    began(worker, "abandoned")
    worker.close()
    until(lambda: admin.execute(RUNNING.encode()).fetchall(), lambda rows: rows[0]["session_state"] == "gone")
    # this session's pid, of a session that was begun long before this one
    admin.execute(
        f"update {INTERNAL}.running_operation set pid = pg_backend_pid(), backend_start = '2000-01-01'".encode()
    )
    assert one(admin, RUNNING)["session_state"] == "gone"


def test_another_tenant_sees_none_of_it(admin: Session, worker: Session, make_role: MakeRole, login: Login) -> None:
    began(worker, "nightly")
    admin.execute("select script_tracking.register_tenant('other')")
    role = make_role("script_tracking_reader")
    admin.execute("select script_tracking.grant_tenant('other', %s)", (role,))
    other, auditor = login(role), login(make_role("script_tracking_auditor"))
    assert other.execute(RUNNING.encode()).fetchall() == []
    assert one(worker, RUNNING)["tenant"] == one(auditor, RUNNING)["tenant"] == "orders"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        other.execute(WAITING.encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        other.execute(f"select * from {INTERNAL}.lock_waits()".encode())


def test_progress_of_a_command(admin: Session, worker: Session) -> None:
    began(worker, "load")
    with worker.cursor() as cursor, cursor.copy("copy public.subject from stdin") as copy:
        copy.write("1\n" * 100_000)
        (row,) = until(
            lambda: admin.execute(RUNNING.encode()).fetchall(), lambda rows: rows[0]["progress_command"] is not None
        )
        assert (row["progress_command"], row["progress_phase"], row["progress_ratio"]) == ("COPY FROM", "PIPE", None)


SLOW = """
create function public.slow(bigint) returns bigint immutable language plpgsql as $$
begin
  if pg_catalog.current_setting('subject.slow', true) = 'on' then perform pg_catalog.pg_sleep(600); end if;
  return $1;
end $$;
create index slow on public.subject (public.slow(id));
create index ordered on public.subject (id);
"""
RESTING = "set vacuum_cost_delay = 100; set vacuum_cost_limit = 1"  # a tenth of a second at each of a thousand pages


@pytest.mark.parametrize(
    ("slowed_by", "statement", "command", "phase", "has_ratio"),
    [
        ("", "create index concurrently on public.subject (id)", "CREATE INDEX CONCURRENTLY",
         "waiting for writers before build", False),
        (SLOW + "set subject.slow = 'on'", "cluster public.subject using ordered", "CLUSTER", "rebuilding index", True),
        (RESTING, "vacuum public.subject", "VACUUM", "scanning heap", True),
        (RESTING, "analyze public.subject", "ANALYZE", "acquiring sample rows", True),
    ],
)  # fmt: skip
def test_progress_of_maintenance(
    admin: Session, installed_database: str, slowed_by: str, statement: str, command: str, phase: str, has_ratio: bool
) -> None:
    """Each statement takes longer than it is looked at, and is cancelled then."""
    admin.execute("create table public.subject (id bigint) with (fillfactor = 10, autovacuum_enabled = off)")
    admin.execute("insert into public.subject select n from generate_series(1, 20000) as n")
    with opened(installed_database) as holder, opened(installed_database) as session:
        began(session, "maintenance")
        session.execute(slowed_by.encode())
        with holder.transaction():  # an index that is made concurrently waits for its end; nothing else does
            if "concurrently" in statement:
                holder.execute("lock table public.subject in row exclusive mode")
            session.pgconn.send_query(statement.encode())
            try:
                (row,) = until(
                    lambda: admin.execute(RUNNING.encode()).fetchall(), lambda rows: rows[0]["progress_phase"] == phase
                )
            finally:
                session.cancel()
                while session.pgconn.get_result() is not None:
                    pass
    assert (row["progress_command"], row["session_state"]) == (command, "active")
    assert (row["progress_ratio"] is not None) is has_ratio
    assert 0 <= (row["progress_ratio"] or 0) <= 1


def test_ddl_that_waits_is_told_with_whom_it_waits_for_and_holds_up(
    admin: Session, worker: Session, make_role: MakeRole, login: Login, installed_database: str
) -> None:
    assert admin.execute(WAITING.encode()).fetchall() == []
    nothing = one(admin, f"select * from {INTERNAL}.collect_monitoring()")
    assert nothing == {"ddl_waiting": 0, "ddl_waiting_seconds": 0, "ddl_queued_sessions": 0, "horizon_held_seconds": 0}
    auditor = login(make_role("script_tracking_auditor"))
    with psycopg.connect(installed_database) as holder, psycopg.connect(installed_database) as mover:
        holder.execute("select from public.subject")
        mover.pgconn.send_query(b"alter table public.subject add column note text default 'password=hunter2'")
        until(lambda: auditor.execute(WAITING.encode()).fetchall(), lambda rows: len(rows) == 1)
        worker.pgconn.send_query(b"select from public.subject")
        (row,) = until(
            lambda: auditor.execute(WAITING.encode()).fetchall(), lambda rows: rows[0]["queued_sessions"] == 1
        )
        expected = {
            "pid": mover.info.backend_pid,
            "session_user_name": mover.info.user,
            "lock_mode": "AccessExclusiveLock",
            "relation": "public.subject",
            "blocked_by": [holder.info.backend_pid],
        }
        assert {name: row[name] for name in expected} == expected
        assert row["statement"].startswith("alter table public.subject add column note")
        assert "hunter2" not in row["statement"]
        told = one(admin, f"select * from {INTERNAL}.collect_monitoring()")
        assert (told["ddl_waiting"], told["ddl_queued_sessions"]) == (1, 1)
        assert 0 < row["waiting_seconds"] <= told["ddl_waiting_seconds"] < 60
        holder.rollback()
        while mover.pgconn.get_result() is not None:
            pass
        mover.rollback()
    assert admin.execute(WAITING.encode()).fetchall() == []


def with_statistics(postgres: Server) -> LocalServer | None:
    """A server that loads pg_stat_statements, where these binaries have it."""
    chosen = choose()
    if not isinstance(chosen, LocalServer) or not list(chosen.binaries.parent.rglob("pg_stat_statements.control")):
        return None
    return LocalServer(chosen.binaries, "statistics", {"shared_preload_libraries": "pg_stat_statements"})


def test_what_pg_stat_statements_knows(postgres: Server, admin: Session, worker: Session) -> None:
    server = with_statistics(postgres)
    if server is None:  # then it says nothing, and breaks nothing
        began(worker, "nightly")
        row = one(admin, RUNNING)
        assert (row["query_calls"], row["query_mean_seconds"]) == (None, None)
        return
    server.start()
    try:
        asyncio.run(installed(server.dsn))
        with opened(server.dsn) as session:
            began(session, "nightly")
            assert one(session, RUNNING)["query_calls"] is None, "the extension is not in this database"
            session.execute("create schema elsewhere; create extension pg_stat_statements schema elsewhere")
            for _ in range(3):
                one(session, RUNNING)
            row = one(session, RUNNING)
            assert row["query_id"] is not None
            assert row["query_calls"] >= 3
            assert 0 < row["query_mean_seconds"] < 10
            session.execute("create role other superuser login")
            with psycopg.connect(make_conninfo(server.dsn, user="other"), autocommit=True) as other:
                for _ in range(50):
                    other.execute(RUNNING.encode()).fetchall()
            assert one(session, RUNNING)["query_calls"] < 50, "what others call is not counted"
    finally:
        server.close()


def test_an_extension_that_the_server_does_not_load_breaks_nothing(admin: Session, worker: Session) -> None:
    if value(admin, "select count(*) from pg_available_extensions where name = 'pg_stat_statements'") == 1:
        admin.execute("create extension pg_stat_statements")
    began(worker, "nightly")
    assert one(admin, RUNNING)["query_calls"] is None
    assert admin.execute(f"select * from {INTERNAL}.statement_statistics(array[1::bigint])".encode()).fetchall() == []


def test_the_oldest_transaction_that_wrote_is_told_with_its_age(admin: Session, login: Login) -> None:
    """Of whatever session or preparation; one that only reads holds nothing."""
    held = f"select horizon_held_seconds from {INTERNAL}.collect_monitoring()"
    reading, writing = login(), login()
    reading.execute("begin isolation level repeatable read; select count(*) from pg_class")
    assert value(admin, held) == 0
    writing.execute("begin; select pg_current_xact_id()")
    time.sleep(0.2)
    age = value(admin, held)
    assert isinstance(age, float)
    assert 0.2 <= age < 60
    writing.execute("prepare transaction 'forgotten'")
    try:
        prepared = value(admin, held)
    finally:
        writing.execute("rollback prepared 'forgotten'")
    assert isinstance(prepared, float)
    assert 0 < prepared < 60
    assert value(admin, held) == 0
