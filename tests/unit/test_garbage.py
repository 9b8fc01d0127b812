"""What is at work is not looked through over and over, and no garbage stays for long."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from exporter import garbage


class Knot:
    """Two objects that hold each other."""

    def __init__(self) -> None:
        self.other: object = [self]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The monotonic clock, which the test sets; looks for garbage are as before afterwards."""
    now = [100.0]
    monkeypatch.setattr(garbage, "monotonic", lambda: now[0])
    monkeypatch.setattr(garbage, "looks", garbage._Looks())
    thresholds, enabled, callbacks = gc.get_threshold(), gc.isenabled(), list(gc.callbacks)
    yield now
    gc.callbacks[:] = callbacks
    gc.set_threshold(*thresholds)
    (gc.enable if enabled else gc.disable)()
    gc.unfreeze()


def looked_through() -> int:
    """Objects that the next look begins with."""
    return len(gc.get_objects())


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_what_was_found_at_work_is_left_out(clock: list[float], generation: int) -> None:
    kept = [Knot() for _ in range(1000)]
    garbage.start(1)
    assert looked_through() < 1000 < gc.get_freeze_count()
    more = [Knot() for _ in range(1000)]
    gc.collect(generation)
    assert looked_through() < 1000
    del kept, more


def test_garbage_is_found_though_it_was_at_work(clock: list[float]) -> None:
    knots = [Knot() for _ in range(2)]
    seen = [weakref.ref(knot) for knot in knots]
    garbage.start(1)
    del knots[0]
    clock[0] += garbage.WHOLE_SECONDS - 1
    garbage.look_at_all()
    assert seen[0]() is not None, "it was left out"
    clock[0] += 1
    garbage.look_at_all()
    assert [one() is None for one in seen] == [True, False]


def test_new_garbage_is_found_at_once(clock: list[float]) -> None:
    garbage.start(1)
    knot = weakref.ref(Knot())
    kept = [Knot() for _ in range(2 * garbage.LEAST)]
    assert knot() is None
    del kept


def test_looks_are_the_rarer_the_more_targets_there_are(clock: list[float]) -> None:
    garbage.start(1)
    assert gc.isenabled()
    assert gc.get_threshold()[0] == garbage.LEAST
    garbage.look_for(500)
    assert gc.get_threshold()[0] == 500 * garbage.OF_A_TARGET
