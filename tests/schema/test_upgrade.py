"""Upgrading: fresh equals upgraded, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.errors import MigrationEdited, NotInstalled, QueryFailed, SchemaTooNew
from exporter.sqlfiles import migrations
from tests.catalog_dump import dump
from tests.fix_databases import new_database
from tests.installing import failed_checks, installed, uninstalled
from tests.postgres_server import Server
from tests.schema.conftest import MakeDatabase
from tests.schema.releases import (
    BOUNDS,
    HEALTH,
    edit,
    fewer_functions,
    more_functions,
    more_grants,
    older_arguments,
    older_result,
    older_trigger,
    older_view,
)
from tests.schema.steps import program, rows

pytestmark = pytest.mark.majors

NEXT = len(migrations()) + 1
OLDER = (older_result, older_arguments, older_view, more_functions, more_grants, fewer_functions, older_trigger)


@pytest.fixture
async def fresh(make_database: MakeDatabase) -> str:
    """DSN of a database with a fresh installation to compare with."""
    dsn = make_database()
    await installed(dsn)
    return dsn


@pytest.fixture(scope="module")
def freshly_installed(cluster: Server) -> str:
    """All that a fresh installation made."""
    with new_database(cluster) as dsn:
        asyncio.run(installed(dsn))
        return dump(dsn)


@pytest.mark.parametrize("older", OLDER, ids=lambda older: older.__name__)
async def test_fresh_equals_upgraded(
    freshly_installed: str, empty: str, release: Path, older: Callable[[Path], None]
) -> None:
    older(release)
    await installed(empty, release)
    assert dump(empty) != freshly_installed
    rows(empty, "create table public.orders (id int)")
    key = "select encode(script_tracking.track_operation('job', 'BATCH'), 'hex') as key"
    rows(empty, key)
    report = await installed(empty)
    assert report.changed
    assert not report.migrations
    assert dump(empty) == freshly_installed
    assert await failed_checks(empty) == {}
    assert len(rows(empty, "select * from script_tracking.script_execution_h")) == 2, "the record was kept"


async def test_migrations_are_applied_in_order_to_what_stands(empty: str, release: Path, fresh: str) -> None:
    await installed(empty)
    later = release / "migrations" / f"{NEXT:04d}_add_note.sql"
    later.write_text("alter table script_tracking_internal.setting add column note text;", encoding="utf-8")
    report = await installed(empty, release)
    assert (report.version, report.migrations, report.code) == (NEXT, (f"migrations/{NEXT:04d}_add_note.sql",), ())
    rebuilt = await installed(fresh, release)
    assert rebuilt.version == NEXT
    assert dump(empty) == dump(fresh)


async def test_an_upgrade_that_fails_leaves_the_old_release_at_work(empty: str, release: Path) -> None:
    await installed(empty)
    before = dump(empty)
    edit(release, BOUNDS, lambda text: text.replace("1000, 5000", "2000, 5000"))
    edit(release, HEALTH, lambda text: text.replace("language plpgsql", "language nonesuch"))
    with pytest.raises(QueryFailed, match=r"code/report/get_system_health\.sql"):
        await installed(empty, release)
    assert dump(empty) == before
    assert await failed_checks(empty) == {}


async def test_an_edited_migration_is_refused_by_name(empty: str, release: Path) -> None:
    edit(release, "migrations/0002_create_tenants.sql", lambda text: text + "-- edited\n")
    await installed(empty, release)
    before = dump(empty)
    with pytest.raises(MigrationEdited, match=r"migrations/0002_create_tenants\.sql was edited"):
        await installed(empty)
    assert dump(empty) == before
    for action, code in (("install", 1), ("upgrade", 1), ("status", 1), ("verify", 1)):
        result = program("schema", action, "--dsn", empty)
        assert result.returncode == code, action
        assert "0002_create_tenants.sql" in result.stdout + result.stderr, action
    collected = program("collect", "--dsn", empty)
    assert collected.returncode == 0, "what was installed goes on being read"
    assert "0002_create_tenants.sql" in collected.stderr


async def test_windows_line_ends_are_no_edit(empty: str, release: Path) -> None:
    for file in release.rglob("*.sql"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    await installed(empty, release)
    assert not (await installed(empty)).changed


@pytest.mark.parametrize("breaking", [False, True])
async def test_a_newer_database_is_not_touched_and_read_unless_it_broke(
    empty: str, release: Path, breaking: bool
) -> None:
    later = release / "migrations" / f"{NEXT:04d}_change_much.sql"
    later.write_text(("-- breaking\n" if breaking else "") + "select 1;", encoding="utf-8")
    await installed(empty, release)
    before = dump(empty)
    with pytest.raises(SchemaTooNew, match=f"{NEXT:04d}_change_much"):
        await installed(empty)
    refused = program("schema", "upgrade", "--dsn", empty)
    assert (refused.returncode, "upgrade the program" in refused.stderr) == (1, True)
    assert dump(empty) == before
    collected = program("collect", "--dsn", empty)
    assert 'script_tracking_up{target="' in collected.stdout
    assert ("script_tracking_operations_total{" in collected.stdout) is not breaking
    assert collected.returncode == (1 if breaking else 0)
    assert f"{NEXT:04d}_change_much" in collected.stderr


async def test_an_older_program_does_not_take_newer_code_back(empty: str, release: Path) -> None:
    edit(release, BOUNDS, lambda text: text + "-- newer\n")
    await installed(empty, release)
    rows(empty, "update script_tracking_internal.schema_code set program_version = '0.10.1'")
    with pytest.raises(SchemaTooNew, match=r"installed by version 0\.10\.1"):
        await installed(empty)
    assert program("collect", "--dsn", empty).returncode == 0


async def test_upgrade_never_installs_from_nothing(empty: str) -> None:
    result = program("schema", "upgrade", "--dsn", empty)
    assert (result.returncode, "nothing is installed" in result.stderr) == (1, True)
    assert rows(empty, "select from pg_namespace where nspname ~ '^script_tracking'") == []
    await installed(empty)
    assert program("schema", "upgrade", "--dsn", empty).returncode == 0
    await uninstalled(empty)
    assert program("schema", "upgrade", "--dsn", empty).returncode == 1
    assert NotInstalled().exit_code == 1
