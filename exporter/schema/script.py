"""The installation as one SQL script, for those whose change control wants to read it first."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import exporter
from exporter import sqlfiles
from exporter.sqlfiles import SqlFile


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _record(statement: str, **values: str | int | bool) -> str:
    """A statement of sql/queries with its parameters written into it."""
    text = sqlfiles.query("schema", statement)
    for name, value in values.items():
        written = _literal(value) if isinstance(value, str) else str(value).lower()
        text = text.replace(f"%({name})s", written)
    return text + ";"


def _body(file: SqlFile) -> list[str]:
    role = [sqlfiles.query("schema", "become_owner") + ";"] if file.run_as == "owner" else []
    return [
        f"\n-- {file.path}",
        *role,
        file.text.rstrip(),
        sqlfiles.query("schema", "become_installer") + ";",
    ]


def render_sql(base: Path | None = None, options: Collection[str] = (), *, event_triggers: bool = True) -> str:
    """A first installation, to be run by a superuser through psql; it fails as a whole or not at all, and where the
    schemas stand already it fails. Without event triggers a role with CREATEROLE and CREATE on the database will do.
    """
    who = (
        "a superuser, or a managed service's admin"
        if event_triggers
        else "a role with CREATEROLE and CREATE on the database"
    )
    lines = [
        f"-- script-tracking-exporter {exporter.__version__}: first installation of script_tracking.",
        f"-- Run as {who}: psql -X -v ON_ERROR_STOP=1 -d DATABASE -f THIS_FILE",
        r"\set ON_ERROR_STOP on",
        "begin;",
        *(
            sqlfiles.query("schema", name) + ";"
            for name in ("isolate", "announce", "lock", "limit_waiting", "guard_owner")
        ),
    ]
    for migration in sqlfiles.migrations(base):
        lines += _body(migration)
        lines.append(
            _record(
                "record_migration",
                version=migration.version,
                name=migration.name,
                checksum=migration.checksum,
                breaking=migration.breaking,
                program_version=exporter.__version__,
            )
        )
    lines += ["", *(sqlfiles.query("schema", name) + ";" for name in ("join_daemon", "become_owner", "note_installer"))]
    if not event_triggers:
        lines.append(_record("note_event_triggers", value="off"))
    lines.append(sqlfiles.query("schema", "become_installer") + ";")
    for file in [*sqlfiles.code_files(base, options), sqlfiles.grants(base)]:
        lines += _body(file)
        lines.append(
            _record("record_code", path=file.path, checksum=file.checksum, program_version=exporter.__version__)
        )
    return "\n".join([*lines, sqlfiles.query("schema", "leave_owner") + ";", "commit;", ""])
