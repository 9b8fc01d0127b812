"""A record that is to be archived, and the exporter's part of it, but for the files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.fix_sessions import Login, MakeRole, Session, value
from tests.vault_steps import DAYS_AGO, INTERNAL, LONG_AGO, THIS_MONTH, make_past, record, roll_up, set_setting

COLUMNS = "relation, partition_name, portal, partition_until, row_count, columns, source"
OPEN = f"select {COLUMNS} from {INTERNAL}.open_archive()"
NOTE = f"select {INTERNAL}.note_archive(%s, %s, 'here')"
LEDGER = f"select count(*) from {INTERNAL}.partition_archive"
STANDS = f"select to_regclass('{INTERNAL}.script_execution_s_past') is not null"
KEEPERS = "select coalesce(kept_by, '{}') from script_tracking.get_cleanup_candidates()"
UNARCHIVED = "that no archive holds it as it is"
UNSEEN = "that no exporter has looked at the files of its archive just now"


@pytest.fixture
def past(admin: Session) -> Session:
    """A superuser's session on a record whose past partition is beyond every retention and to be archived."""
    make_past(admin, DAYS_AGO)
    for name, text in (("retention.disposable", "all"), ("retention.archive", "on"), ("retention.days", "1")):
        set_setting(admin, name, text)
    for tenant in ("acme", "other"):
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
        for at in (LONG_AGO, LONG_AGO, THIS_MONTH):
            record(admin, at=at, tenant=tenant)
    roll_up(admin)
    return admin


@pytest.fixture
def daemon(make_role: MakeRole, login: Login) -> Session:
    """A session as the exporter's role."""
    return login(make_role("script_tracking_daemon"))


def opened(daemon: Session) -> list[dict[str, Any]]:
    """Begins a transaction as the exporter does; a description of each partition, with its rows."""
    daemon.execute("begin isolation level repeatable read; set local timezone = 'UTC'")
    parts = daemon.execute(OPEN.encode()).fetchall()
    for part in parts:
        lines = daemon.execute(f'fetch all from "{part["portal"]}"'.encode()).fetchall()
        part["lines"] = [json.loads(str(row["line"])) for row in lines]
    return parts


def described(parts: list[dict[str, Any]], **other: object) -> Jsonb:
    """What the exporter enters into the ledger."""
    return Jsonb(
        [
            {"relation": p["relation"], "file": f"{p['partition_name']}.gz", "rows": p["row_count"], "bytes": 7}
            | {"sha256": "ab" * 32}
            | other
            for p in parts
        ]
    )


def archive(daemon: Session) -> int:
    """Archives one period, but for its files; how many files were entered."""
    parts = opened(daemon)
    noted = value(daemon, NOTE, parts[0]["partition_until"], described(parts)) if parts else 0
    daemon.execute("commit")
    assert isinstance(noted, int)
    return noted
