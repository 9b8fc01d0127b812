"""heartbeat: an operation lives as long as it beats, and the server has to be up for that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.fix_exporter import eventually
from tests.fix_sessions import Login, MakeRole, Session, one, opened, value
from tests.postgres_server import Server
from tests.sql.interrupting import AFTER, BEAT, COMPLETE, STATE, Connect, end, final, look, track
from tests.vault_steps import INTERNAL, record, set_setting


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
    with opened(installed_database) as again:
        assert [look(again) for _ in range(3)] == [0, 0, 0]
        assert value(again, BEAT, beating) is True
        assert value(again, COMPLETE, silent) is True
        assert value(again, COMPLETE, beating) is True


@pytest.mark.majors
def test_a_crash_counts_as_a_restart(installed_database: str, admin: Session) -> None:
    """The postmaster lives on through it, so its start says nothing."""
    age = "extract(epoch from clock_timestamp() - pg_postmaster_start_time())"
    admin.execute(f"select pg_sleep(greatest(15 - {age}, 0))".encode())  # so long the crash must not lie back yet
    admin.execute("set synchronous_commit = on")  # or the crash takes the operation with it
    beat_long_ago(admin)
    set_setting(admin, AFTER, str(value(admin, f"select floor({age})::integer")))
    began = value(admin, "select clock_timestamp()")
    with pytest.raises(psycopg.OperationalError):
        admin.execute("copy (select 1) to program 'kill -9 $PPID'")
    up = f"select count(*) from {INTERNAL}.sessions() where is_wal_writer and backend_start > %s"

    def reconnected() -> Session | None:
        try:
            session: Session = opened(installed_database)
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
