"""When windows are open, in time zones whose clocks are set forward and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.changes.calendar import is_frozen, is_in_force, is_open, moment_of, occurrence
from exporter.changesconfig import DAYS, ChangeFreeze, ChangeWindow

# set over midnight, by half an hour, by two hours, at 00:01, over a whole day; and never
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Beirut", "Australia/Lord_Howe",
    "Antarctica/Troll", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu",
)  # fmt: skip
MINUTE = timedelta(minutes=1)
A_DAY = timedelta(days=1)


def window(begin: str, end: str, *, zone: str = "Europe/Berlin", **more: object) -> ChangeWindow:
    """One of every day, unless more is said."""
    return ChangeWindow.model_validate({"name": "w", "time_zone": zone, "from": begin, "to": end, **more})


def at(text: str) -> datetime:
    """A moment of a text with its offset."""
    return datetime.fromisoformat(text)


@lru_cache(maxsize=2048)
def walls(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Each minute of the world's clock around a day, and what a clock on the wall shows then."""
    middle = datetime.combine(day, time(), UTC)
    there = ZoneInfo(zone)
    minutes = [middle + MINUTE * number for number in range(-26 * 60, 52 * 60)]
    return [(minute, minute.astimezone(there).replace(tzinfo=None)) for minute in minutes]


zones = st.sampled_from(ZONES)
# most of them near a change of the clocks of somewhere
days = st.dates(date(2005, 1, 1), date(2027, 12, 31)) | st.sampled_from([
    date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1), date(2018, 2, 18), date(2018, 11, 4),
    date(2021, 3, 28), date(2021, 10, 31), date(2026, 4, 5), date(2010, 11, 7), date(2010, 3, 14), date(2011, 12, 30),
    date(2011, 12, 31), date(2026, 2, 15), date(2026, 3, 22),
])  # fmt: skip
minutes_of_day = st.integers(0, 1440)


@given(zones, days, minutes_of_day)
@settings(max_examples=80, deadline=None)
def test_a_time_that_is_left_out_or_comes_twice_is_the_moment_that_a_clock_on_the_wall_shows(
    zone: str, day: date, minutes: int
) -> None:
    wanted = datetime.combine(day, time()) + timedelta(minutes=minutes)
    shown = walls(zone, day)
    first = next(minute for minute, wall in shown if wall >= wanted)
    last = next(minute for minute, wall in reversed(shown) if wall < wanted) + MINUTE
    assert moment_of(zone, day, minutes) == first
    assert moment_of(zone, day, minutes, last=True) == last
    assert first <= last <= first + 2 * timedelta(hours=1) or zone == "Pacific/Apia"


@given(
    zones, days, minutes_of_day.filter(lambda minutes: minutes < 1440), minutes_of_day, st.sets(st.sampled_from(DAYS)),
    st.sets(st.integers(-2, 2)), st.sets(st.integers(-2, 2)), st.integers(-1500, 1500),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_it_is_open_within_an_occurrence_of_its_days_and_additions_and_of_no_frozen_date(
    zone: str, day: date, begin: int, end: int, weekdays: set[str], added: set[int], frozen: set[int], later: int
) -> None:
    if begin == end:
        return
    made = ChangeWindow.model_validate(
        {
            "name": "w", "time_zone": zone, "days": sorted(weekdays), "from": begin, "to": end,
            "added": [day + A_DAY * offset for offset in added], "frozen": [day + A_DAY * offset for offset in frozen],
        }
    )  # fmt: skip
    moment = datetime.combine(day, time(12), UTC) + MINUTE * later
    today = moment.astimezone(ZoneInfo(zone)).date()
    opened = []
    for near in (day + A_DAY * offset for offset in range(-5, 6)):
        if DAYS[near.weekday()] in made.days or near in made.added:
            opens, closes = occurrence(made, near)
            if opens <= moment < closes:
                opened.append(near)
    expected = today not in made.frozen and any(each not in made.frozen for each in opened)
    assert is_open(made, moment) == expected
    assert is_frozen(made, moment) == (bool(opened) and not expected)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-12-01T21:59:59.999999+01:00", False),
        ("2026-12-01T22:00:00+01:00", True),
        ("2026-12-02T03:59:59.999999+01:00", True),
        ("2026-12-02T04:00:00+01:00", False),
        ("2026-07-01T20:00:00Z", True),  # in summer the same hour is another one of the world's clock
        ("2026-07-01T19:59:59Z", False),
        ("2026-07-02T02:00:00Z", False),
    ],
)
def test_over_midnight(moment: str, expected: bool) -> None:
    assert is_open(window("22:00", "04:00"), at(moment)) is expected


