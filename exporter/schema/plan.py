"""What a database lacks: the ledger compared with the program's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from exporter import sqlfiles
from exporter.database import Connection, failures_named
from exporter.errors import MigrationEdited, SchemaTooNew
from exporter.sqlfiles import CodeFile, Migration, SqlFile


@dataclass(frozen=True)
class Ledger:
    """What the database says was applied: migrations by number, code checksums by path."""

    migrations: dict[int, tuple[str, str, bool]] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """Number of the newest migration, 0 where nothing is installed."""
        return max(self.migrations, default=0)


@dataclass(frozen=True)
class Plan:
    """What has to be applied, in order."""

    migrations: list[Migration]
    code: list[CodeFile]
    grants: SqlFile | None

    @property
    def is_empty(self) -> bool:
        """Whether the database is as the program wants it."""
        return not (self.migrations or self.code or self.grants)


async def read_ledger(connection: Connection) -> Ledger:
    """The database's ledger; empty where the schema is not installed."""
    async with failures_named("reading the schema ledger"):
        row = await (await connection.execute(sqlfiles.query("schema", "has_ledger").encode())).fetchone()
        if row is None or not row["present"]:
            return Ledger()
        applied = await (await connection.execute(sqlfiles.query("schema", "applied_migrations").encode())).fetchall()
        code = await (await connection.execute(sqlfiles.query("schema", "applied_code").encode())).fetchall()
    return Ledger(
        {row["version"]: (row["name"], row["checksum"], row["breaking"]) for row in applied},
        {row["path"]: row["checksum"] for row in code},
    )


def may_collect(ledger: Ledger, base: Path | None = None) -> bool:
    """Whether this program may go on reading a database: no newer migration is marked breaking."""
    known = len(sqlfiles.migrations(base))
    return ledger.version > 0 and not any(
        breaking for version, (_, _, breaking) in ledger.migrations.items() if version > known
    )


def make_plan(ledger: Ledger, base: Path | None = None) -> Plan:
    """Raises MigrationEdited or SchemaTooNew where the database must not be touched."""
    migrations = sqlfiles.migrations(base)
    known = {migration.version: migration for migration in migrations}
    for version, (name, checksum, _) in sorted(ledger.migrations.items()):
        if version not in known:
            raise SchemaTooNew(
                f"the database has migration {version:04d}_{name}, this program knows {len(known)}: upgrade the program"
            )
        if known[version].checksum != checksum:
            raise MigrationEdited(f"{known[version].path} was edited after it was applied: restore the released file")
    pending = [migration for migration in migrations if migration.version not in ledger.migrations]
    stale = {file.path for file in sqlfiles.code_files(base) if ledger.code.get(file.path) != file.checksum}
    code = []
    for file in sqlfiles.code_files(base):
        # what a changed file replaces, its dependants were built on: they are applied again with it
        if file.path in stale or any(required in stale for required in file.requires):
            stale.add(file.path)
            code.append(file)
    grants = sqlfiles.grants(base)
    changed = bool(pending or code or ledger.code.get(grants.path) != grants.checksum)
    return Plan(pending, code, grants if changed else None)
