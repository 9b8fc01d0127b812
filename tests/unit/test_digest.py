"""What people are told of many rows is made of them in turns."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from exporter.collect import digest as module
from exporter.collect.caps import PORTION
from exporter.collect.digest import FAILURES, TENANTS, Digester
from exporter.schedule import monotonic

MANY = 50_000
Rows = list[dict[str, Any]]


def errors() -> Rows:
    return [
        {
            "tenant": f"t{number % 97}", "script_type": f"type {number}", "error_class": "23",
            "errors_total": number % 9, "last_execution_timestamp_seconds": float(number * 7919 % MANY),
        }
        for number in range(MANY)
    ]  # fmt: skip


def days() -> Rows:
    return [
        {
            "tenant": f"t{number}", "operations_24h": number * 7919 % MANY, "failed_24h": 1,
            "last_operation_timestamp_seconds": 5.0,
        }
        for number in range(MANY)
    ]  # fmt: skip


def operations() -> Rows:
    statuses = ("COMPLETED", "FAILED", "ROLLED_BACK", None)
    return [
        {"script_type": ("DDL", "BATCH")[number % 2], "status": statuses[number // 2 % 4], "operations_total": number}
        for number in range(MANY)
    ]


def checks() -> Rows:
    return [{"check_name": f"check {number}", "status": "ok"} for number in range(MANY)]


@pytest.mark.parametrize(
    ("collector", "rows", "kept"),
    [
        ("errors", errors(), FAILURES),
        ("dashboard", days(), TENANTS),
        ("operations", operations(), 3),
        ("health", checks(), MANY),
    ],
    ids=["errors", "dashboard", "operations", "health"],
)
async def test_a_digest_of_many_rows_is_made_in_turns_and_is_the_same(collector: str, rows: Rows, kept: int) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    digested = await Digester.digested(collector, rows)
    counting.cancel()
    name, reduce = module._TAKEN[collector]
    assert digested is not None and digested.name == name
    assert digested.told == reduce(None, rows) and len(digested.told) == kept
    assert turns >= MANY / PORTION - 1


async def test_rows_of_another_shape_tell_nothing_wherever_they_stand() -> None:
    digester = Digester()
    known = await digester.digested("dashboard", days()[: 2 * PORTION])
    broken = await digester.digested("dashboard", [*days()[: 2 * PORTION], {"tenant": "x"}])
    assert known is not None and broken is not None
    digester.take(known, float("inf"))
    assert digester.digest().days
    digester.take(broken, float("inf"))
    assert digester.digest().days is None


async def test_checks_are_nothing_that_may_be_garbage_until_somebody_asks() -> None:
    rows: Rows = [
        {
            "check_name": f"check {number}",
            "ok": 1,
            "status": "ok",
            "value": 1.0,
            "threshold": None,
            "unit": "",
            "advice": "",
        }
        for number in range(1000)
    ]
    digester = Digester()
    gc.collect()
    before = len(gc.get_objects())
    digested = await digester.digested("health", rows)
    assert digested is not None
    digester.take(digested, monotonic() + 3600)
    del digested
    gc.collect()
    assert len(gc.get_objects()) - before < 50
    assert [check.name for check in digester.digest().checks or ()] == [row["check_name"] for row in rows]


async def test_advice_that_is_another_each_time_is_not_kept_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some names the process that holds the totals back; what sys.intern() keeps CPython 3.12.6 never lets go."""

    def intern(text: str) -> str:
        raise AssertionError(text)

    monkeypatch.setattr("sys.intern", intern)
    for number in range(2 * module.SHARED):
        rows: Rows = [{"check_name": "horizon_holder", "status": "ok", "advice": f"pid {number}"} for _ in range(2)]
        digested = await Digester.digested("health", rows)
        assert digested is not None
        assert digested.told[0][5] is digested.told[1][5], "one text for all"
    assert module._shared.cache_info().currsize <= module.SHARED
