"""exporter.client: what an application declares is recorded, whatever becomes of its own work, and costs it nothing."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from datetime import UTC, datetime

import psycopg
import pytest

from exporter.client import Tracker
from exporter.database import Row
from exporter.demo.processes import free_port
from exporter.errors import TargetUnavailable
from exporter.recorder import Recorder
from tests.client.steps import Track, ended, found
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, value
from tests.vault_steps import INTERNAL


def test_the_record_survives_the_callers_rollback(tracker: Track, shop: str, auditor: Session, name: str) -> None:
    track = tracker()
    with psycopg.connect(shop) as work:
        work.execute("create table doomed ()")
        with track.operation(name, "BATCH", metadata={"run": 7}, sql_command="create table doomed ()") as operation:
            operation.affected_rows = 3
            operation.metadata["step"] = "last"
        work.rollback()
    track.close()
    (row,) = found(auditor, name)
    assert (row["execution_status"], row["script_type"]) == ("COMPLETED", "BATCH")
    assert (row["metadata"]["run"], row["metadata"]["step"], row["metadata"]["affected_rows"]) == (7, "last", 3)
    assert row["execution_hk"] == operation.key
    assert row["sql_command"] == "create table doomed ()"
    assert value(auditor, "select to_regclass('doomed')") is None


def test_a_failure_has_the_drivers_sqlstate_and_text_and_goes_on(
    tracker: Track, auditor: Session, shop: str, name: str
) -> None:
    track = tracker()
    with (
        pytest.raises(psycopg.errors.DivisionByZero),
        psycopg.connect(shop) as work,
        track.operation(name),
    ):
        work.execute("select 1 / 0")
    (row,) = ended(auditor, name)
    assert (row["execution_status"], row["error_sqlstate"]) == ("FAILED", "22012")
    assert row["error_message"].startswith("DivisionByZero: division by zero")
    assert row["script_type"] == "APPLICATION"


class WrappedError(Exception):
    """As an ORM's, which keeps the driver's error in `orig`."""

    def __init__(self, orig: Exception) -> None:
        super().__init__("wrapped")
        self.orig = orig


class OtherDriverError(Exception):
    pgcode = "40001"


@pytest.mark.parametrize(
    ("error", "sqlstate", "message"),
    [
        (WrappedError(psycopg.errors.UniqueViolation("twice")), "23505", "WrappedError: wrapped"),
        (OtherDriverError(), "40001", "OtherDriverError"),
        (KeyboardInterrupt(), None, "KeyboardInterrupt"),
        (SystemExit(3), None, "SystemExit: 3"),
        (ValueError("password is hunter2"), None, None),
        (ValueError("nul \0 and lone \ud800"), None, "ValueError: nul \ufffd and lone ?"),
    ],
)
def test_any_exception_is_a_failure(
    tracker: Track, auditor: Session, name: str, error: BaseException, sqlstate: str | None, message: str | None
) -> None:
    with pytest.raises(type(error)), tracker().operation(name):
        raise error
    (row,) = ended(auditor, name)
    assert (row["execution_status"], row["error_sqlstate"]) == ("FAILED", sqlstate)
    assert "hunter2" not in str(row)
    if message is not None:
        assert row["error_message"] == message


def test_a_clean_exit_succeeds_and_fail_fails_without_an_exception(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker()
    with pytest.raises(SystemExit), track.operation(name):
        sys.exit(0)
    with track.operation(f"{name}-2") as operation:
        operation.fail("out of stock", "P0001")
    assert ended(auditor, name)[0]["execution_status"] == "COMPLETED"
    (row,) = ended(auditor, f"{name}-2")
    assert (row["execution_status"], row["error_sqlstate"], row["error_message"]) == ("FAILED", "P0001", "out of stock")


def test_decorators_and_nesting(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker()

    @track.operation(f"{name}-inner")
    def inner(number: int) -> int:
        return number + 1

    @track.operation(f"{name}-outer")
    def outer() -> int:
        return inner(1) + inner(2)

    assert outer() == 5
    assert outer.__name__ == "outer"
    (parent,) = ended(auditor, f"{name}-outer")
    children = ended(auditor, f"{name}-inner", 2)
    assert {child["metadata"]["parent_hk"] for child in children} == {parent["execution_hk"].hex()}
    assert "parent_hk" not in parent["metadata"]


async def test_asyncio_tasks_each_have_their_own_parent(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker()

    @track.operation(f"{name}-inner")
    async def inner(mine: int) -> int:
        await asyncio.sleep(0.01)
        return mine

    async def task(number: int) -> None:
        async with track.operation(f"{name}-{number}"):
            await asyncio.gather(inner(number), inner(number))

    await asyncio.gather(*(task(number) for number in range(5)))
    with pytest.raises(asyncio.CancelledError):
        async with track.operation(f"{name}-cancelled"):
            raise asyncio.CancelledError
    await track.aclose()
    parents = {found(auditor, f"{name}-{number}")[0]["execution_hk"].hex() for number in range(5)}
    children = found(auditor, f"{name}-inner")
    assert len(children) == 10
    assert {child["metadata"]["parent_hk"] for child in children} == parents
    assert found(auditor, f"{name}-cancelled")[0]["execution_status"] == "FAILED"


def test_threads_share_a_tracker(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker()

    def work() -> None:
        for _ in range(25):
            with track.operation(name):
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    track.close(30)
    assert track.counts.delivered == 200
    assert [row["execution_status"] for row in found(auditor, name)] == ["COMPLETED"] * 200
    sessions = "select count(distinct pid) from pg_stat_activity where application_name ~ 'client$'"
    eventually(lambda: value(auditor, sessions) == 0, 30)  # the server is slower to forget them


def test_running_operations_send_heartbeats(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker(heartbeat_seconds=0.05)
    beats = (
        f"select heartbeat_at > execution_timestamp from {INTERNAL}.running_operation where script_execution_hk = %s"
    )
    with track.operation(name) as operation:
        key = eventually(lambda: operation.key, 30)
        eventually(lambda: value(auditor, beats, key) is True, 30)
    ended(auditor, name)


def test_an_answer_that_is_lost_doubles_nothing_and_is_no_refusal(
    tracker: Track, auditor: Session, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, lost = Recorder._ask, set()

    async def ask_and_lose(recorder: Recorder, statement: str, **values: object) -> list[Row]:
        rows = await ask(recorder, statement, **values)
        if statement in ("begin", "end") and statement not in lost:
            lost.add(statement)
            raise TargetUnavailable("the answer is lost")
        return rows

    monkeypatch.setattr(Recorder, "_ask", ask_and_lose)
    track = tracker()
    with track.operation(name):
        pass
    (row,) = ended(auditor, name)
    eventually(lambda: track.counts.waiting == 0, 30)
    assert (row["execution_status"], lost) == ("COMPLETED", {"begin", "end"})
    assert (track.counts.delivered, track.counts.refused) == (1, 0)
    assert len(found(auditor, name)) == 1


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("not even a text")


def test_nothing_that_is_declared_raises_and_what_is_refused_holds_nobody_up(
    tracker: Track, auditor: Session, name: str
) -> None:
    track = tracker()
    odd: dict[str, object] = {
        "nan": float("nan"),
        "when": datetime(2026, 1, 1, tzinfo=UTC),
        "nul": "\0",
        "huge": 10**6000,
        "hostile": Hostile(),
        "set": {1},
    }
    endless: dict[str, object] = {}
    endless["endless"] = endless
    operations = [
        track.operation(name, metadata=odd),
        track.operation(name, metadata=endless),
        track.operation(name, tenant="no such tenant"),
        track.operation(name, "bad\ttype"),
        track.operation("", "t" * 100),
        track.operation(name, metadata={"plain": True}),
    ]
    for operation in operations:
        with operation:
            operation.affected_rows = 2**70
            operation.metadata["more"] = Hostile()
    track.close()
    rows = found(auditor, name)
    assert [row["execution_status"] for row in rows] == ["COMPLETED"] * 3
    assert rows[0]["metadata"]["when"] == "2026-01-01 00:00:00+00:00"
    assert rows[0]["metadata"]["set"] == [1]
    assert rows[2]["metadata"]["plain"] is True
    assert (track.counts.refused, track.counts.delivered, track.counts.dropped) == (2, 4, 0)


def test_trackers_of_two_databases_do_not_wait_for_each_other(tracker: Track, auditor: Session, name: str) -> None:
    away = tracker(f"postgresql://postgres@127.0.0.1:{free_port()}/gone")
    with away.operation("outer"), tracker().operation(name):
        pass
    (row,) = ended(auditor, name)
    assert "parent_hk" not in row["metadata"]


class BrokenError(Exception):
    @property
    def sqlstate(self) -> str:
        raise RuntimeError("this property is broken")


def test_what_the_caller_hands_over_wrongly_replaces_nothing(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker()
    with pytest.raises(BrokenError), track.operation(name):
        raise BrokenError
    with track.operation(name) as operation:
        operation.fail("by number", 42601)  # type: ignore[arg-type]  # as careless callers do
    with operation:  # again: what failed then is no matter now
        operation.metadata = None  # type: ignore[assignment]
    for metadata in ([1, 2], "abc", 5, True, object()):
        with track.operation(name, metadata=metadata):  # type: ignore[arg-type]
            pass
    rows = ended(auditor, name, 8)
    told = sorted((row["execution_status"], row["error_sqlstate"]) for row in rows)
    assert told == [("COMPLETED", None)] * 6 + [("FAILED", None)] * 2
    kept = [row["metadata"].get("metadata") for row in rows]  # in the order in which the database began them
    assert all(value in kept for value in ([1, 2], "abc", 5, True))


def test_a_tracker_that_is_never_used_leaves_nothing(shop: str) -> None:
    threads = set(threading.enumerate())
    Tracker(shop).close()
    Tracker(shop)
    gc.collect()
    assert set(threading.enumerate()) <= threads
