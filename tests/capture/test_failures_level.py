"""The level of capture follows the server: what it lacks is said, and had as soon as the server has it."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest

from tests.capture.failing import reading, recorded
from tests.fix_databases import new_database
from tests.fix_sessions import history, one, opened, value
from tests.postgres_server import LocalServer, Server

LEVEL = "select level, lacks from script_tracking_internal.collect_capture()"
ADVICE = "select advice from script_tracking.get_system_health() where check_name = 'capture_level'"


def restart(server: Server, wal_level: str) -> None:
    """Starts the server anew with another wal_level."""
    assert isinstance(server, LocalServer)
    server.stop()
    server.set(wal_level=wal_level)
    server.start()


@pytest.mark.majors  # whose command line is ours
async def test_the_level_follows_wal_level(postgres: Server, _template: str) -> None:
    restart(postgres, "replica")
    changed_back = False
    try:
        with new_database(postgres, _template) as dsn:
            async with reading(dsn) as reader:
                with opened(dsn) as client:
                    assert one(client, LEVEL) == {"level": "basic", "lacks": "wal_level"}
                    assert "wal_level is replica" in str(value(client, ADVICE))
                    assert value(client, "select count(*) from pg_replication_slots") == 0
                    with pytest.raises(psycopg.errors.UndefinedTable):
                        client.execute("drop table at_basic")
                    client.execute("create table at_basic ()")
                    assert await reader.round()
                    assert [row["script_name"] for row in history(client)] == ["CREATE TABLE"]
                restart(postgres, "logical")
                changed_back = True
                end = time.monotonic() + 60
                while not await reader.round():
                    assert time.monotonic() < end
                    await asyncio.sleep(0.1)
                with opened(dsn) as client:
                    assert one(client, LEVEL) == {"level": "failures", "lacks": "server_log"}
                    with pytest.raises(psycopg.errors.UndefinedTable):
                        client.execute("drop table at_failures")
                    (row,) = await recorded(reader, client, "DROP TABLE")
        assert row["sql_command"] == "drop table at_failures"
    finally:
        if not changed_back:
            restart(postgres, "logical")
