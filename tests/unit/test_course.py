"""The course of the last hours, made of counters."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.collect import course
from exporter.collect.course import SLOT_SECONDS, SLOTS, Course, counts_of
from exporter.collect.digest import Digester

NOON = 1764417600.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test may change."""
    now = [NOON + 60]
    monkeypatch.setattr(course.time, "time", lambda: now[0])  # type: ignore[attr-defined]
    return now


def rows(ddl: int, failed: int, logins: int = 0) -> list[dict[str, Any]]:
    """What the collector brings."""
    return [
        {"script_type": "DDL", "status": "COMPLETED", "operations_total": ddl},
        {"script_type": "BATCH", "status": "COMPLETED", "operations_total": 9},
        {"script_type": "BATCH", "status": "FAILED", "operations_total": failed - failed // 2},
        {"script_type": "LOAD", "status": "INTERRUPTED", "operations_total": failed // 2},
        {"script_type": "LOGIN", "status": "FAILED", "operations_total": logins},
    ]


def test_what_was_before_the_first_look_is_not_known(clock: list[float]) -> None:
    seen = Course()
    assert seen.stretch is None
    seen.note(counts_of(rows(1000, 50)))
    found = seen.stretch
    assert found is not None
    assert (found.ddl, found.failed, found.since, found.seen_from) == ((0,), (0,), NOON, NOON + 60)


def test_each_quarter_of_an_hour_has_its_own(clock: list[float]) -> None:
    seen = Course()
    for minutes, ddl, failed in ((0, 10, 5), (5, 12, 5), (16, 13, 8), (50, 13, 9)):
        clock[0] = NOON + 60 * minutes
        seen.note(counts_of(rows(ddl, failed, logins=minutes)))
    found = seen.stretch
    assert found is not None
    assert (found.ddl, found.failed) == ((2, 1, 0, 0), (0, 3, 0, 1))
    clock[0] += 2 * SLOT_SECONDS
    found = seen.stretch
    assert found is not None
    assert (found.ddl, found.since) == ((2, 1, 0, 0, 0, 0), NOON)


def test_it_goes_back_so_far_and_no_farther(clock: list[float]) -> None:
    seen = Course()
    seen.note(counts_of(rows(0, 0)))
    for number in range(1, SLOTS + 20):
        clock[0] = NOON + number * SLOT_SECONDS
        seen.note(counts_of(rows(number, 0)))
    found = seen.stretch
    assert found is not None
    assert (found.ddl, found.since) == ((1,) * SLOTS, NOON + 20 * SLOT_SECONDS)
    clock[0] += 1000 * SLOT_SECONDS
    found = seen.stretch
    assert found is not None and found.ddl == (0,) * SLOTS


def test_counters_that_fall_and_a_clock_that_steps_back_take_nothing_away(clock: list[float]) -> None:
    seen = Course()
    for minutes, ddl in ((0, 10), (1, 15), (20, 3), (21, 4), (-60, 6)):
        clock[0] = NOON + 60 * minutes
        seen.note(counts_of(rows(ddl, 0)))
    found = seen.stretch
    assert found is not None and found.ddl == (5, 3)


async def test_it_outlives_an_outage_and_not_what_must_not_be_told(clock: list[float]) -> None:
    digester = Digester()
    for brought in (rows(1, 1), rows(4, 1)):
        digested = await digester.digested("operations", brought)
        assert digested is not None
        digester.take(digested, 0.0)
    digester.forget_all()
    digester.forget(["operations"])
    told = digester.digest()
    assert told.ddl is None and told.stretch is not None and told.stretch.ddl == (3,)
    digester.forget_all(past=True)
    assert digester.digest().stretch is None
