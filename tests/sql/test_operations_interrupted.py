"""interrupt_operations: whose session is gone becomes INTERRUPTED, and nobody else's operation does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.fix_exporter import eventually
from tests.fix_sessions import Login, MakeRole, Session, meddling, one, value
from tests.sql.interrupting import AFTER, BEAT, COMPLETE, STATE, Connect, end, final, look, statuses, track
from tests.vault_steps import INTERNAL, counted, record, roll_up, set_setting


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
    passed = f"update {INTERNAL}.running_operation set gone_since = gone_since - interval '240 seconds'"
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
    at_once.execute(meddling(f"alter function {INTERNAL}.sessions() owner to script_tracking_owner").encode())
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


def test_many_running_operations_are_looked_at_by_and_by(at_once: Session, connect: Connect) -> None:
    """A look locks 5000 state rows at most, the missed ones first, and ends 1000 operations."""
    many = "select script_tracking.track_operations((select jsonb_agg(jsonb_build_object('script_name', 'job',"
    many += " 'script_type', 'BATCH')) from generate_series(1, %s) as i))"
    worker, gone = connect(), connect()
    value(worker, many, 4000)
    value(gone, many, 6000)
    end(gone, at_once)
    counted_states = (
        "select count(*) filter (where gone_since is not null) as missed,"
        " count(*) filter (where backend_start is not null) as seen,"
        f" count(*) filter (where allowed_seconds is null) as unread from {INTERNAL}.running_operation"
    )
    found = []
    for _ in range(3):
        ended = look(at_once)
        found.append((ended, *one(at_once, counted_states).values()))
    assert found == [(0, 5000, 0, 5000), (1000, 5000, 4000, 0), (1000, 4000, 4000, 0)]


@pytest.mark.parametrize(("declared", "noted"), [("3600", 3600), ("-1", 0), ('"soon"', float("inf"))])
def test_an_operations_own_time_is_read_once(at_once: Session, connect: Connect, declared: str, noted: float) -> None:
    key = track(connect(), f'{{"interrupted_after_seconds": {declared}}}')
    assert one(at_once, STATE, key)["allowed_seconds"] is None
    assert look(at_once) == 0
    assert one(at_once, STATE, key)["allowed_seconds"] == noted
