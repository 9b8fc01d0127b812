"""heartbeat and interrupt_operations: whose session is gone becomes INTERRUPTED, and nobody else's operation does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.fix_exporter import eventually
from tests.fix_sessions import Login, MakeRole, Session, one, value
from tests.postgres_server import Server
from tests.vault_steps import INTERNAL, counted, record, roll_up, set_setting

TRACK = "select script_tracking.track_operation('job', 'BATCH', metadata => %s)"
COMPLETE = "select script_tracking.complete_operation(%s, true)"
BEAT = "select script_tracking.heartbeat(%s)"
STATE = f"select * from {INTERNAL}.running_operation where script_execution_hk = %s"
AFTER = "operation.interrupted_after_seconds"

Connect = Callable[[], Session]


@pytest.fixture
def connect(installed_database: str) -> Iterator[Connect]:
    """Opens a session that a test may end; whatever is left open goes at the end."""
    opened: list[Session] = []

    def open_session() -> Session:
        session = psycopg.connect(installed_database, autocommit=True, row_factory=dict_row)
        opened.append(session)
        return session

    yield open_session
    for session in opened:
        session.close()


@pytest.fixture
def at_once(admin: Session) -> Session:
    """A superuser's session where an operation is interrupted as soon as it was missed twice."""
    set_setting(admin, AFTER, "0")
    return admin


def look(session: Session) -> object:
    """One look of upkeep; how many operations it interrupted."""
    return value(session, f"select {INTERNAL}.interrupt_operations()")


def track(session: Session, metadata: str | None = None) -> bytes:
    """Begins an operation; its key."""
    key = value(session, TRACK, metadata)
    assert isinstance(key, bytes)
    return key


def end(session: Session, by: Session) -> None:
    """Ends a session from the server's side, and waits until it is gone."""
    pid = session.info.backend_pid
    by.execute("select pg_terminate_backend(%s)", (pid,))
    eventually(lambda: value(by, "select count(*) from pg_stat_activity where pid = %s", pid) == 0, 30)


def statuses(session: Session, key: bytes) -> list[str]:
    """Statuses of an operation's versions, the oldest first."""
    rows = session.execute(
        "select execution_status from script_tracking.script_execution_s where script_execution_hk = %s"
        " order by load_date",
        (key,),
    ).fetchall()
    return [row["execution_status"] for row in rows]


def final(session: Session, key: bytes) -> dict[str, object]:
    """The current version of an operation."""
    return one(
        session,
        "select * from script_tracking.script_execution_s where script_execution_hk = %s and load_end_date is null",
        key,
    )


