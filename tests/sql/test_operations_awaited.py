"""interrupt_operations says nothing of an operation that somebody may be completing at the moment."""

from __future__ import annotations

import threading

import pytest

from tests.fix_sessions import Session, opened, value
from tests.sql.interrupting import AFTER, BEAT, COMPLETE, Connect, end, look, statuses, track
from tests.vault_steps import counted, set_setting


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
        with opened(installed_database) as session:
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
