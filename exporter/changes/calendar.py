"""Times of windows, freezes and references as moments of the world's clock, whatever their time zone does meanwhile."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from exporter.changesconfig import DAYS, ChangeFreeze, ChangeReference, ChangeWindow, Moment

_DAY = timedelta(days=1)


def moment_of(zone: str, day: date, minutes: int, *, last: bool = False) -> datetime:
    """When it is so many minutes past midnight of a day in a time zone, in UTC.

    Where a clock that is set back has the time twice, the first one, or the last; where one that is set forward leaves
    it out, the moment at which it is set.
    """
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return _moment(zone, wall, last)


@lru_cache(maxsize=4096)
def _moment(zone: str, wall: datetime, last: bool) -> datetime:
    there = ZoneInfo(zone)
    first, second = (wall.replace(tzinfo=there, fold=fold).astimezone(UTC) for fold in (0, 1))
    if second < first:
        return _set_forward(there, second, first)
    return second if last else first


def _set_forward(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The moment between two others at which the clock is set, to the second."""
    before = low.astimezone(zone).utcoffset()
    seconds = range(int((high - low).total_seconds()))
    reached = bisect_left(
        seconds, True, key=lambda after: (low + timedelta(seconds=after)).astimezone(zone).utcoffset() != before
    )
    return low + timedelta(seconds=reached)


def occurrence(window: ChangeWindow, day: date) -> tuple[datetime, datetime]:
    """When a window that opens on a day opens and closes."""
    closing = day if window.to > window.from_ else day + _DAY
    return (
        moment_of(window.time_zone, day, window.from_),
        moment_of(window.time_zone, closing, window.to, last=True),
    )


def _days_around(window: ChangeWindow, at: datetime) -> Iterator[date]:
    """On which it opens by days and additions, and may be open then."""
    today = at.astimezone(ZoneInfo(window.time_zone)).date()
    for day in (today, today - _DAY, today + _DAY):  # the next one as well: a clock may be set back over midnight
        if DAYS[day.weekday()] in window.days or day in window.added:
            opens, closes = occurrence(window, day)
            if opens <= at < closes:
                yield day


def is_open(window: ChangeWindow, at: datetime) -> bool:
    """Whether a window is open at a moment."""
    today = at.astimezone(ZoneInfo(window.time_zone)).date()
    return today not in window.frozen and any(day not in window.frozen for day in _days_around(window, at))


def is_frozen(window: ChangeWindow, at: datetime) -> bool:
    """Whether it would be open at a moment, were it not for a frozen date."""
    return not is_open(window, at) and any(True for _ in _days_around(window, at))


def _begin(moment: Moment, zone: str) -> datetime:
    return moment.astimezone(UTC) if isinstance(moment, datetime) else moment_of(zone, moment, 0)


def _end(moment: Moment, zone: str) -> datetime:
    return moment.astimezone(UTC) if isinstance(moment, datetime) else moment_of(zone, moment + _DAY, 0, last=True)


def is_in_force(freeze: ChangeFreeze, at: datetime) -> bool:
    """Whether a freeze is in force at a moment."""
    return _begin(freeze.from_, freeze.time_zone) <= at < _end(freeze.until, freeze.time_zone)


def has_begun(reference: ChangeReference, at: datetime) -> bool:
    """Whether what is approved was so already."""
    return reference.from_ is None or _begin(reference.from_, reference.time_zone) <= at


def has_ended(reference: ChangeReference, at: datetime) -> bool:
    """Whether what is approved is so no more."""
    return reference.until is not None and _end(reference.until, reference.time_zone) <= at
