"""What a glance at the ledger tells, beside reading all of it."""

from __future__ import annotations

import psycopg
import pytest

from exporter.database import connect
from exporter.dsn import Dsn
from exporter.schema.plan import Standing, glance, make_plan, read_ledger
from exporter.sqlfiles import migrations
from tests.installing import installed, uninstalled

NEWEST = len(migrations())


async def glanced(dsn: str) -> Standing | None:
    """What a glance tells, held to what the ledger says where there is one."""
    connection = await connect(Dsn(dsn), application_name="tests")
    try:
        standing = await glance(connection)
        if standing is not None and standing.version:
            ledger = await read_ledger(connection)
            assert standing.version == ledger.version
            released = ledger.version == NEWEST and make_plan(ledger).is_empty
            assert (standing.options == ledger.options) if released else standing.options is None
        return standing
    finally:
        await connection.close()


async def test_a_release_is_known_with_its_options(empty: str) -> None:
    assert await glanced(empty) is None
    await installed(empty)
    assert await glanced(empty) == Standing(NEWEST, True, frozenset())
    await installed(empty, options={"auth": True})
    assert await glanced(empty) == Standing(NEWEST, True, frozenset({"auth"}))
    await uninstalled(empty)
    assert await glanced(empty) == Standing(0, True, None)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("update schema_code set checksum = 'x' where path = 'grants.sql'", (NEWEST, True, None)),
        ("delete from schema_code where path = 'grants.sql'", (NEWEST, True, None)),
        ("delete from schema_migration where version = (select max(version) from schema_migration)",
         (NEWEST - 1, True, None)),
        ("insert into schema_migration (version, name, checksum, breaking, program_version) "
         "values (999, 'x', 'x', false, '99')", (999, True, None)),
        ("insert into schema_migration (version, name, checksum, breaking, program_version) "
         "values (999, 'x', 'x', true, '99')", (999, False, None)),
    ],
)  # fmt: skip
async def test_what_is_no_release_is_told_from_one(
    installed_database: str, change: str, found: tuple[int, bool, None]
) -> None:
    with psycopg.connect(installed_database, autocommit=True) as admin:
        admin.execute("set search_path = script_tracking_internal")
        admin.execute("set session_replication_role = replica")
        admin.execute(change.encode())
    assert await glanced(installed_database) == Standing(*found)


async def test_what_somebody_put_in_its_place_is_not_run(empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as admin:
        admin.execute("create sequence public.was_run")
        admin.execute("create schema script_tracking; create schema script_tracking_internal")
        admin.execute(
            "create view script_tracking_internal.schema_migration as select 1 as version, 'x' as name, "
            "'x' as checksum, nextval('public.was_run') > 0 as breaking"
        )
        admin.execute("create table script_tracking_internal.schema_code (path text, checksum text)")
        assert await glanced(empty) is None
        assert admin.execute("select is_called from public.was_run").fetchone() == (False,)
