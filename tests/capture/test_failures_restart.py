"""DDL that fails in the first moment of a server: kills of its earlier life are no evidence."""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import urlsplit

import psycopg
import pytest

from exporter.config import Config
from exporter.daemon import Daemon
from exporter.schedule import BackOff
from tests.capture.failing import reading, recorded
from tests.fix_exporter import eventually
from tests.fix_sessions import opened, value
from tests.postgres_server import Server

READINGS = (
    "select count(*) from script_tracking_internal.capture_reading as r"
    " where r.read_at >= script_tracking_internal.server_began()"
)


CONNECTED = "select count(*) from pg_stat_activity where datname = %s"


def kill(dsn: str) -> None:
    """A session of the database is killed; returns once the server has counted it."""
    kills = "select sessions_killed from pg_stat_database where datname = current_database()"
    with opened(dsn) as admin:
        before = value(admin, kills)
        with opened(dsn) as killed:
            admin.execute("select pg_terminate_backend(%s)", (killed.info.backend_pid,))
            with pytest.raises(psycopg.OperationalError):
                killed.execute("select pg_sleep(60)")
        for _ in range(1200):
            if value(admin, kills) != before:
                return
            admin.execute("select pg_sleep(0.05)")
    raise AssertionError("the kill was not counted")


def fail_and_leave(dsn: str, statement: str) -> None:
    """Runs what fails, and disconnects."""
    with opened(dsn) as brief, pytest.raises(psycopg.Error):
        brief.execute(statement.encode())


async def test_a_failure_right_after_a_restart_is_not_told_by_kills_of_before(
    postgres: Server, shared_database: str
) -> None:
    async with reading(shared_database):
        pass
    kill(shared_database)  # after the last reading, like those of a shutdown
    postgres.restart()
    fail_and_leave(shared_database, "drop sequence at_once")
    async with reading(shared_database) as reader:
        with opened(shared_database) as watcher:
            (row,) = await recorded(reader, watcher, "DROP SEQUENCE")
            assert value(watcher, READINGS) == 1
    # what the session ended by cannot be known: nothing had been read of this life of the server
    assert row["execution_status"] == "INTERRUPTED"
    assert row["metadata"]["verdict_note"] == (
        "its session is gone; whether it was killed is not known: nothing had been read of this server since its start"
    )


async def test_the_first_round_after_a_restart_takes_a_reading(postgres: Server, shared_database: str) -> None:
    kill(shared_database)
    async with reading(shared_database) as reader:
        assert await reader.round()
    with opened(postgres.dsn) as elsewhere:
        eventually(lambda: value(elsewhere, CONNECTED, urlsplit(shared_database).path[1:]) == 0, 10)
    postgres.restart()  # nobody was connected: the counters are what they were when they were last read
    async with reading(shared_database) as reader:
        with opened(shared_database) as watcher:
            assert value(watcher, READINGS) == 1
            fail_and_leave(shared_database, "drop domain soon")
            (row,) = await recorded(reader, watcher, "DROP DOMAIN")
    assert row["execution_status"] == "FAILED"
    assert "verdict_note" not in row["metadata"]


async def test_a_session_killed_after_a_restart_is_told_as_before(postgres: Server, shared_database: str) -> None:
    postgres.restart()
    async with reading(shared_database) as reader:
        fail_and_leave(shared_database, "drop type later")
        kill(shared_database)
        with opened(shared_database) as watcher:
            (row,) = await recorded(reader, watcher, "DROP TYPE")
    assert row["execution_status"] == "INTERRUPTED"
    assert row["metadata"]["verdict_note"] == (
        "its session is gone, and a session of this database was killed or died meanwhile"
    )


async def test_a_reader_waits_no_longer_once_the_server_is_seen_again(
    postgres: Server, shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.watch.BackOff", partial(BackOff, first=3600.0))  # after one failure, for an hour
    config = Config.model_validate({"targets": [{"name": "shop", "dsn": shared_database}]})
    daemon = Daemon(config, lambda: config)
    (watch,) = daemon.fleet.build(config, config.targets)

    async def captures(success: int) -> None:
        async with asyncio.timeout(120):
            while (
                f'script_tracking_capture_success{{target="shop"}} {success}.0'.encode()
                not in daemon.snapshot.exposition(openmetrics=False)
            ):
                await asyncio.sleep(0.05)

    assert await watch.schema.settle()
    tasks = [asyncio.create_task(job) for job in (watch.collector.run(), watch.capture())]
    try:
        await captures(1)
        postgres.stop()
        await captures(0)
        postgres.start()
        await captures(1)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await watch.target.close()
