"""Every SQL statement of the documents, as they stand, by the role that they are for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_sessions import Session

DOCS = Path(__file__).resolve().parents[2] / "docs"
# one that is marked `by-hand` cannot run in a new database, or not in a transaction: the tests of its subject do so
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# by what a statement asks: who reads the record, who collects and keeps house; the rest is a superuser's
ROLES = {
    r"script_tracking\.get_": "script_tracking_auditor",
    r"script_tracking_internal\.\w+\(": "script_tracking_daemon",
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
