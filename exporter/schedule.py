"""Timers: when a job is due next, and how long to wait after a failure."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Generic, TypeVar

Job = TypeVar("Job")


@dataclass
class Timer(Generic[Job]):
    """One periodic job; `due` is in seconds of the monotonic clock."""

    job: Job
    interval: float
    due: float = 0.0

    def done(self, now: float) -> int:
        """Sets the next turn on the grid of the interval; turns that were missed are not made up for. How many were."""
        if not self.due:
            self.due = now + self.interval
            return 0
        missed = max(int((now - self.due) / self.interval) - 1, 0)
        self.due = max(self.due + self.interval, now)
        return missed


_due = attrgetter("due")


def earliest(timers: Iterable[Timer[Job]]) -> Timer[Job]:
    """The timer that is due first."""
    return min(timers, key=_due)


def restart(timers: Iterable[Timer[Job]]) -> None:
    """Makes every job due at once, as after a reconnection."""
    for timer in timers:
        timer.due = 0.0


@dataclass
class BackOff:
    """Waiting times after failures in a row: doubling, by default from 1 s to 60 s, a fifth of jitter within these."""

    first: float = 1.0
    longest: float = 60.0
    _failures: int = field(default=0, init=False)

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        least, wait = min(self.first, self.longest), min(self.first * 2.0**self._failures, self.longest)
        self._failures = min(self._failures + 1, 10)
        return random.uniform(max(0.8 * wait, least), min(1.2 * wait, self.longest))

    def reset(self) -> None:
        """Forgets the failures, after a success."""
        self._failures = 0


class Pulse:
    """Signs of life of a task that never ends. One that has not begun yet is not overdue."""

    def __init__(self) -> None:
        self._due = float("inf")

    def beat(self, within: float) -> None:
        """Gives a sign; the next one follows within so many seconds, unless the task stalls."""
        self._due = monotonic() + within

    @property
    def is_overdue(self) -> bool:
        """Whether the task stalls."""
        return monotonic() > self._due


def monotonic() -> float:
    """Seconds of the clock that the timers go by."""
    return time.monotonic()
