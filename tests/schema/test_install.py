"""Installing: into an empty database, again, by many at once, and what stands in the way."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tests.catalog_dump import dump
from tests.schema.conftest import MakeDatabase
from tests.schema.steps import failed_checks, installed, program, written


async def test_a_fresh_installation_passes_every_check(empty: str) -> None:
    report = await installed(empty)
    assert (report.version, len(report.migrations)) == (5, 5)
    assert await failed_checks(empty) == {}


async def test_again_changes_nothing(empty: str) -> None:
    await installed(empty)
    before = written(empty)
    report = await installed(empty)
    assert not report.changed
    assert program("schema", "install", "--dsn", empty).returncode == 0
    assert written(empty) == before


@pytest.mark.parametrize("databases", [1, 4])
async def test_twenty_installers_at_once_all_end_well(make_database: MakeDatabase, databases: int) -> None:
    dsns = [make_database() for _ in range(databases)]
    reports = await asyncio.gather(*(installed(dsns[number % databases]) for number in range(20)))
    assert [report.version for report in reports] == [5] * 20
    assert sum(report.changed for report in reports) == databases
    for dsn in dsns:
        assert await failed_checks(dsn) == {}
    assert len({dump(dsn) for dsn in dsns}) == 1


async def test_an_installer_waits_for_a_slow_one(empty: str) -> None:
    with psycopg.connect(empty) as other:
        other.execute("select pg_advisory_xact_lock(6001874101)")
        waiting = asyncio.create_task(installed(empty))
        await asyncio.sleep(1.5)
        assert not waiting.done()
    assert (await waiting).changed
