"""What a database lacks: the ledger compared with the program's files."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.sql import SQL

import exporter
from exporter import sqlfiles
from exporter.database import Connection, failures_named, guarded
from exporter.errors import ForeignSchema, MigrationEdited, MissingPrivilege, QueryFailed, SchemaTooNew
from exporter.sqlfiles import CodeFile, Migration, SqlFile, query
from exporter.statement import fetch

INSUFFICIENT_PRIVILEGE = "42501"
GLANCE_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Ledger:
    """What the database says was applied: migrations by number, code checksums by path, and by which program."""

    migrations: dict[int, tuple[str, str, bool]] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    program_version: str = "0"

    @property
    def version(self) -> int:
        """Number of the newest migration, 0 where nothing is installed."""
        return max(self.migrations, default=0)

    @property
    def options(self) -> frozenset[str]:
        """Which parts of the code stand that a database has only where somebody asked for them: what it keeps."""
        return frozenset(option for option in map(sqlfiles.option_of, self.code) if option)

    @property
    def is_record_only(self) -> bool:
        """Whether the schema was uninstalled and its record kept."""
        return self.version > 0 and not self.code

    @property
    def is_whole(self) -> bool:
        """Whether tables and code stand; an uninstallation that keeps the record leaves tables only."""
        return bool(self.migrations and self.code)


@dataclass(frozen=True)
class Plan:
    """What has to be applied, in order; `obsolete` are paths of code that the program has no more."""

    migrations: list[Migration]
    code: list[CodeFile]
    obsolete: list[str]
    grants: SqlFile | None

    @property
    def is_empty(self) -> bool:
        """Whether the database is as the program wants it."""
        return not (self.migrations or self.code or self.obsolete or self.grants)


async def read_ledger(connection: Connection) -> Ledger:
    """The database's ledger; empty where the schema is not installed. Raises ForeignSchema, MissingPrivilege."""
    role = "?"
    try:
        async with failures_named("reading the schema ledger"), guarded(connection, read_only=True):
            standing = await (await connection.execute(query("schema", "standing").encode())).fetchone()
            if standing is None or standing["schemas"] is None:
                return Ledger()
            if not standing["ledger"]:
                raise ForeignSchema(
                    f"somebody else's schema stands in the way: {standing['schemas']}; rename it or drop it, "
                    "or give it back to script_tracking_owner where it is the tracker's and was made over"
                )
            role = standing["role_name"]
            applied = await (await connection.execute(query("schema", "applied_migrations").encode())).fetchall()
            code = await (await connection.execute(query("schema", "applied_code").encode())).fetchall()
    except QueryFailed as error:
        if error.sqlstate != INSUFFICIENT_PRIVILEGE:
            raise
        raise MissingPrivilege(
            f"role {role} may not read the schema's ledger: "
            f"a superuser must run: grant script_tracking_daemon to {role}"
        ) from error
    return Ledger(
        {row["version"]: (row["name"], row["checksum"], row["breaking"]) for row in applied},
        {row["path"]: row["checksum"] for row in code},
        max((row["program_version"] for row in code), key=_release, default="0"),
    )


@dataclass(frozen=True)
class Standing:
    """What a glance at the ledger tells."""

    version: int  # 0 where the schema is not there as a whole
    may_collect: bool
    options: frozenset[str] | None  # those of this program's release, where exactly that stands

    @property
    def settled(self) -> tuple[int, bool]:
        """What a watch goes by."""
        return self.version, self.may_collect


async def glance(connection: Connection) -> Standing | None:
    """What stands, in one row where a ledger has hundreds; None where there is no ledger to be believed, of which
    read_ledger() tells why. Raises QueryFailed or TargetUnavailable.
    """
    # first whose it is: what somebody else has put in its place is not to be run
    (standing,) = await fetch(connection, query("schema", "standing"), timeout=GLANCE_TIMEOUT_SECONDS, read_only=True)
    if not standing["ledger"]:
        return None
    known = sqlfiles.release()
    text = SQL(query("schema", "glance")).format(known=known.version)
    (row,) = await fetch(connection, text, timeout=GLANCE_TIMEOUT_SECONDS, read_only=True)
    if not (row["version"] and row["whole"]):
        return Standing(0, True, None)
    options = [options for options, digest in known.digests.items() if digest == row["digest"]]
    return Standing(row["version"], not row["breaking"], options[0] if options else None)


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a version, to compare by."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def may_collect(ledger: Ledger, base: Path | None = None) -> bool:
    """Whether this program may go on reading a database: no newer migration is marked breaking."""
    known = sqlfiles.release().version if base is None else len(sqlfiles.migrations(base))
    return ledger.version > 0 and not any(
        breaking for version, (_, _, breaking) in ledger.migrations.items() if version > known
    )


def make_plan(ledger: Ledger, base: Path | None = None, options: Collection[str] | None = None) -> Plan:
    """What is to be done so that the database has these options; without them, those that it has.

    Raises MigrationEdited or SchemaTooNew where the database must not be touched.
    """
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
    files = sqlfiles.code_files(base, ledger.options if options is None else options)
    stale = {file.path for file in files if ledger.code.get(file.path) != file.checksum}
    code = []
    for file in files:
        # what a changed file replaces, its dependants were built on: they are applied again with it
        if file.path in stale or any(required in stale for required in file.requires):
            stale.add(file.path)
            code.append(file)
    grants = sqlfiles.grants(base)
    gone = set(ledger.code) - {file.path for file in files} - {grants.path}
    # what this program still knows goes before what it was built on
    known_code = [file.path for file in sqlfiles.code_files(base, sqlfiles.OPTIONS)] if gone else []
    obsolete = [path for path in reversed(known_code) if path in gone] + sorted(gone.difference(known_code))
    changed = bool(pending or code or obsolete or ledger.code.get(grants.path) != grants.checksum)
    if changed and _release(ledger.program_version) > _release(exporter.__version__):
        raise SchemaTooNew(
            f"the schema was installed by version {ledger.program_version}, this is {exporter.__version__}: "
            "upgrade the program"
        )
    return Plan(pending, code, obsolete, grants if changed else None)
