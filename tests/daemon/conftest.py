"""A record whose past is to be archived, and what archives it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from exporter.archiveconfig import ArchiveConfig
from exporter.dsn import Dsn
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from exporter.upkeep.archiver import Archiver
from tests.fix_sessions import Session
from tests.vault_steps import DAYS_AGO, INTERNAL, LONG_AGO, make_past, record, roll_up, set_setting

HARD = {"note": 'quote " back \\ tab \t null \u0001 \U0001f512', "deep": [1.50, 1e30, {"b": None, "aa": -0.0}]}


@pytest.fixture
def past(installed_database: str) -> Iterator[Session]:
    """A superuser's session on a record whose past partition is to be archived, with values that are hard to write."""
    with psycopg.connect(installed_database, autocommit=True, row_factory=dict_row) as admin:
        make_past(admin, DAYS_AGO)
        for name, text in (("retention.disposable", "all"), ("retention.archive", "on"), ("retention.days", "1")):
            set_setting(admin, name, text)
        for number in range(120):
            record(admin, at=LONG_AGO + timedelta(microseconds=number), status="FAILED" if number % 2 else "COMPLETED")
        with admin.transaction():
            admin.execute("set local role script_tracking_owner")
            admin.execute(
                f"select {INTERNAL}.record_execution(t.tenant_hk, 1, 'test', 'hard', 'BATCH', 'FAILED', %s, 1000,"
                " array['public.\"a b\"', 'ü,\"'], e'select ''\\n''', %s, null)"
                " from script_tracking.tenant_h as t".encode(),
                (LONG_AGO, json.dumps(HARD)),
            )
        roll_up(admin)
        yield admin


@pytest.fixture
async def archiving(installed_database: str, tmp_path: Path) -> Iterator[Archiver]:  # type: ignore[misc]
    """What archives below the test's folder."""
    target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
    yield Archiver(target, ArchiveConfig(directory=tmp_path))
    await target.close()
