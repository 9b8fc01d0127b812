"""Work is done in small portions, and the clients take turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from exporter.web import turns as module
from exporter.web.connection import VISITOR
from exporter.web.guests import Limits
from exporter.web.traffic import Traffic
from exporter.web.turns import InTurn, Line, Pace, Turns
from tests.unit.test_server import REQUEST, answering, ask, close, connect, serving


async def test_each_turn_has_its_budget_and_each_client_its_share() -> None:
    turns, done = Turns(2), list[str]()
    for number in range(6):
        turns.call("greedy", lambda number=number: done.append(f"greedy {number}"))  # type: ignore[misc]
    turns.call("modest", lambda: done.append("modest"))
    assert done == ["greedy 0", "greedy 1"], "the first ones are done at once"
    await asyncio.sleep(0)
    assert done[2:] == ["modest", "greedy 2"], "who had no turn yet goes first"
    await asyncio.sleep(0)
    assert done[4:] == ["greedy 3", "greedy 4"]
    await asyncio.sleep(0)
    assert done[6:] == ["greedy 5"]
    for _ in range(3):
        await asyncio.sleep(0)
    assert not turns._counting, "who has nothing to do does not keep the loop awake"


async def test_what_costs_more_than_the_budget_has_a_turn_of_its_own() -> None:
    turns, done = Turns(4), list[str]()
    turns.call("a", lambda: done.append("cheap"))
    turns.call("a", lambda: done.append("dear"), 4)
    turns.call("b", lambda: done.append("dear too"), 4)
    turns.call("c", lambda: done.append("cheap too"))
    assert done == ["cheap", "dear"]
    await asyncio.sleep(0)
    assert done[2:] == ["dear too"]
    await asyncio.sleep(0)
    assert done[3:] == ["cheap too"]


def test_next_is_who_had_the_last_turn_longest_ago() -> None:
    line = Line[str]()
    for client in ("a", "b", "a", "c", "b"):
        line.add(client, client)
    assert [line.next() for _ in range(4)] == [(client, client) for client in ("a", "b", "c", "a")]
    line.add("a", "a")
    line.add("d", "d")
    assert [client for client, _ in (line.next() for _ in range(3))] == ["d", "b", "a"], (
        "who comes for the first time waits for nobody"
    )
    assert not line


def test_of_clients_without_end_few_are_remembered() -> None:
    line = Line[int]()
    for number in range(3 * module.REMEMBERED):
        line.served(str(number))
    assert len(line._turns) == module.REMEMBERED


class Clock:
    """In place of the event loop: a time that passes as the test says."""

    def __init__(self) -> None:
        self._now = 100.0
        self._timers: list[Timer] = []
        self.stall = 0.0  # before the loop has its next turn

    def time(self) -> float:
        """What time it is."""
        return self._now

    def call_at(self, when: float, work: Callable[[], None]) -> Timer:
        """Does it then."""
        self._timers.append(Timer(when, work))
        return self._timers[-1]

    def run(self) -> None:
        """Until there is nothing to do."""
        while self._timers:
            timer = self._timers.pop(0)
            self._now = max(self._now + self.stall, timer.at)
            self.stall = 0.0
            timer.work()


@dataclass
class Timer:
    """One handle."""

    at: float
    work: Callable[[], None]

    def when(self) -> float:
        """For when it was asked."""
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The event loop."""
    made = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    return made


def test_works_begin_apart_and_a_modest_client_does_not_wait_for_a_greedy_one(clock: Clock) -> None:
    pace, done = Pace(0.25, 3), list[tuple[str, float]]()
    for _ in range(7):
        pace.call("greedy", lambda: done.append(("greedy", clock.time())))
    assert len(done) == 3, "after a pause so many at once"
    pace.call("modest", lambda: done.append(("modest", clock.time())))
    clock.run()
    assert [client for client, _ in done] == ["greedy"] * 3 + ["modest"] + ["greedy"] * 4
    assert [at for _, at in done] == [100.0] * 4 + [100.25, 100.5, 100.75, 101.0]
    assert pace._timer is None, "who has nothing to do does not keep the loop awake"


