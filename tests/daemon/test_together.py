"""Collectors that are due about now are asked by one message, and one that is amiss costs the others nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest

from exporter import statement
from exporter.collect import collector as collecting
from exporter.collect.collector import TargetCollector
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import TargetStatus
from exporter.collect.together import MOST_SECONDS, QUICK_SECONDS, due_together
from exporter.dsn import Dsn
from exporter.metricmap import CollectorSpec, load, load_own
from exporter.schedule import Timer
from exporter.target import Target
from exporter.targetconfig import TargetConfig

Session = psycopg.Connection[Any]
NAMES = ("one", "two", "three")
FUNCTION = """
create or replace function script_tracking.{name}() returns table (n bigint) language plpgsql as $f$
begin
  {does}
  return query select pg_catalog.count(*) from script_tracking.things;
end $f$
"""


@pytest.fixture
def admin(database: str) -> Iterator[Session]:
    """In a database with three functions in the place of the schema's own."""
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("create schema script_tracking")
        session.execute("create table script_tracking.things (n int)")
        for name in NAMES:
            does(session, name)
        yield session


def does(admin: Session, name: str, what: str = "") -> None:
    admin.execute(FUNCTION.format(name=name, does=what).encode())


def spec_of(name: str, **more: Any) -> CollectorSpec:
    metric = {"name": f"script_tracking_{name}", "type": "gauge", "help": "Things.", "value": "n"}
    settings = {"interval": "1s", "timeout": "20s", "minimum_version": 1} | more
    return CollectorSpec.model_validate(
        {"name": name, "function": f"script_tracking.{name}", "metrics": [metric]} | settings
    )


