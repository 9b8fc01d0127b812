"""exporter.client: one Operation that is entered more than once is an operation each time, and raises nothing."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack

from psycopg.rows import DictRow

from tests.client.steps import Track, ended
from tests.fix_sessions import Session


def line(rows: list[DictRow]) -> list[DictRow]:
    """The operations from parent to child."""
    child_of = {row["metadata"].get("parent_hk"): row for row in rows}
    found, parent = [], None
    while parent in child_of:
        found.append(child_of[parent])
        parent = found[-1]["execution_hk"].hex()
    return found


def test_entered_within_itself_it_is_its_own_child(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker()
    operation = track.operation(name)
    with operation as outer:
        with operation as inner, operation:
            inner.affected_rows = 2
            inner.fail("inner broke")
        outer.affected_rows = 1
    rows = line(ended(auditor, name, 3))
    assert [row["execution_status"] for row in rows] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert [row["metadata"].get("affected_rows") for row in rows] == [1, 2, None]
    with track.operation(f"{name}-after"):  # nothing is left around it
        pass
    assert "parent_hk" not in ended(auditor, f"{name}-after")[0]["metadata"]


def test_threads_share_an_operation(tracker: Track, auditor: Session, name: str) -> None:
    operation = tracker().operation(name)
    both, problems = threading.Barrier(2), []

    def work(rows: int) -> None:
        try:
            with operation as mine:
                both.wait(30)
                mine.affected_rows = rows
                both.wait(30)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(rows,)) for rows in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = ended(auditor, name, 2)
    assert not problems
    assert [row["execution_status"] for row in rows] == ["COMPLETED"] * 2
    assert {row["metadata"]["affected_rows"] for row in rows} == {1, 2}


async def test_tasks_share_an_operation(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker(strict=True)
    operation = track.operation(name)
    turn = asyncio.Barrier(3)

    async def work(rows: int) -> None:
        async with operation as mine, operation:
            await turn.wait()
            mine.affected_rows = rows
            await turn.wait()

    await asyncio.gather(*(work(rows) for rows in range(3)))
    await track.aclose()
    rows = ended(auditor, name, 6)
    assert [row["execution_status"] for row in rows] == ["COMPLETED"] * 6
    parents = [row["metadata"].get("parent_hk") for row in rows]
    assert parents.count(None) == 3 and len(set(parents)) == 4


def test_a_decorated_function_calls_itself(tracker: Track, auditor: Session, name: str) -> None:
    @tracker().operation(name)
    def count(number: int) -> int:
        return number and count(number - 1) + 1

    assert count(3) == 3
    assert len(line(ended(auditor, name, 4))) == 4


def test_it_is_left_in_another_thread_out_of_turn_or_without_having_been_entered(
    tracker: Track, auditor: Session, name: str
) -> None:
    first, second = tracker().operation(name), tracker().operation(name)
    stack = ExitStack()
    stack.enter_context(first)
    second.__enter__()
    thread = threading.Thread(target=stack.close)
    thread.start()
    thread.join()
    for _ in range(2):
        second.__exit__(None, None, None)
    first.__exit__(None, None, None)
    assert [row["execution_status"] for row in ended(auditor, name, 2)] == ["COMPLETED"] * 2
