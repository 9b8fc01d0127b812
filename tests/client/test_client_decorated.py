"""exporter.client: decorated generators and callable objects are operations of all of their work and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator

import pytest

from tests.client.steps import Track, ended
from tests.fix_sessions import Session


def parents(auditor: Session, name: str, times: int) -> list[str | None]:
    """What the operations of that name are children of."""
    return [row["metadata"].get("parent_hk") for row in ended(auditor, name, times)]


def test_a_generator_is_an_operation_of_its_own_steps(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker()

    @track.operation(f"{name}-rows")
    def rows(most: int) -> Generator[int, str, str]:
        """Rows."""
        told = ""
        for number in range(most):
            with track.operation(f"{name}-inside"):
                pass
            told += yield number
        return told

    assert (rows.__name__, rows.__doc__) == ("rows", "Rows.")
    generator = rows(2)  # which begins with its first step
    assert next(generator) == 0
    with track.operation(f"{name}-between"):
        assert generator.send("a") == 1
    with pytest.raises(StopIteration) as end:
        generator.send("b")
    assert end.value.value == "ab"
    (row,) = ended(auditor, f"{name}-rows")
    assert (row["execution_status"], row["metadata"].get("parent_hk")) == ("COMPLETED", None)
    assert parents(auditor, f"{name}-inside", 2) == [row["execution_hk"].hex()] * 2
    assert parents(auditor, f"{name}-between", 1) == [None]
    with track.operation(f"{name}-after"):
        pass
    assert parents(auditor, f"{name}-after", 1) == [None]


def test_a_generator_ends_as_its_work_does(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker()
    closed = []

    def rows() -> Iterator[int]:
        try:
            yield 1
            yield 2
        except LookupError:
            yield 3
            raise
        finally:
            closed.append("closed")

    with pytest.raises(ZeroDivisionError):
        for number in track.operation(f"{name}-outside")(rows)():
            1 / (number - 1)  # of the caller, who has had enough
    enough = track.operation(f"{name}-enough")(rows)()
    next(enough)
    enough.close()  # type: ignore[attr-defined]
    thrown = track.operation(f"{name}-thrown")(rows)()
    next(thrown)
    assert thrown.throw(LookupError("none")) == 3  # type: ignore[attr-defined]
    with pytest.raises(LookupError):
        next(thrown)
    assert len(closed) == 3
    assert [ended(auditor, f"{name}-{way}")[0]["execution_status"] for way in ("outside", "enough", "thrown")] == [
        "COMPLETED",
        "COMPLETED",
        "FAILED",
    ]
    assert ended(auditor, f"{name}-thrown")[0]["error_message"] == "LookupError: none"


async def test_an_asynchronous_generator_as_well(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker()

    @track.operation(f"{name}-rows")
    async def rows(fails: bool) -> AsyncIterator[int]:
        async with track.operation(f"{name}-inside"):
            await asyncio.sleep(0)
        yield 1
        if fails:
            raise LookupError("no more")
        yield 2

    async for _ in rows(False):
        async with track.operation(f"{name}-between"):
            pass
    with pytest.raises(LookupError):
        async for _ in rows(True):
            pass
    enough = rows(False)
    await anext(enough)
    await enough.aclose()  # type: ignore[attr-defined]
    await track.aclose()
    told = ended(auditor, f"{name}-rows", 3)
    assert sorted(row["execution_status"] for row in told) == ["COMPLETED", "COMPLETED", "FAILED"]
    assert set(parents(auditor, f"{name}-inside", 3)) == {row["execution_hk"].hex() for row in told}
    assert parents(auditor, f"{name}-between", 2) == [None, None]


async def test_an_object_whose_call_is_asynchronous(tracker: Track, auditor: Session, name: str) -> None:
    class Job:
        async def __call__(self) -> int:
            await asyncio.sleep(0.05)
            return 1

    track = tracker()
    assert await track.operation(name)(Job())() == 1
    await track.aclose()
    (row,) = ended(auditor, name)
    assert row["duration_seconds"] >= 0.05
