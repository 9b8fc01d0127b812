"""What is at work is not looked through over and over, and no garbage stays for long."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator

import pytest

from exporter import garbage


class Knot:
    """Two objects that hold each other."""

    def __init__(self) -> None:
        self.other: object = [self]


class Looks:
    """Python's looks for garbage, by how many generations they took in."""

    def __init__(self) -> None:
        self.generations: list[int] = []

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Called by Python."""
        if phase == "stop":
            self.generations.append(info["generation"])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The monotonic clock, which the test sets; looks for garbage are as before afterwards."""
    now = [100.0]
    monkeypatch.setattr(garbage, "monotonic", lambda: now[0])
    monkeypatch.setattr(garbage, "whole", garbage._Whole())
    thresholds, enabled = gc.get_threshold(), gc.isenabled()
    yield now
    gc.set_threshold(*thresholds)
    (gc.enable if enabled else gc.disable)()
    gc.unfreeze()


@pytest.fixture
def looks() -> Iterator[list[int]]:
    """Generations of the looks that the test sees."""
    seen = Looks()
    gc.callbacks.append(seen)
    yield seen.generations
    gc.callbacks.remove(seen)


def test_what_is_loaded_is_never_looked_through_again(clock: list[float]) -> None:
    kept = [Knot() for _ in range(1000)]
    garbage.start(1)
    assert len(gc.get_objects()) < 1000 < gc.get_freeze_count()
    del kept


def test_what_is_at_work_is_looked_at_once_while_it_is_new(clock: list[float], looks: list[int]) -> None:
    garbage.start(1)
    del looks[:]
    kept = [Knot() for _ in range(100 * garbage.LEAST)]
    assert len(looks) > 50
    assert set(looks) == {0}
    clock[0] += garbage.WHOLE_SECONDS
    garbage.look_at_all()
    garbage.look_at_all()
    assert looks.count(2) == 1
    del kept


def test_garbage_is_found_though_it_was_at_work(clock: list[float]) -> None:
    garbage.start(1)
    garbage.look_at_all()
    knots = [Knot() for _ in range(2)]
    seen = [weakref.ref(knot) for knot in knots]
    gc.collect(0)
    del knots[0]
    gc.collect(0)
    clock[0] += garbage.WHOLE_SECONDS - 1
    garbage.look_at_all()
    assert seen[0]() is not None, "only new ones were looked through"
    clock[0] += 1
    garbage.look_at_all()
    assert [one() is None for one in seen] == [True, False]


def test_new_garbage_is_found_at_once(clock: list[float]) -> None:
    garbage.start(1)
    knot = weakref.ref(Knot())
    kept = [Knot() for _ in range(2 * garbage.LEAST)]
    assert knot() is None
    del kept


def test_with_many_targets_nothing_that_is_at_work_is_looked_at(clock: list[float], looks: list[int]) -> None:
    garbage.start(1)
    assert gc.isenabled()
    garbage.look_for(500)
    garbage.look_at_all()
    del looks[:]
    kept = []
    for _ in range(100):
        kept.append([Knot() for _ in range(20)])
        clock[0] += garbage.FILLING_SECONDS
        garbage.look_at_all()
    assert looks == []
    garbage.look_for(garbage.MANY)
    kept += [[Knot() for _ in range(2 * garbage.LEAST)]]
    assert 0 in looks, "with few the new ones are looked at again"
    del kept


def frozen_then_let_go(clock: list[float], targets: int) -> weakref.ref[Knot]:
    """A knot that survived a look with so many targets, and has become garbage since."""
    garbage.start(targets)
    knot = Knot()
    seen = weakref.ref(knot)
    garbage.look_at_all()
    clock[0] += garbage.FILLING_SECONDS
    garbage.look_at_all()
    return seen


def test_what_was_left_out_and_is_garbage_is_found_once_there_is_more(clock: list[float]) -> None:
    seen = frozen_then_let_go(clock, 500)
    garbage.look_at_all()
    assert seen() is not None, "it was left out"
    kept = [object() for _ in range(int(0.3 * sys.getallocatedblocks()))]
    garbage.look_at_all()
    assert seen() is None, "who makes garbage is not waited for"
    del kept


def test_while_all_is_collected_for_the_first_time_much_may_come_together(clock: list[float], looks: list[int]) -> None:
    garbage.start(500)
    garbage.look_at_all()
    del looks[:]
    kept = [object() for _ in range(sys.getallocatedblocks())]
    garbage.look_at_all()
    assert looks == []
    kept += [object() for _ in range(3 * sys.getallocatedblocks())]
    garbage.look_at_all()
    assert looks == [2], "but not without end"
    del kept


def test_what_was_left_out_and_is_garbage_is_found_once_many_targets_have_gone(clock: list[float]) -> None:
    seen = frozen_then_let_go(clock, 500)
    garbage.look_for(500, gone=50)
    garbage.look_at_all()
    assert seen() is not None, "they are not many"
    garbage.look_for(500, gone=1)
    garbage.look_at_all()
    assert seen() is None, "that is not waited for until the next look"
    knots = [frozen_then_let_go(clock, 500) for _ in range(2)]
    garbage.look_at_all()
    assert knots[1]() is not None, "those that went before do not count again"


def test_what_was_left_out_and_is_garbage_is_found_once_few_targets_are_left(clock: list[float]) -> None:
    seen = frozen_then_let_go(clock, 500)
    garbage.look_for(garbage.MANY)
    garbage.look_at_all()
    assert seen() is None
    kept = [Knot() for _ in range(5000)]
    clock[0] += garbage.WHOLE_SECONDS
    garbage.look_at_all()
    assert len(gc.get_objects()) > 5000, "all is looked through that is at work"
    del kept


def test_a_target_of_few_that_has_gone_is_looked_for_at_once(clock: list[float]) -> None:
    garbage.start(4)
    garbage.look_at_all()
    knot = Knot()
    seen = weakref.ref(knot)
    gc.collect(0)
    del knot
    garbage.look_at_all()
    assert seen() is not None
    garbage.look_for(4, gone=1)
    garbage.look_at_all()
    assert seen() is None
