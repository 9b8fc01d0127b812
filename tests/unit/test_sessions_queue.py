"""Whose turn it is, where hundreds wait: nobody is passed over, and nobody's turn takes a look at all the others."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest

from exporter import sessions as house
from exporter import targetsessions
from exporter.dsn import Dsn
from exporter.sessions import Sessions
from exporter.targetconfig import TargetConfig
from exporter.targetsessions import TargetSessions


class Line:
    """What stands for a connection: no server is needed to see whose turn it is."""

    closed = False


@pytest.fixture(autouse=True)
def without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(dsn: object, **options: object) -> Any:
        await asyncio.sleep(0)
        return Line()

    monkeypatch.setattr(targetsessions, "connect", connect)
    monkeypatch.setattr(targetsessions, "drop", lambda line: setattr(line, "closed", True))
    monkeypatch.setattr(targetsessions, "is_at_rest", lambda line: not line.closed)


def target(sessions: Sessions) -> TargetSessions:
    return TargetSessions(TargetConfig(name="t", dsn=Dsn("postgresql://h/d")), sessions)


async def at_rest() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called until nothing is left to do."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
        await at_rest()
    finally:
        sys.setprofile(None)
    return calls


async def turn_among(waiting: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """What a turn takes where two sessions may be open, and so many targets, a few of which have one, wait for them."""
    monkeypatch.setattr(house, "PATIENCE_SECONDS", 3600.0)
    sessions = Sessions(limit=2)
    leave = [asyncio.Event() for _ in range(waiting)]
    had: list[int] = []

    async def work(number: int, of: TargetSessions) -> None:
        async with of.session():
            had.append(number)
            await leave[number].wait()

    targets = [target(sessions) for _ in range(max(waiting // 2, 3))]
    tasks = [asyncio.create_task(work(number, targets[number % len(targets)])) for number in range(waiting)]
    await at_rest()
    assert (had, sessions.waiting) == ([0, 1], waiting - 2)
    calls = await calls_of(leave[0].set)
    assert len(had) == 3
    for event in leave:
        event.set()
    await asyncio.gather(*tasks)
    assert sorted(had) == list(range(waiting))
    assert sessions.waiting == 0
    return calls


async def test_a_turn_takes_no_more_where_more_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = await turn_among(8, monkeypatch), await turn_among(1600, monkeypatch)
    assert many < few + 60, "the heap of who has no session is some steps deeper"


@pytest.mark.parametrize("order", ["aab", "aba", "abba", "abab", "abcacb"])
async def test_whoever_came_first_is_first(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether of the target whose session became free, or of one that has none."""
    monkeypatch.setattr(house, "PATIENCE_SECONDS", 3600.0)
    sessions = Sessions(limit=1)
    targets = {name: target(sessions) for name in set(order)}
    had: list[str] = []

    async def work(name: str) -> None:
        async with targets[name].session():
            had.append(name)
            await at_rest()

    tasks = []
    for name in order:
        tasks.append(asyncio.create_task(work(name)))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert "".join(had) == order
    assert sessions.opened == 1 + sum(one != next_one for one, next_one in pairwise(order)), "none is closed in vain"


@pytest.mark.parametrize("seed", range(12))
async def test_nobody_waits_for_what_is_there(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At random moments somebody comes, is through, gives up, breaks, or the limit is another."""
    monkeypatch.setattr(house, "PATIENCE_SECONDS", 0.001)
    monkeypatch.setattr(house, "NEWS_SECONDS", 0.002)
    monkeypatch.setattr(house, "REST_SECONDS", 0.001)
    monkeypatch.setattr(targetsessions, "IDLE_SECONDS", 0.002)
    chance = random.Random(seed)
    sessions = Sessions(limit=5, connecting=3)
    targets = [target(sessions) for _ in range(9)]
    working: dict[asyncio.Task[None], None] = {}
    leave: list[asyncio.Event] = []

    async def work(of: TargetSessions) -> None:
        ended = asyncio.Event()
        async with of.session() as session:
            leave.append(ended)
            await ended.wait()
            if chance.random() < 0.1:
                session.connection.closed = True  # type: ignore[misc]

    for step in range(600):
        match chance.randrange(8):
            case 0 | 1 | 2:
                task = asyncio.create_task(work(chance.choice(targets)))
                working[task] = None
                task.add_done_callback(lambda done: working.pop(done, None))
            case 3 | 4 | 5 if leave:
                leave.pop(chance.randrange(len(leave))).set()
            case 6 if working:
                chance.choice(list(working)).cancel()
            case 7 if step % 10 == 0:
                sessions.limit_to(chance.randint(1, 7), 3)
        if chance.random() < 0.05:
            await asyncio.sleep(0.003)
        await at_rest()
        assert sessions.open == sum(of.count for of in targets)
        assert sessions.waiting == sum(len(of.waiters) for of in targets)
        for of in targets:
            assert of.count <= of.most
            assert not (of.waiters and of.longest_idle), "who waits has the session of the same target"
            if of.waiters and of.count == 0:
                assert sessions.open >= sessions.limit and not any(one.longest_idle for one in targets)
    for task in list(working)[::2]:
        task.cancel()
    for _ in range(2000):
        if not working:
            break
        while leave:
            leave.pop().set()
        await asyncio.sleep(0.001)
    assert not working, "everybody else had a turn"
    sessions.limit_to(1, 3)
    assert sessions.open <= 1
    for of in targets:
        of.end()
    assert (sessions.open, sessions.waiting) == (0, 0)
