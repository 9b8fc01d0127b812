"""exporter.client while the database is away, lost again and again, silent, or slow."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from exporter.demo.processes import free_port
from tests.client.steps import Track, ended, found
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, meddling, opened, value
from tests.postgres_server import Server
from tests.vault_steps import INTERNAL

pytestmark = pytest.mark.majors

# of an operation of type slow-N the start takes N tenths of a second, or of a statement one tenth
SLOW = f"""
create function public.slow() returns trigger language plpgsql as $$ begin
  perform pg_sleep(0.1 * coalesce(substring(new.script_type from 'slow-([0-9]+)')::int, 1)); return new; end $$;
create trigger slow before insert on {INTERNAL}.running_operation for each row execute function public.slow()
"""


def test_without_a_database_work_goes_on_and_what_does_not_fit_is_counted(tracker: Track, name: str) -> None:
    track = tracker(f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere", buffer_size=10)
    began = time.monotonic()
    for _ in range(25):
        with track.operation(name):
            pass
    assert time.monotonic() - began < 20, "an attempt may take 30 s, and nobody waits for one"
    eventually(lambda: track.failing, 30)
    assert (track.counts.waiting, track.counts.dropped) == (10, 15)
    track.close()
    assert (track.counts.waiting, track.counts.dropped, track.counts.delivered) == (0, 25, 0)
    with track.operation(name):
        pass  # after the end as well
    assert track.counts.dropped == 26


@pytest.mark.parametrize("dsn", ["", "no dsn at all", "postgresql://h:secret@@x/"])
def test_not_even_a_wrong_dsn_reaches_the_caller(
    tracker: Track, name: str, dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    track = tracker(dsn)
    with track.operation(name):
        pass
    eventually(lambda: track.failing, 30)
    assert "secret" not in str(track.failing) + caplog.text


def test_what_happened_while_the_server_was_down_is_delivered_with_its_times(
    postgres: Server, tracker: Track, shop: str, name: str
) -> None:
    track = tracker()
    with track.operation(f"{name}-before"), opened(shop) as session:
        eventually(lambda: found(session, f"{name}-before"), 30)  # it runs, and the tracker is connected
        session.close()
        postgres.stop()
        down = datetime.now(UTC)
        for number in range(20):
            with suppress(ZeroDivisionError), track.operation(name, metadata={"number": number}):
                1 / (number % 2)
            time.sleep(0.01)
    eventually(lambda: track.failing, 30)
    assert track.counts.waiting == 21
    up = datetime.now(UTC)
    postgres.start()
    with opened(shop) as session:
        rows = ended(session, name, 20, within=40)
        assert [row["metadata"]["number"] for row in rows] == list(range(20))
        assert [row["execution_status"] for row in rows] == ["FAILED", "COMPLETED"] * 10
        slack = timedelta(milliseconds=500)
        assert down - slack < rows[0]["execution_timestamp"] < rows[-1]["execution_timestamp"] < up + slack
        for row in rows:  # while the server was down, and not until they were delivered
            assert row["execution_timestamp"] + timedelta(seconds=row["duration_seconds"]) < up + slack
        assert rows[0]["metadata"]["recorded_after_us"] > 0
        assert len(ended(session, f"{name}-before")) == 1
    eventually(lambda: track.counts.delivered == 21, 30)


def test_a_session_that_is_killed_again_and_again_loses_and_doubles_nothing(
    tracker: Track, auditor: Session, name: str
) -> None:
    track = tracker(application_name=name)
    ready = threading.Event()

    def kill() -> None:
        while not ready.wait(0.02):
            auditor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s", (name,)
            )

    killer = threading.Thread(target=kill)
    killer.start()
    for _ in range(150):
        with track.operation(name):
            time.sleep(0.002)
    ready.set()
    killer.join()
    rows = ended(auditor, name, 150, within=30)
    assert {row["execution_status"] for row in rows} == {"COMPLETED"}
    eventually(lambda: track.counts.delivered == 150, 30)


@pytest.fixture
def slow(auditor: Session) -> Iterator[None]:
    auditor.execute(meddling(SLOW).encode())
    yield
    auditor.execute(meddling("drop function public.slow() cascade").encode())


@pytest.mark.usefixtures("slow")
def test_a_slow_database_is_given_fewer_at_a_time(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker(timeout_seconds=1)
    for _ in range(30):
        with track.operation(name, "slow-1"):
            pass
    rows = ended(auditor, name, 30, within=60)
    assert {row["execution_status"] for row in rows} == {"COMPLETED"}
    eventually(lambda: track.counts.delivered == 30, 30)
    assert (track.counts.refused, track.counts.dropped) == (0, 0)


def test_where_more_begins_than_a_delivery_takes_time_for_ends_and_heartbeats_have_their_turn(
    tracker: Track, auditor: Session, name: str
) -> None:
    auditor.execute(meddling(SLOW.replace("each row", "each statement")).encode())
    track = tracker(heartbeat_seconds=0.2)
    late = "heartbeat_at > execution_timestamp + interval '1s'"
    beats = f"select count(*) from {INTERNAL}.running_operation where {late}"
    enough = threading.Event()

    def work() -> None:
        while not enough.wait(0.02):
            with track.operation(name):
                pass

    worker = threading.Thread(target=work)
    try:
        with track.operation(f"{name}-lasting"):
            worker.start()
            eventually(lambda: value(auditor, beats) == 1, 30)
            eventually(lambda: track.counts.delivered > 20, 30)
    finally:
        enough.set()
        worker.join()
        auditor.execute(meddling("drop function public.slow() cascade").encode())


@pytest.mark.usefixtures("slow")
def test_what_takes_too_long_alone_holds_nobody_up_and_leaves_no_session_behind(
    tracker: Track, auditor: Session, name: str
) -> None:
    track = tracker(timeout_seconds=2, application_name=name)
    with track.operation(f"{name}-late", "slow-600"):
        pass
    for _ in range(5):
        with track.operation(name, "slow-0"):
            pass
    assert len(ended(auditor, name, 5)) == 5
    eventually(lambda: track.counts.refused == 1, 60)
    assert found(auditor, f"{name}-late") == []
    others = "select count(*) from pg_stat_activity where application_name = %s"
    eventually(lambda: value(auditor, others, name) == 1, 30)


def test_close_is_bounded_where_the_server_is_silent(tracker: Track, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        track = tracker(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nowhere")
        with track.operation(name):
            pass
        began = time.monotonic()
        track.close(0.3)
        assert time.monotonic() - began < 15, "an answer is waited for 30 s"
        assert track.counts.dropped == 1
