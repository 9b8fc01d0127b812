"""Memory while targets come and go, the short form of `make memory`."""

from __future__ import annotations

import pytest

from benchmarks.memory import measure

CYCLES = 150
MOST_GROWTH = 0.15  # a run as short as this has hardly loaded everything; what leaks with each target shows


@pytest.mark.majors
def test_memory_does_not_grow_with_targets_that_come_and_go(installed_database: str) -> None:
    run = measure.measure(installed_database, CYCLES)
    assert run.cycles >= CYCLES
    assert run.came >= 2
    assert run.scrapes >= 3
    assert run.growth < MOST_GROWTH


def test_growth_is_what_came_after_the_first_tenth() -> None:
    memory = [(0, 10.0), (5, 40.0), (10, 50.0), (15, 50.0), (50, 90.0), (96, 54.0), (100, 56.0)]
    run = measure.Run(cycles=100, memory=[(float(at), size) for at, size in memory])
    assert (run.before, run.after) == (50.0, 55.0)
    assert round(run.growth, 3) == 0.1
