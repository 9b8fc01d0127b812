"""What the installer's tests do again and again."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from psycopg.pq import ExecStatus
from psycopg.rows import DictRow

from exporter.cli import main
from exporter.schema.verify import verify
from tests.fix_sessions import meddling, opened
from tests.installing import as_program

S, SI = "script_tracking", "script_tracking_internal"
REPLACED = f"create or replace function {SI}.redact(p_text text) returns text language sql immutable parallel safe"


async def seen_wrongly(dsn: str, weakenings: Mapping[str, Iterable[str]]) -> list[tuple[str, list[str]]]:
    """Of statements by the check that shall fail after them, those after which others fail, and which these are."""
    wrong = []
    async with as_program(dsn) as connection:
        for check, statements in weakenings.items():
            for statement in statements:
                async with connection.transaction(force_rollback=True):
                    await connection.execute(meddling(statement).encode())
                    failed = [one.name for one in await verify(connection) if not one.ok]
                if failed != [check]:
                    wrong.append((statement, failed))
    return wrong


@dataclass
class Ended:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def program(*arguments: str) -> Ended:
    """Runs the command to its end, in a thread of this process: starting an interpreter each time takes long."""
    outputs = io.StringIO(), io.StringIO()

    def run() -> int:
        try:
            return main(arguments)
        except SystemExit as error:  # argparse
            return int(str(error.code))

    with redirect_stdout(outputs[0]), redirect_stderr(outputs[1]), ThreadPoolExecutor(1) as pool:
        code = pool.submit(run).result(timeout=300)
    return Ended(code, *(output.getvalue() for output in outputs))


def rows(dsn: str, statement: str, *parameters: object) -> list[DictRow]:
    """Rows of one statement of a superuser, in a session of its own; none where it returns none. A row may have no
    column: `select from`.
    """
    with opened(dsn) as session:
        cursor = session.execute(statement.encode(), parameters or None)
        result = cursor.pgresult
        return cursor.fetchall() if result is not None and result.status == ExecStatus.TUPLES_OK else []


def written(dsn: str) -> list[DictRow]:
    """Every row of catalog and ledger that an installation may write, with the transaction that wrote it last."""
    catalogs = ("pg_class", "pg_proc", "pg_trigger", "pg_policy", "pg_event_trigger", "pg_namespace", "pg_attribute")
    ledger = ("schema_code", "schema_migration", "setting", "installation", "catalog_state")
    parts = [
        f"select '{name}' as relation, ctid::text as place, xmin::text from pg_catalog.{name}" for name in catalogs
    ]
    parts += [f"select '{name}', ctid::text, xmin::text from script_tracking_internal.{name}" for name in ledger]
    return rows(dsn, " union all ".join(parts) + " order by 1, 2")
