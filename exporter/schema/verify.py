"""What an auditor wants to know of an installation, each as a named check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exporter import sqlfiles
from exporter.database import Connection, failures_named
from exporter.errors import SchemaError
from exporter.schema.plan import make_plan, read_ledger


@dataclass(frozen=True)
class Check:
    """One check, whether it held, and what it asks for."""

    name: str
    ok: bool
    detail: str


async def verify(connection: Connection, base: Path | None = None) -> list[Check]:
    """Runs every check. A schema that is not installed is one failed check; an edited migration another."""
    ledger = await read_ledger(connection)
    if ledger.version == 0:
        return [Check("installed", False, "the schema is not installed")]
    try:
        plan = make_plan(ledger, base)
        up_to_date = Check("ledger_matches_program", plan.is_empty, "every migration and code file as released")
    except SchemaError as error:
        up_to_date = Check("ledger_matches_program", False, str(error))
    async with failures_named("verifying the schema"):
        rows = await (await connection.execute(sqlfiles.query("schema", "verify").encode())).fetchall()
    return [up_to_date, *(Check(row["name"], row["ok"], row["detail"]) for row in rows)]