def test_an_operation_whose_session_was_killed_is_interrupted_once(at_once: Session, connect: Connect) -> None:
    worker = connect()
    key = track(worker)
    assert look(at_once) == 0
    end(worker, at_once)
    assert look(at_once) == 0, "a session has to be missed twice"
    assert look(at_once) == 1
    assert look(at_once) == 0
    assert statuses(at_once, key) == ["RUNNING", "INTERRUPTED"]
    version = final(at_once, key)
    assert version["error_message"] == "the session ended and nobody completed the operation"
    metadata = version["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["interrupted_because"] == "session_gone"
    assert metadata["pid"] == worker.info.backend_pid
    assert version["execution_duration_ms"] == metadata["duration_us"] // 1000
    assert counted(at_once) == 1
    assert roll_up(at_once) == 1
    assert counted(at_once) == 1


def test_a_completion_that_comes_too_late_returns_false_and_changes_nothing(at_once: Session, connect: Connect) -> None:
    worker = connect()
    key = track(worker)
    worker.close()
    eventually(lambda: look(at_once) == 1, 30)
    assert value(at_once, COMPLETE, key) is False
    assert value(at_once, BEAT, key) is False
    assert statuses(at_once, key) == ["RUNNING", "INTERRUPTED"]
    assert counted(at_once) == 1


def test_an_operation_whose_session_lives_goes_on_for_ever(at_once: Session, connect: Connect) -> None:
    worker = connect()
    key = track(worker)
    assert [look(at_once) for _ in range(3)] == [0, 0, 0]
    assert value(worker, COMPLETE, key) is True


def test_the_time_counts_from_when_the_session_was_missed(admin: Session, connect: Connect) -> None:
    worker = connect()
    key = track(worker)
    end(worker, admin)
    assert [look(admin) for _ in range(3)] == [0, 0, 0]
    passed = f"update {INTERNAL}.running_operation set gone_since = gone_since - interval '299 seconds'"
    admin.execute(passed.encode())
    assert look(admin) == 0
    # nor before the server has been up for so long; so that is set, not waited for
    set_setting(admin, AFTER, "1")
    eventually(lambda: look(admin) == 1, 30)
    assert statuses(admin, key)[-1] == "INTERRUPTED"


@pytest.mark.parametrize(("declared", "interrupted"), [("3600", 0), ("0", 1), ('"soon"', 1), ("-1", 1), ("1e300", 0)])
def test_an_operation_may_bring_its_own_time(
    at_once: Session, connect: Connect, declared: str, interrupted: int
) -> None:
    if declared == "0":
        set_setting(at_once, AFTER, "3600")
    worker = connect()
    track(worker, f'{{"interrupted_after_seconds": {declared}}}')
    end(worker, at_once)
    assert [look(at_once), look(at_once)] == [0, interrupted]


@pytest.mark.parametrize("text", ["soon", "-1", ""])
def test_a_setting_that_is_no_number_leaves_five_minutes(admin: Session, connect: Connect, text: str) -> None:
    set_setting(admin, AFTER, text)
    worker = connect()
    track(worker)
    end(worker, admin)
    assert [look(admin) for _ in range(2)] == [0, 0]


def test_a_heartbeat_keeps_an_operation_whose_session_is_gone(at_once: Session, connect: Connect) -> None:
    set_setting(at_once, AFTER, "60")
    worker = connect()
    key = track(worker)
    end(worker, at_once)
    assert look(at_once) == 0
    late = f"update {INTERNAL}.running_operation set gone_since = '2001-01-01'".encode()
    at_once.execute(late)
    assert value(at_once, BEAT, key) is True
    assert look(at_once) == 0, "its session is gone, its heart beats"
    assert value(at_once, COMPLETE, key) is True


def test_without_further_heartbeats_a_living_session_saves_nothing(at_once: Session, connect: Connect) -> None:
    worker = connect()  # as a pooler's, which outlives its client
    key = track(worker)
    assert value(worker, BEAT, key) is True
    assert [look(at_once), look(at_once)] == [0, 1], "the first look notes the session"
    version = final(at_once, key)
    assert version["error_message"] == "the heartbeats ceased and nobody completed the operation"
    assert version["metadata"]["interrupted_because"] == "heartbeat_missed"  # type: ignore[index]


def test_a_heartbeat_writes_the_state_alone(admin: Session) -> None:
    key = track(admin)
    before = one(admin, STATE, key)
    rows = "select count(*) as h, (select count(*) from script_tracking.script_execution_s) as s"
    there = one(admin, f"{rows} from script_tracking.script_execution_h")
    assert value(admin, BEAT, key) is True
    after = one(admin, STATE, key)
    assert after["heartbeat_at"] > before["heartbeat_at"]
    assert {**after, "heartbeat_at": before["heartbeat_at"]} == before
    assert one(admin, f"{rows} from script_tracking.script_execution_h") == there
    assert value(admin, COMPLETE, key) is True
    assert value(admin, BEAT, key) is False
    assert value(admin, BEAT, None) is False


def test_a_foreigner_keeps_nobodys_operation_alive(admin: Session, make_role: MakeRole, login: Login) -> None:
    foreigner = login(make_role("script_tracking_app"))
    admin.execute("select script_tracking.register_tenant('acme')")
    key = value(admin, "select script_tracking.track_operation('x', 'BATCH', 'acme')")
    before = one(admin, STATE, key)
    assert value(foreigner, BEAT, key) is False
    assert one(admin, STATE, key) == before


def test_only_the_daemon_judges(admin: Session, make_role: MakeRole, login: Login) -> None:
    for role in ("script_tracking_app", "script_tracking_reader", "script_tracking_auditor"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            look(login(make_role(role)))
    daemon = login(make_role("script_tracking_daemon"))
    assert look(daemon) == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        daemon.execute(f"select * from {INTERNAL}.sessions()".encode())


def test_the_daemons_role_sees_other_roles_sessions(
    at_once: Session, connect: Connect, make_role: MakeRole, login: Login
) -> None:
    daemon = login(make_role("script_tracking_daemon"))
    worker, gone = connect(), connect()
    kept, lost = track(worker), track(gone)
    assert look(daemon) == 0
    assert one(at_once, STATE, kept)["backend_start"] is not None
    end(gone, at_once)
    assert [look(daemon), look(daemon)] == [0, 1]
    assert (statuses(at_once, kept)[-1], statuses(at_once, lost)[-1]) == ("RUNNING", "INTERRUPTED")
    assert final(at_once, lost)["metadata"]["completed_by"] == daemon.info.user  # type: ignore[index]


def test_without_the_right_to_see_starts_the_pid_decides(at_once: Session, connect: Connect) -> None:
    at_once.execute(f"alter function {INTERNAL}.sessions() owner to script_tracking_owner".encode())
    worker, gone = connect(), connect()
    kept, lost = track(worker), track(gone)
    end(gone, at_once)
    assert [look(at_once), look(at_once)] == [0, 1]
    assert (statuses(at_once, kept)[-1], statuses(at_once, lost)[-1]) == ("RUNNING", "INTERRUPTED")
    assert one(at_once, STATE, kept)["backend_start"] is None


def test_another_session_with_the_same_pid_is_another_session(at_once: Session, connect: Connect) -> None:
    worker, successor = connect(), connect()
    key = track(worker)
    look(at_once)
    end(worker, at_once)
    reuse = f"update {INTERNAL}.running_operation set pid = %s where script_execution_hk = %s".encode()
    at_once.execute(reuse, (successor.info.backend_pid, key))
    assert [look(at_once), look(at_once)] == [0, 1]


def test_a_session_that_began_after_the_operation_did_not_begin_it(at_once: Session, connect: Connect) -> None:
    """Also where nobody looked while the operation's own session lived."""
    started = datetime.now(UTC) - timedelta(minutes=5)
    key = record(at_once, status="RUNNING", at=started, us=None)
    at_once.execute(
        f"insert into {INTERNAL}.running_operation (script_execution_hk, tenant_hk, script_type, execution_timestamp,"
        " started_by, pid, heartbeat_at) values (%s, sha256('system'), 'BATCH', %s, session_user, %s, %s)".encode(),
        (key, started, connect().info.backend_pid, started),
    )
    assert [look(at_once), look(at_once)] == [0, 1]


@pytest.mark.parametrize(("verb", "status"), [("commit", "COMPLETED"), ("rollback", "INTERRUPTED")])
def test_a_completion_in_a_prepared_transaction_is_waited_for(
    at_once: Session, connect: Connect, verb: str, status: str
) -> None:
    worker = connect()
    key = track(worker)
    worker.execute("begin")
    assert value(worker, COMPLETE, key) is True
    worker.execute("prepare transaction 'completes'")
    end(worker, at_once)
    assert [look(at_once) for _ in range(3)] == [0, 0, 0]
    at_once.execute(f"{verb} prepared 'completes'".encode())
    assert [look(at_once), look(at_once)] == [0, int(status == "INTERRUPTED")]
    assert statuses(at_once, key) == ["RUNNING", status]


def test_work_left_in_a_prepared_transaction_is_waited_for(at_once: Session, connect: Connect) -> None:
    worker = connect()
    key = track(worker)
    worker.execute("begin")
    worker.execute("create table work ()")
    worker.execute("prepare transaction 'works'")
    end(worker, at_once)
    assert [look(at_once) for _ in range(3)] == [0, 0, 0]
    at_once.execute("commit prepared 'works'")
    assert value(at_once, COMPLETE, key) is True


def test_an_operation_that_a_prepared_transaction_began_has_its_full_time(admin: Session, connect: Connect) -> None:
    worker = connect()
    worker.execute("begin")
    key = track(worker)
    worker.execute("prepare transaction 'begins'")
    end(worker, admin)
    set_setting(admin, AFTER, "0")
    assert look(admin) == 0
    admin.execute("commit prepared 'begins'")
    assert look(admin) == 0, "it is seen for the first time"
    assert value(admin, COMPLETE, key) is True


def test_an_open_transaction_that_completes_is_waited_for(at_once: Session, connect: Connect) -> None:
    worker = connect()
    key = track(worker)
    end(worker, at_once)
    look(at_once)
    other = connect()
    other.execute("begin")
    assert value(other, COMPLETE, key) is True
    assert look(at_once) == 0
    other.execute("commit")
    assert look(at_once) == 0
    assert statuses(at_once, key) == ["RUNNING", "COMPLETED"]


def test_each_operation_ends_once_however_they_race(at_once: Session, installed_database: str) -> None:
    keys = [track(at_once) for _ in range(60)]
    for key in keys:
        value(at_once, BEAT, key)
    look(at_once)  # notes the session
    answers: dict[bytes, object] = {}
    begun = threading.Barrier(3)

    def complete(mine: list[bytes]) -> None:
        with psycopg.connect(installed_database, autocommit=True, row_factory=dict_row) as session:
            begun.wait()
            for key in mine:
                answers[key] = value(session, COMPLETE, key)

    threads = [threading.Thread(target=complete, args=(keys[side::2],)) for side in range(2)]
    for thread in threads:
        thread.start()
    begun.wait()
    interrupted = look(at_once)
    for thread in threads:
        thread.join()
    left = look(at_once)
    assert left == 0
    ended = [statuses(at_once, key) for key in keys]
    assert all(len(versions) == 2 for versions in ended)
    assert [versions[1] for versions in ended] == ["COMPLETED" if answers[key] else "INTERRUPTED" for key in keys]
    assert sum(versions[1] == "INTERRUPTED" for versions in ended) == interrupted
    assert counted(at_once) == 60


def beat_long_ago(session: Session) -> bytes:
    """An operation whose last heartbeat is an hour old; its key."""
    started = datetime.now(UTC) - timedelta(hours=2)
    key = record(session, status="RUNNING", at=started, us=None)
    session.execute(
        f"insert into {INTERNAL}.running_operation (script_execution_hk, tenant_hk, script_type, execution_timestamp,"
        " started_by, heartbeat_at) values (%s, sha256('system'), 'BATCH', %s, session_user, %s)".encode(),
        (key, started, started + timedelta(hours=1)),
    )
    return key


def test_a_restart_gives_everybody_time_to_come_back(
    postgres: Server, installed_database: str, admin: Session, connect: Connect
) -> None:
    beating, silent = beat_long_ago(admin), track(connect())
    postgres.restart()
    with psycopg.connect(installed_database, autocommit=True, row_factory=dict_row) as again:
        assert [look(again) for _ in range(3)] == [0, 0, 0]
        assert value(again, BEAT, beating) is True
        assert value(again, COMPLETE, silent) is True
        assert value(again, COMPLETE, beating) is True


def test_a_crash_counts_as_a_restart(installed_database: str, admin: Session) -> None:
    """The postmaster lives on through it, so its start says nothing."""
    age = "extract(epoch from clock_timestamp() - pg_postmaster_start_time())"
    admin.execute(f"select pg_sleep(greatest(4 - {age}, 0))".encode())
    admin.execute("set synchronous_commit = on")  # or the crash takes the operation with it
    beat_long_ago(admin)
    set_setting(admin, AFTER, str(value(admin, f"select floor({age})::integer")))
    began = value(admin, "select clock_timestamp()")
    with pytest.raises(psycopg.OperationalError):
        admin.execute("copy (select 1) to program 'kill -9 $PPID'")
    up = f"select count(*) from {INTERNAL}.sessions() where is_wal_writer and backend_start > %s"

    def reconnected() -> Session | None:
        try:
            session: Session = psycopg.connect(installed_database, autocommit=True, row_factory=dict_row)
            if value(session, up, began):
                return session
            session.close()
        except psycopg.OperationalError:
            pass  # not up again, or not down yet
        return None

    with eventually(reconnected, 60) as again:
        assert value(again, "select pg_postmaster_start_time() < %s", began) is True
        assert [look(again) for _ in range(2)] == [0, 0]
        set_setting(again, AFTER, "0")
        eventually(lambda: look(again) == 1, 30)
