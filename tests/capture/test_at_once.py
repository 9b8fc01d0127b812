"""Many sessions of DDL at once: each attempt has one record, of the right outcome, and nobody is stopped."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter

import psycopg

from tests.capture.failing import reading
from tests.fix_sessions import Session, history, opened, value

SESSIONS, ROUNDS = 8, 6
SI = "script_tracking_internal"


def work(dsn: str, number: int, begun: threading.Barrier, refused: list[psycopg.Error]) -> None:
    """What one session does; any error but the expected one is kept."""
    with opened(dsn) as mine:
        begun.wait()
        for turn in range(ROUNDS):
            table = f"public.t_{number}_{turn}"
            for statement in (
                f"create table {table} (id int primary key)",
                f"begin; alter table {table} add column note text; rollback",
                f"alter table {table} add column id int",
                f"comment on table {table} is 'x'",
            ):
                try:
                    mine.execute(statement.encode())
                except psycopg.errors.DuplicateColumn:
                    pass
                except psycopg.Error as error:
                    refused.append(error)


async def test_sessions_of_ddl_side_by_side_lose_and_double_nothing(installed_database: str, admin: Session) -> None:
    refused: list[psycopg.Error] = []
    begun = threading.Barrier(SESSIONS)
    threads = [
        threading.Thread(target=work, args=(installed_database, number, begun, refused)) for number in range(SESSIONS)
    ]
    async with reading(installed_database) as reader:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert await reader.round()
        for thread in threads:
            thread.join()
        waits = f"select count(*) from {SI}.attempt where verdict is null"
        end = time.monotonic() + 120
        while value(admin, waits):
            assert time.monotonic() < end, "attempts without a verdict"
            assert await reader.round()
            await asyncio.sleep(0.05)
        assert await reader.round()
    assert refused == []
    rows = history(admin)
    each = SESSIONS * ROUNDS
    assert Counter((row["script_name"], row["execution_status"]) for row in rows) == {
        ("CREATE TABLE", "COMPLETED"): each,
        ("ALTER TABLE", "ROLLED_BACK"): each,
        ("ALTER TABLE", "FAILED"): each,
        ("COMMENT", "COMPLETED"): each,
    }
    assert len({row["metadata"]["attempt_id"] for row in rows}) == 4 * each
    assert value(admin, "select count(*) from script_tracking.script_execution_s") == 4 * each
    assert value(admin, f"select lost_records_total from {SI}.collect_capture()") == 0
    assert value(admin, "select deadlocks from pg_stat_database where datname = current_database()") == 0
