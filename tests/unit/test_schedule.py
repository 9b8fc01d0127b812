"""How long is waited after failures, and when what is periodic has its turn."""

from __future__ import annotations

import pytest

from exporter.schedule import BackOff, Timer, earliest, restart


def test_waits_double_from_a_second_to_a_minute_and_differ() -> None:
    several = [[back_off.next() for _ in range(12)] for back_off in [BackOff() for _ in range(200)]]
    assert all(1 <= wait <= 60 for waits in several for wait in waits)
    for number, middle in enumerate((1, 2, 4, 8, 16, 32, *[60] * 6)):
        waits = [waits[number] for waits in several]
        assert all(0.8 * middle <= wait <= 1.2 * middle for wait in waits)
        assert len(set(waits)) > 100, "hundreds that failed together are not tried together again"
    back_off = BackOff()
    for _ in range(5):
        back_off.next()
    back_off.reset()
    assert back_off.next() <= 1.2


@pytest.mark.parametrize(("first", "longest"), [(1.0, 0.5), (5.0, 600.0), (1.0, 1.0)])
def test_other_bounds_hold_as_well(first: float, longest: float) -> None:
    back_off = BackOff(first, longest)
    waits = [back_off.next() for _ in range(30)]
    assert all(min(first, longest) <= wait <= longest for wait in waits)


def test_turns_that_were_missed_are_not_made_up_for() -> None:
    often, seldom = Timer("often", 1.0), Timer("seldom", 10.0)
    for timer in (often, seldom):
        assert timer.done(100.0) == 0
    assert (earliest([seldom, often]).job, often.due, seldom.due) == ("often", 101.0, 110.0)
    assert often.done(105.5) == 3, "those of 102, 103 and 104; that of 105 is only late"
    assert often.due == 105.5, "at once, and once"
    assert often.done(105.6) == 0
    assert often.due == 106.5
    assert often.done(107.75) == 0
    assert often.due == 107.75
    restart([often, seldom])
    assert (often.due, seldom.due) == (0.0, 0.0)
