"""Which collectors are asked by one message: those that are due about now, and took a second at most the last time.

A message of their own for each takes the exporter, and the server, more than what is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter

from exporter.metricmap import CollectorSpec
from exporter.schedule import Timer
from exporter.statement import OUR_SCHEMAS

QUICK_SECONDS = 1.0  # that one took who is asked with others: what takes milliseconds takes more beside hundreds
MOST_SECONDS = 2.0  # that they took in all: for so long others wait for the session
WITHIN_SECONDS = 5.0  # after which each is asked by itself
EARLY_SECONDS = 0.5  # before its time one is asked with others that are due
EARLY_SHARE = 0.1  # of its interval, at most

Timers = Iterable[Timer[CollectorSpec | None]]


def due_together(timers: Timers, now: float, took: Mapping[str, float]) -> list[Timer[CollectorSpec | None]]:
    """Those that are asked by one message, the first of which is due; it alone where it is not known to be quick.

    `took` is the seconds of the last run, of those that may be asked with others.
    """
    first, *later = sorted(timers, key=attrgetter("due"))
    found, seconds = [first], _took(first, took)
    if seconds is None:
        return found
    for timer in later:
        if timer.due > now + min(EARLY_SECONDS, EARLY_SHARE * timer.interval):
            continue
        further = _took(timer, took)
        if further is not None and seconds + further <= MOST_SECONDS:
            seconds += further
            found.append(timer)
    return found


def _took(timer: Timer[CollectorSpec | None], took: Mapping[str, float]) -> float | None:
    """Seconds of the last run of one that may be asked with others: of no function that the user wrote."""
    if timer.job is None or timer.job.function.partition(".")[0] not in OUR_SCHEMAS:
        return None
    seconds = took.get(timer.job.name)
    return None if seconds is None or seconds > QUICK_SECONDS else seconds
