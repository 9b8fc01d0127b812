"""Applies a plan: everything in one transaction, under the installer's lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import exporter
from exporter import sqlfiles
from exporter.database import Connection, Row, failures_named, guarded
from exporter.errors import MissingPrivilege, NotInstalled, PublishedTables, QueryFailed, SchemaError, ServerTooOld
from exporter.schema.plan import INSUFFICIENT_PRIVILEGE, Ledger, Plan, make_plan, read_ledger
from exporter.sqlfiles import CodeFile, SqlFile

CANNOT_REPLACE = ("42P13", "42P16")  # a function's result or defaults, a view's columns
OLDEST_SERVER = 14
EVENT_TRIGGERS = "capture/stand_event_triggers.sql"  # the only file that takes the right to make them


@dataclass(frozen=True)
class InstallReport:
    """What an installation changed; version is the number of the newest migration. The ledger is told where nothing was
    changed: as it stands."""

    version: int
    migrations: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: bool = False
    ledger: Ledger | None = None


async def run(
    connection: Connection, name: str, parameters: Mapping[str, object] | None = None, *, module: str = "schema"
) -> list[Row]:
    """Executes a named statement, of the installer's own by default; its rows, where it has any."""
    cursor = await connection.execute(sqlfiles.query(module, name).encode(), parameters)
    return await cursor.fetchall() if cursor.description else []


async def begin(connection: Connection) -> None:
    """First statements of an installer's transaction: its settings, and the lock that lets one at a time through."""
    for name in ("isolate", "announce", "lock", "limit_waiting"):
        await run(connection, name)


async def check_privileges(connection: Connection, action: str, *, anybody: bool = False) -> Row:
    """Who installs, upgrades or uninstalls. Raises SchemaError on a standby, MissingPrivilege for anybody but a
    superuser, a managed service's admin or who installed what stands; with `anybody` the server decides.
    """
    async with guarded(connection, read_only=True):
        (row,) = await run(connection, "privileges")
    if row["standby"]:
        raise SchemaError(f"this server is a standby, which has what its primary has: run schema {action} there")
    if not (row["superuser"] or row["managed_admin"] or row["installed_it"] or anybody):
        without = "; where there is none: with --without-event-triggers" if action == "install" else ""
        raise MissingPrivilege(
            f"role {row['role_name']} may not {'drop' if action == 'uninstall' else 'create'} event triggers: a "
            "superuser (or rds_superuser, azure_pg_admin, cloudsqlsuperuser) must run: "
            f"script-tracking-exporter schema {action} --dsn DSN{without}"
        )
    return row


def _check_server(connection: Connection) -> None:
    """Raises ServerTooOld, where the first migration would fail of a type that the server does not know."""
    if connection.info.server_version < OLDEST_SERVER * 10000:
        version = connection.info.parameter_status("server_version")
        raise ServerTooOld(f"PostgreSQL {OLDEST_SERVER} or newer is needed, this server has {version}")


async def install(
    connection: Connection,
    base: Path | None = None,
    *,
    upgrade_only: bool = False,
    restore: bool = False,
    published: bool = False,
    ledger: Ledger | None = None,
    options: Mapping[str, bool] | None = None,
    event_triggers: bool | None = None,
) -> InstallReport:
    """Installs or upgrades. Changes nothing, and needs no right, where the schema is up to date; with `restore` it
    applies all code and grants again even then; with `published` it makes tables that are replicated at once.
    `options` are parts that the database shall have or not; those that are not named it keeps or lacks as before.
    So it is with `event_triggers`, without which it takes neither a superuser nor a service's admin.
    A `ledger` that was just read saves reading it where nothing is to be done; what is done goes by what is read under
    the lock.

    Raises ForeignSchema, MigrationEdited, SchemaTooNew, ServerTooOld, MissingPrivilege, QueryFailed, SchemaError where
    script_tracking_owner has members or powers, PublishedTables without `published`; with `upgrade_only`
    NotInstalled where there is nothing to upgrade.
    """
    restore = restore or event_triggers is not None
    ledger = ledger or await read_ledger(connection)
    if upgrade_only and not ledger.code:
        raise NotInstalled("nothing is installed here that could be upgraded: run schema install")
    if make_plan(ledger, base, _chosen(ledger, options)).is_empty and not restore:
        return InstallReport(ledger.version, ledger=ledger)
    _check_server(connection)
    async with failures_named("installing the schema"):
        who = await check_privileges(
            connection, "upgrade" if upgrade_only else "install", anybody=event_triggers is False
        )
        try:
            async with connection.transaction():
                await begin(connection)
                await _guard_owner(connection)
                ledger = await read_ledger(connection)  # another installer may have been first
                plan = make_plan(replace(ledger, code={}) if restore else ledger, base, _chosen(ledger, options))
                if plan.migrations and not published:
                    await _guard_subscribers(connection)
                if not plan.is_empty:
                    await _apply(connection, plan, replacing=bool(ledger.code), event_triggers=event_triggers)
        except QueryFailed as error:
            if error.sqlstate == INSUFFICIENT_PRIVILEGE:
                raise MissingPrivilege(f"role {who['role_name']} lacks a right: {error}{_way_out(error)}") from error
            raise
    return InstallReport(
        max([ledger.version, *(migration.version for migration in plan.migrations)]),
        tuple(file.path for file in plan.migrations),
        tuple(file.path for file in plan.code),
        tuple(plan.obsolete),
        not plan.is_empty,
        ledger if plan.is_empty else None,
    )


