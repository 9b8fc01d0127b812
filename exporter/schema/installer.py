"""Applies a plan: everything in one transaction, under the installer's lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import exporter
from exporter import sqlfiles
from exporter.database import Connection, failures_named
from exporter.errors import MissingPrivilege
from exporter.schema.plan import Plan, make_plan, read_ledger
from exporter.sqlfiles import SqlFile


@dataclass(frozen=True)
class InstallReport:
    """What an installation changed; version is the number of the newest migration."""

    version: int
    migrations: tuple[str, ...]
    code: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether anything was applied."""
        return bool(self.migrations or self.code)


async def run(connection: Connection, name: str, parameters: Mapping[str, object] | None = None) -> None:
    """Executes a named statement of the installer."""
    await connection.execute(sqlfiles.query("schema", name).encode(), parameters)


async def managed_admin(connection: Connection) -> bool:
    """False for a superuser, True for a managed service's admin role. Raises MissingPrivilege for anybody else."""
    row = await (await connection.execute(sqlfiles.query("schema", "privileges").encode())).fetchone()
    if row is None or not (row["superuser"] or row["managed_admin"]):
        role = row["role_name"] if row else "?"
        raise MissingPrivilege(
            f"role {role} may not create event triggers: a superuser (or rds_superuser, azure_pg_admin, "
            "cloudsqlsuperuser) must run: script-tracking-exporter schema install --dsn DSN"
        )
    return not row["superuser"]


async def install(connection: Connection, base: Path | None = None) -> InstallReport:
    """Installs or upgrades. Changes nothing, and needs no right, where the schema is up to date.

    Raises MigrationEdited, SchemaTooNew, MissingPrivilege, QueryFailed.
    """
    ledger = await read_ledger(connection)
    if make_plan(ledger, base).is_empty:
        return InstallReport(ledger.version, (), ())
    async with failures_named("installing the schema"):
        managed = await managed_admin(connection)
        async with connection.transaction():
            await run(connection, "lock")
            await run(connection, "announce")
            ledger = await read_ledger(connection)  # another installer may have been first
            plan = make_plan(ledger, base)
            await _apply(connection, plan, managed)
    version = max([ledger.version, *(migration.version for migration in plan.migrations)])
    return InstallReport(version, tuple(file.path for file in plan.migrations), tuple(file.path for file in plan.code))


async def _apply(connection: Connection, plan: Plan, managed: bool) -> None:
    for migration in plan.migrations:
        await _execute(connection, migration)
        if managed and migration.version == 1:
            await run(connection, "join_owner")
        await run(
            connection,
            "record_migration",
            {
                "version": migration.version,
                "name": migration.name,
                "checksum": migration.checksum,
                "breaking": migration.breaking,
                "program_version": exporter.__version__,
            },
        )
    if managed and not any(migration.version == 1 for migration in plan.migrations):
        await run(connection, "join_owner")
    for file in [*plan.code, *([plan.grants] if plan.grants else [])]:
        await _execute(connection, file)
        await run(
            connection,
            "record_code",
            {"path": file.path, "checksum": file.checksum, "program_version": exporter.__version__},
        )
    if managed:
        await run(connection, "leave_owner")


async def _execute(connection: Connection, file: SqlFile) -> None:
    async with failures_named(file.path):
        if file.run_as == "owner":
            await run(connection, "become_owner")
        await connection.execute(file.text.encode())
        await run(connection, "become_installer")