@pytest.mark.parametrize(
    ("begin", "end", "opens", "closes"),
    [
        # on 29 March 2026 02:00 to 03:00 is left out in Berlin, on 25 October it comes twice
        ("02:30", "05:00", "2026-03-29T01:00Z", "2026-03-29T03:00Z"),
        ("01:00", "02:30", "2026-03-29T00:00Z", "2026-03-29T01:00Z"),
        ("02:10", "02:50", "2026-03-29T01:00Z", "2026-03-29T01:00Z"),
        ("02:30", "05:00", "2026-10-25T00:30Z", "2026-10-25T04:00Z"),
        ("01:00", "02:30", "2026-10-24T23:00Z", "2026-10-25T01:30Z"),
        ("22:00", "04:00", "2026-03-28T21:00Z", "2026-03-29T02:00Z"),
        ("00:00", "24:00", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
    ],
)
def test_over_a_change_of_the_clocks(begin: str, end: str, opens: str, closes: str) -> None:
    day = at(closes).astimezone(ZoneInfo("Europe/Berlin")).date()
    if begin > end or end == "24:00":
        day -= A_DAY
    assert occurrence(window(begin, end), day) == (at(opens), at(closes))


def test_days_are_those_on_which_it_opens() -> None:
    friday = window("22:00", "04:00", days=["fri"])
    assert is_open(friday, at("2026-12-04T23:00+01:00")) and is_open(friday, at("2026-12-05T03:00+01:00"))
    assert not is_open(friday, at("2026-12-04T03:00+01:00")) and not is_open(friday, at("2026-12-05T23:00+01:00"))
    more = window("22:00", "04:00", days=["fri"], added=["2026-12-05"])
    assert is_open(more, at("2026-12-05T23:00+01:00")) and is_open(more, at("2026-12-06T03:00+01:00"))


def test_a_frozen_date_closes_from_midnight_to_midnight_and_in_the_night_that_would_begin_on_it() -> None:
    made = window("22:00", "04:00", frozen=["2026-12-24"])
    told: dict[str, tuple[bool, bool]] = {
        "2026-12-23T23:59+01:00": (True, False),
        "2026-12-24T00:00+01:00": (False, True),
        "2026-12-24T12:00+01:00": (False, False),
        "2026-12-24T22:00+01:00": (False, True),
        "2026-12-25T03:00+01:00": (False, True),
        "2026-12-25T22:00+01:00": (True, False),
    }
    assert {text: (is_open(made, at(text)), is_frozen(made, at(text))) for text in told} == told


@pytest.mark.parametrize(
    ("begin", "until", "moment", "expected"),
    [
        ("2026-12-20", "2027-01-04", "2026-12-20T00:00+01:00", True),
        ("2026-12-20", "2027-01-04", "2026-12-19T23:59:59+01:00", False),
        ("2026-12-20", "2027-01-04", "2027-01-04T23:59:59+01:00", True),
        ("2026-12-20", "2027-01-04", "2027-01-05T00:00+01:00", False),
        ("2026-12-18T18:00+01:00", "2026-12-18T20:00+01:00", "2026-12-18T17:30Z", True),
        ("2026-12-18T18:00+01:00", "2026-12-18T20:00+01:00", "2026-12-18T19:00Z", False),
    ],
)
def test_a_freeze_lasts_to_the_end_of_its_last_day(begin: str, until: str, moment: str, expected: bool) -> None:
    freeze = ChangeFreeze.model_validate({"name": "f", "time_zone": "Europe/Berlin", "from": begin, "until": until})
    assert is_in_force(freeze, at(moment)) is expected