def _way_out(error: QueryFailed) -> str:
    """What to do where the server lets nobody but a superuser make an event trigger."""
    if EVENT_TRIGGERS not in str(error):
        return ""
    return (
        "; where no role of the service may create event triggers, everything else is installed by: "
        "script-tracking-exporter schema install --without-event-triggers --dsn DSN"
    )


def _chosen(ledger: Ledger, options: Mapping[str, bool] | None) -> frozenset[str]:
    """The options that the database is to have."""
    named = options or {}
    kept = {option for option in ledger.options if named.get(option, True)}
    return frozenset(kept | {option for option, wanted in named.items() if wanted})


async def _guard_owner(connection: Connection) -> None:
    """Raises SchemaError for a script_tracking_owner that somebody could take over."""
    try:
        async with failures_named("refused"):
            await run(connection, "guard_owner")
    except QueryFailed as error:
        raise SchemaError(str(error)) from error


async def _guard_subscribers(connection: Connection) -> None:
    """Raises PublishedTables where new tables would stop what somebody replicates."""
    (row,) = await run(connection, "published")
    if row["names"]:
        raise PublishedTables(
            f"publication {row['names']} is FOR ALL TABLES and has subscribers, which stop at the first row of a table "
            "that they lack: publish schemas or tables by name, or install on each subscriber first; then run: "
            "script-tracking-exporter schema install --published --dsn DSN"
        )


async def _apply(connection: Connection, plan: Plan, *, replacing: bool, event_triggers: bool | None) -> None:
    """Carries a plan out; where no code stands there is none to be `replacing`, and none is looked for."""
    if not any(migration.version == 1 for migration in plan.migrations):  # the first joins by itself
        await run(connection, "join_owner")
        await run(connection, "lock_upkeep")
    for migration in plan.migrations:
        await _execute(connection, migration)
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
    await run(connection, "join_daemon")
    await run(connection, "become_owner")
    await run(connection, "note_installer")
    await run(connection, "forget_installer")
    if event_triggers is not None:
        await run(connection, "note_event_triggers", {"value": "on" if event_triggers else "off"})
    await run(connection, "become_installer")
    for file in plan.code:
        await (_replace if replacing else _execute)(connection, file)
        await _record(connection, file)
    for path in plan.obsolete:
        async with failures_named(f"removing {path}"):
            await _drop(connection, await run(connection, "objects", {"path": path}))
        await run(connection, "forget_one", {"path": path})
    if plan.grants:
        await _execute(connection, plan.grants)
        await _record(connection, plan.grants)
    await run(connection, "leave_owner")


async def _record(connection: Connection, file: SqlFile) -> None:
    values = {"path": file.path, "checksum": file.checksum, "program_version": exporter.__version__}
    await run(connection, "record_code", values)


async def _replace(connection: Connection, file: CodeFile) -> None:
    """Applies a code file so that afterwards nothing is left of its object's earlier arguments or columns."""
    before = await run(connection, "objects", {"path": file.path})
    try:
        async with connection.transaction():
            await _execute(connection, file)
    except QueryFailed as error:
        if error.sqlstate not in CANNOT_REPLACE or not before:
            raise
        async with failures_named(file.path):
            await _drop(connection, before)
        await _execute(connection, file)
        return
    if before:
        after = {row["id"] for row in await run(connection, "objects", {"path": file.path})}
        if not after <= {row["id"] for row in before}:  # other arguments make another function beside the old one
            async with failures_named(file.path):
                await _drop(connection, [row for row in before if row["id"] in after])


async def _drop(connection: Connection, objects: list[Row]) -> None:
    for row in objects:
        await connection.execute(row["drop_statement"].encode())


async def _execute(connection: Connection, file: SqlFile) -> None:
    async with failures_named(file.path):
        if file.run_as == "owner":
            await run(connection, "become_owner")
        await connection.execute(file.text.encode())
        await run(connection, "become_installer")