class Watched:
    """A collector at work, the messages that it sends, and what it tells."""

    def __init__(self, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
        own = load_own()
        specs = [spec_of(name) for name in NAMES]
        self.snapshot = Snapshot()
        for metric in [*own.values(), *(metric for spec in specs for metric in spec.metrics)]:
            self.snapshot.declare(metric, metric.help)
        self.target = Target(TargetConfig(name="shop", dsn=Dsn(dsn)))
        self.target.schema_version = 1
        self.target.schema_known.set()
        self.status = TargetStatus("shop", own)
        self.collector = TargetCollector(self.target, specs, self.snapshot, self.status)
        self.messages: list[set[str]] = []
        asked = statement._asked

        async def noted(connection: Any, text: bytes, timeout: float, result: Any) -> Any:
            if called := {name for name in NAMES if f'"{name}"()'.encode() in text}:
                self.messages.append(called)
            return await asked(connection, text, timeout, result)

        monkeypatch.setattr(statement, "_asked", noted)

    def fares(self, name: str) -> float | None:
        return self.status.get("collector_success", collector=name)

    def took(self, name: str) -> float:
        return self.status.get("collector_duration", collector=name) or 0.0

    async def until(self, condition: Any, within: float = 60.0) -> None:
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(0.01)

    async def rounds(self, asked: set[str], count: int = 2) -> None:
        """Waits until from now on these were asked by one message so many times."""
        known = len(self.messages)
        await self.until(lambda: self.messages[known:].count(asked) >= count)


@asynccontextmanager
async def watched(dsn: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    made = Watched(dsn, monkeypatch)
    task = asyncio.create_task(made.collector.run())
    try:
        await made.rounds(set(NAMES))
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await made.target.close()


async def test_those_that_are_quick_are_asked_by_one_message(
    admin: Session, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    does(admin, "two", "perform pg_catalog.pg_sleep(0.05);")
    async with watched(database, monkeypatch) as made:
        assert made.messages[:3] == [{"one"}, {"two"}, {"three"}], (
            "the first time each by itself, and its time is known"
        )
        known = len(made.messages)
        await made.until(lambda: len(made.messages) > known + 3)
        assert made.messages[known + 1 :] == [set(NAMES)] * 3
        assert 0.05 <= made.took("two") < 1 and made.took("one") < 0.05, "each is told its own time"
        admin.execute("insert into script_tracking.things values (1), (2)")
        for name in NAMES:
            sample = f'script_tracking_{name}{{target="shop"}} 2'.encode()
            await made.until(lambda sample=sample: sample in made.snapshot.exposition(openmetrics=False))
        assert (made.target.sessions.count, made.status.get("collections_skipped")) == (1, 0)


@pytest.mark.majors
async def test_who_is_asked_together_gives_a_sign_of_life(
    admin: Session, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(database, monkeypatch) as made:
        probes = 0
        probe = made.target.probe

        async def noted() -> None:
            nonlocal probes
            probes += 1
            await probe()

        monkeypatch.setattr(made.target, "probe", noted)
        await made.rounds(set(NAMES), 4)
        assert probes == 0, "one message a second, and none beside it every two seconds"
        made.target.standby = True
        await made.until(lambda: made.target.standby is False)
        made.collector.adopt([spec_of(name, interval="1h") for name in NAMES])
        await made.until(lambda: probes >= 2)


@pytest.mark.majors
@pytest.mark.parametrize(
    ("amiss", "mended"),
    [
        ("raise exception 'no';", ""),
        ("perform 1 / 0;", ""),
        ("set local statement_timeout = '50ms'; perform pg_catalog.pg_sleep(600);", ""),
        ("lock table script_tracking.held in access share mode;", "perform 'free';"),
    ],
)
async def test_one_that_fails_costs_the_others_nothing(
    admin: Session, database: str, monkeypatch: pytest.MonkeyPatch, amiss: str, mended: str
) -> None:
    admin.execute("create table script_tracking.held ()")
    async with watched(database, monkeypatch) as made:
        with psycopg.connect(database) as holding:
            holding.execute("lock table script_tracking.held")
            does(admin, "two", amiss)
            await made.until(lambda: made.fares("two") == 0)
            await made.rounds({"one", "three"})
            await made.until(lambda: {"two"} in made.messages[-3:])
            assert (made.fares("one"), made.fares("two"), made.fares("three")) == (1, 0, 1)
            assert made.target.up is True
        does(admin, "two", mended)
        await made.rounds(set(NAMES))
        assert made.fares("two") == 1


async def test_one_that_takes_long_is_asked_by_itself_and_nothing_counts_as_gone(
    admin: Session, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "WITHIN_SECONDS", 0.4)
    async with watched(database, monkeypatch) as made:
        does(admin, "two", "perform pg_catalog.pg_sleep(1);")
        await made.until(lambda: made.took("two") >= 1)
        await made.rounds({"one", "three"})
        assert [made.fares(name) for name in NAMES] == [1, 1, 1]
        assert made.target.up is True and made.target.times_up == 1
        does(admin, "two")
        await made.rounds(set(NAMES))


async def test_all_that_take_long_one_after_the_other_are_no_stall(
    admin: Session, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is slow for all of them answers, and the watchdog hears of it."""
    monkeypatch.setattr(collecting, "WITHIN_SECONDS", 0.4)
    monkeypatch.setattr(collecting, "IDLE_PROBE_INTERVAL_SECONDS", 0.1)
    async with watched(database, monkeypatch) as made:
        made.collector.adopt([spec_of(name, timeout="2s") for name in NAMES])
        await made.rounds(set(NAMES))
        monkeypatch.setattr(collecting, "STALLED_SECONDS", 0.4)  # with a timeout less than two of them take
        await made.rounds(set(NAMES))
        for name in NAMES:
            does(admin, name, "perform pg_catalog.pg_sleep(1.5);")
        made.messages.clear()
        stalls: list[set[str]] = []
        async with asyncio.timeout(60):
            while any(made.took(name) < 1.5 for name in NAMES):
                await asyncio.sleep(0.02)
                if made.collector.pulse.is_overdue:
                    stalls.append(made.messages[-1])
        assert set(NAMES) in made.messages, "they were asked by one message before"
        assert stalls == []


async def test_one_with_too_many_rows_is_told_of_by_itself(
    admin: Session, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(database, monkeypatch) as made:
        specs = [spec_of("one"), spec_of("two", row_limit=1), spec_of("three")]
        made.collector.adopt(specs)
        await made.rounds(set(NAMES))
        admin.execute(
            "create or replace function script_tracking.two() returns table (n bigint) language sql as "
            "$f$ select generate_series(1, 3) $f$"
        )
        await made.until(lambda: made.fares("two") == 0)
        assert "more than 1 rows" in made.collector.failing["two"]
        await made.rounds({"one", "three"})


def timer(spec: CollectorSpec, due: float) -> Timer[CollectorSpec | None]:
    return Timer(spec, spec.interval, due)


def test_who_is_asked_with_others() -> None:
    one, two, three = (spec_of(name, interval="10s") for name in NAMES)
    took = {"one": 0.01, "two": 0.01, "three": 0.01}
    timers = [timer(one, 100.0), timer(two, 100.4), timer(three, 100.6), Timer[CollectorSpec | None](None, 2.0, 102.0)]

    def names(took: dict[str, float], now: float = 100.0) -> list[str]:
        return [each.job.name if each.job else "probe" for each in due_together(timers, now, took)]

    assert names(took) == ["one", "two"], "half a second early at most"
    assert names(took, 100.2) == ["one", "two", "three"]
    assert names({"two": 0.01}) == ["one"], "of which nothing is known is asked by itself"
    assert names(took | {"two": QUICK_SECONDS + 0.01}, 101.0) == ["one", "three"], "a long one by itself"
    assert names(took | {"one": QUICK_SECONDS + 0.01}, 101.0) == ["one"]
    assert names(dict.fromkeys(took, 0.6), 101.0) == ["one", "two", "three"], "as a busy server makes each take"
    many = dict.fromkeys(took, QUICK_SECONDS)
    crowd = [timer(one, 100.0) for _ in range(9)]
    assert len(due_together(crowd, 100.0, many)) == MOST_SECONDS / QUICK_SECONDS, "for so long others wait"
    timers[3].due = 100.3
    assert names(took) == ["one", "two"], "what may not come early yet keeps no other from it"
    timers[3].due = 99.0
    assert names(took) == ["probe"], "a sign of life is asked for by itself"
    seldom = [timer(spec_of("one", interval="1s"), 100.0), timer(spec_of("two", interval="1s"), 100.2)]
    assert len(due_together(seldom, 100.0, took)) == 1, "nor more than a tenth of its interval early"
    own = [timer(one.model_copy(update={"function": "shop.one"}), 100.0), timer(two, 100.0)]
    assert [len(due_together(order, 100.0, took)) for order in (own, own[::-1])] == [1, 1], "the user's own never"


def test_all_of_ours_may_be_asked_together() -> None:
    specs = [spec for spec in load() if spec.interval == 10]
    timers = [timer(spec, 100.0) for spec in specs]
    took = dict(zip((spec.name for spec in specs), itertools.repeat(0.001), strict=False))
    assert len(due_together(timers, 100.0, took)) == len(specs) > 8
