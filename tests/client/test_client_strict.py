"""exporter.client: a strict tracker waits for the record, and says where there is none."""

from __future__ import annotations

import asyncio
import threading

import psycopg
import pytest

from exporter.database import Row
from exporter.demo.processes import free_port
from exporter.errors import OperationNotRecorded
from exporter.recorder import Recorder
from tests.client.steps import Track, ended, found
from tests.fix_sessions import Session


def test_what_is_given_up_while_the_database_writes_it_is_ended(
    tracker: Track, auditor: Session, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, given_up = Recorder._ask, threading.Event()

    async def ask_slowly(recorder: Recorder, statement: str, **values: object) -> list[Row]:
        rows = await ask(recorder, statement, **values)
        while statement == "begin" and not given_up.is_set():
            await asyncio.sleep(0.01)
        return rows

    monkeypatch.setattr(Recorder, "_ask", ask_slowly)
    track = tracker(strict=True, timeout_seconds=5)
    with pytest.raises(OperationNotRecorded), track.operation(name):
        raise AssertionError("the work began without a record")
    given_up.set()
    (row,) = ended(auditor, name)
    assert (row["execution_status"], row["error_message"]) == ("FAILED", "withdrawn")


def test_a_strict_tracker_waits_and_tells(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker(strict=True)
    with track.operation(name) as operation:
        assert found(auditor, name)[0]["execution_hk"] == operation.key
    assert found(auditor, name)[0]["execution_status"] == "COMPLETED"
    with pytest.raises(OperationNotRecorded, match="not a member"), track.operation(name, tenant="nobody's"):
        raise AssertionError("the work began without a record")
    away = tracker(f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere", strict=True, timeout_seconds=0.5)
    with pytest.raises(OperationNotRecorded, match="not recorded"), away.operation(name):
        raise AssertionError("the work began without a record")
    assert away.counts.waiting == 0


async def test_a_strict_tracker_waits_without_holding_the_loop_up(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker(strict=True)
    async with track.operation(name):
        assert found(auditor, name)[0]["execution_status"] == "RUNNING"
    assert found(auditor, name)[0]["execution_status"] == "COMPLETED"
    away = tracker(f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere", strict=True, timeout_seconds=0.5)
    ticks = asyncio.create_task(asyncio.sleep(0.1))
    with pytest.raises(OperationNotRecorded):
        async with away.operation(name):
            raise AssertionError("the work began without a record")
    assert ticks.done()


async def test_a_strict_operation_that_is_cancelled_at_its_start_is_given_up(tracker: Track, name: str) -> None:
    track = tracker(f"postgresql://postgres@127.0.0.1:{free_port()}/gone", strict=True, timeout_seconds=20)

    async def work() -> None:
        async with track.operation(name):
            raise AssertionError("it must not begin")

    task = asyncio.create_task(work())
    while not track.counts.waiting:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (track.counts.waiting, track.counts.dropped) == (0, 1)


def test_a_strict_tracker_tells_that_the_operation_had_been_ended(
    tracker: Track, auditor: Session, shop: str, name: str
) -> None:
    track = tracker(strict=True)
    with pytest.raises(OperationNotRecorded, match="had ended"), track.operation(name) as operation:
        with psycopg.connect(shop, autocommit=True) as other:
            done = other.execute("select script_tracking.complete_operation(%s, true)", (operation.key,)).fetchone()
        assert done == (True,)
    assert track.counts.refused == 1
    assert [row["execution_status"] for row in found(auditor, name)] == ["COMPLETED"]