def test_those_who_come_seldom_have_a_pace_of_their_own_from_however_many_addresses(clock: Clock) -> None:
    pace, done = Pace(0.25, 3), list[tuple[str, float]]()

    def call(client: str) -> None:
        pace.call(client, lambda: done.append((client, clock.time())))

    for _ in range(4):
        call("greedy")
    for number in range(20):
        call(f"modest {number}")
    assert [client for client, _ in done] == ["greedy"] * 3 + [f"modest {number}" for number in range(3)]
    clock.run()
    assert [client for client, _ in done][6:] == [*(f"modest {number}" for number in range(3, 20)), "greedy"]
    assert [at for _, at in done][6:] == [100.25 + 0.25 * number for number in range(18)]


def test_who_comes_after_a_crowd_that_the_loop_did_not_keep_up_with_does_not_wait_for_it(clock: Clock) -> None:
    pace, at = Pace(0.25, 1), list[float]()
    pace.call("greedy", lambda: None)
    pace.call("greedy", lambda: None)
    clock.stall = 0.5
    clock.run()
    pace.call("modest", lambda: at.append(clock.time()))
    assert at == [clock.time()]


def test_where_the_loop_does_not_keep_up_works_begin_less_often(clock: Clock) -> None:
    part = 1 / 64
    pace, at = Pace(part, 1), list[float]()

    def work() -> None:
        at.append((clock.time() - 100) / part)
        clock.stall = 3 * part  # what each of them brings about

    for _ in range(6):
        pace.call("greedy", work)
    clock.run()
    assert at == [0, 3, 8, 11, 16, 19], "every other one leaves time to others, as the loop was late"


async def test_who_has_gone_keeps_nobody_waiting() -> None:
    pace, done = Pace(1.0, 1), list[str]()
    complete = asyncio.Event()
    works = [lambda number=number: done.append(f"gone {number}") for number in range(1000)]
    pace.call("a", lambda: done.append("first"))
    for work in works:
        pace.call("a", work)
    for work in works:
        pace.forget("a", work)
    assert not pace._line, "nothing of it is kept"
    pace.call("a", complete.set)
    await asyncio.wait_for(complete.wait(), 60)  # the others would take a thousand seconds
    pace.forget("a", complete.set)
    assert done == ["first"]


async def test_what_is_forgotten_takes_none_of_a_turn() -> None:
    turns, done = Turns(1), list[str]()
    turns.call("a", lambda: done.append("first"))
    works = [lambda number=number: done.append(f"gone {number}") for number in range(3)]
    for work in works:
        turns.call("a", work, 2)
    turns.call("a", lambda: done.append("last"))
    for work in works:
        turns.forget("a", work, 2)
    await asyncio.sleep(0)
    assert done == ["first", "last"]


async def test_a_network_of_ipv6_has_the_turns_of_one_client() -> None:
    served = list[str]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        served.append(scope["client"][0])

    async def nothing(*_: object) -> None:
        return None

    in_turn, greedy = InTurn(app), [f"2001:db8::{number}" for number in range(6)]
    scopes = [{"type": "http", "client": (address, 1)} for address in [*greedy, "10.0.0.1"]]
    await asyncio.gather(*(in_turn(scope, nothing, nothing) for scope in scopes))  # type: ignore[arg-type]
    assert served == [*greedy[:2], "10.0.0.1", *greedy[2:]]


