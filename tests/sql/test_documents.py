"""Every SQL statement of the documents and the README, as they stand, by the role that they are for."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from tests.fix_sessions import Session

DOCS = Path(__file__).resolve().parents[2] / "docs"
PSQL = shutil.which("psql")
# one that is marked `by-hand` cannot run in a new database, or not in a transaction: the tests of its subject do so
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# by what a statement asks: who reads the record, who collects and keeps house; the rest is a superuser's
ROLES = {
    r"script_tracking\.get_": "script_tracking_auditor",
    r"script_tracking_internal\.(?!changed_guards)\w+\(": "script_tracking_daemon",
}


def statements() -> Iterator[object]:
    """The blocks of all documents, each with its place."""
    for file in sorted(DOCS.rglob("*.md")):
        text = file.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield pytest.param(match[1], id=f"{file.relative_to(DOCS)}:{line}")


@pytest.mark.parametrize("statement", list(statements()))
def test_a_statement_of_the_documents_runs(admin: Session, statement: str) -> None:
    with admin.transaction(force_rollback=True):
        for pattern, role in ROLES.items():
            if re.search(pattern, statement):
                admin.execute(f"set local role {role}".encode())
        assert admin.execute(statement.encode()).description


def typed(dsn: str, block: str) -> str:
    """What psql answers to a block."""
    command = [str(PSQL), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", dsn]
    done = subprocess.run(command, input=block, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(PSQL is None, reason="needs psql")
def test_the_readmes_statements_run_one_after_the_other(admin: Session, installed_database: str) -> None:
    tenants, roles_known, operations = BLOCK.findall((DOCS.parent / "README.md").read_text(encoding="utf-8"))
    if admin.execute("select from pg_roles where rolname = 'app'").rowcount:
        pytest.skip("the server has a role app of its own")
    try:
        typed(installed_database, tenants)
        for _ in range(2):  # seen, and still unaccounted for
            admin.execute("select script_tracking_internal.reconcile()")
        assert typed(installed_database, roles_known) == "t\n"
        ended, again, *history = typed(make_conninfo(installed_database, user="app"), operations).splitlines()
        assert (ended, again) == ("t", "f")
        assert [line.split("|")[1:5] for line in history] == [["acme", "nightly-invoices", "BATCH", "COMPLETED"]]
    finally:
        admin.execute("drop role app")
