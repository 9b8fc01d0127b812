"""Work is done in small portions, and the clients take turns."""

from __future__ import annotations

import asyncio

from exporter.web.turns import Turns


async def test_each_turn_has_its_budget_and_each_client_its_share() -> None:
    turns, done = Turns(2), list[str]()
    for number in range(6):
        turns.call("greedy", lambda number=number: done.append(f"greedy {number}"))  # type: ignore[misc]
    turns.call("modest", lambda: done.append("modest"))
    assert done == ["greedy 0", "greedy 1"], "the first ones are done at once"
    await asyncio.sleep(0)
    assert done[2:] == ["greedy 2", "modest"]
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