async def test_a_request_whose_client_has_gone_is_not_worked_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else who asks and goes, again and again, has all of it kept, and the others of its address wait for hours."""
    monkeypatch.setattr(module, "REQUEST_SECONDS", 3600.0)
    monkeypatch.setattr(module, "REQUESTS_AT_ONCE", 1)
    served = list[str]()

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        served.append(scope["path"])
        await answering(scope, receive, send)

    in_turn = InTurn(noting)
    async with serving(Limits(), app=in_turn) as port, asyncio.timeout(60):
        first = await connect(port)
        assert await ask(first) == b"HTTP/1.1 200 OK"
        for _ in range(20):
            going = await connect(port)
            going[1].write(REQUEST % b"gone")
            while not in_turn._pace._line:
                await asyncio.sleep(0.001)
            await close(going)
            while in_turn._pace._line:
                await asyncio.sleep(0.001)
        await close(first)
        visitor = type("Gone", (), {"gone": True, "withdraw": None, "asked_at": None})()
        await in_turn({"type": "http", "state": {VISITOR: visitor}}, None, None)  # type: ignore[arg-type]
    assert served == ["/"], "nor one whose client went before it was looked at"


async def test_who_waits_for_the_turn_of_a_request_makes_room_and_who_is_served_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else as many as may connect from an address keep everybody else of it out for good."""
    monkeypatch.setattr(module, "REQUEST_SECONDS", 3600.0)
    monkeypatch.setattr(module, "REQUESTS_AT_ONCE", 1)
    traffic, entered, leave = Traffic(), asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await leave.wait()
        await answering(scope, receive, send)

    in_turn = InTurn(slow)
    async with serving(Limits(connections_of_a_client=3), traffic, app=in_turn) as port, asyncio.timeout(60):
        crowd = [await connect(port) for _ in range(3)]
        for number, streams in enumerate(crowd):
            streams[1].write(REQUEST % b"")
            while len(in_turn._pace._line._waiting.get("127.0.0.1", ())) < number or not entered.is_set():
                await asyncio.sleep(0.001)
        newcomer = await connect(port)
        assert await crowd[1][0].read() == b"", "the first of those who wait"
        leave.set()
        assert (await crowd[0][0].readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        await close(newcomer, *crowd)
    assert (traffic._ended["made_room"], traffic._ended["no_room"]) == (1, 0)


async def test_who_asks_seldom_by_a_connection_that_it_keeps_goes_before_the_others_of_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Prometheus does, where the exporter listens on 127.0.0.1 and so everybody is of one address."""
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.001)
    monkeypatch.setattr(module, "REQUESTS_AT_ONCE", 1)
    served = list[str]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        served.append(scope["path"])

    def visitor() -> Any:
        return type("Kept", (), {"gone": False, "withdraw": None, "asked_at": None})()

    in_turn = InTurn(app)

    async def ask_by(by: Any, path: str) -> None:
        scope = {"type": "http", "path": path, "client": ("127.0.0.1", 1), "state": {VISITOR: by}}
        await in_turn(scope, None, None)  # type: ignore[arg-type]

    async def all_ask(path: str, kept: str) -> None:
        in_turn._pace._due = asyncio.get_running_loop().time() + 2.0  # until all of them have asked
        crowd = [asyncio.create_task(ask_by(one, path)) for one in greedy]
        await asyncio.sleep(0)
        await asyncio.gather(ask_by(prometheus, kept), *crowd)

    prometheus, greedy = visitor(), [visitor() for _ in range(5)]
    await ask_by(prometheus, "first")
    monkeypatch.setattr(module, "KEPT_SECONDS", 0.0)
    await all_ask("new", "kept")
    assert served == ["first", "kept", *["new"] * 5]
    monkeypatch.setattr(module, "KEPT_SECONDS", 3600.0)
    await all_ask("again", "last")
    assert served[7:] == [*["again"] * 5, "last"], "who asks as often waits as the others do"


@pytest.mark.parametrize("queue", [Turns(1), Pace(1.0, 1)], ids=["turns", "pace"])
async def test_a_work_that_fails_keeps_no_other_from_its_turn(queue: Turns | Pace) -> None:
    told, done, complete = list[str](), list[str](), asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context.get("exception"))))

    def fails() -> None:
        raise ValueError("a mistake")

    queue.call("a", lambda: done.append("first"))
    queue.call("a", fails)
    queue.call("a", complete.set)
    await asyncio.wait_for(complete.wait(), 30)
    assert told == ["a mistake"] and done == ["first"]
