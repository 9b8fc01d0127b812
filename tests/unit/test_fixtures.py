"""The fixtures that everything else is tested with."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from exporter import sqlfiles
from tests.fix_servers import SERVER_FIXTURES
from tests.postgres_server import ExternalServer, LocalServer, Server


def test_server_is_what_the_tests_need(postgres: Server) -> None:
    with psycopg.connect(postgres.dsn) as connection:
        row = connection.execute(
            "select rolsuper, current_setting('wal_level'), current_setting('max_prepared_transactions')::int"
            " from pg_roles where rolname = current_user"
        ).fetchone()
    assert row is not None
    assert row[:2] == (True, "logical")
    assert row[2] > 0


def test_server_comes_back_on_its_port_with_its_data(postgres: Server, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create table kept as select 1 as n")
    if isinstance(postgres, ExternalServer):
        pytest.skip("not ours to stop")
    postgres.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database, connect_timeout=2)
    if isinstance(postgres, LocalServer):
        with socket.socket() as other, pytest.raises(OSError, match="in use"):  # nobody takes it meanwhile
            other.bind(("127.0.0.1", urlsplit(postgres.dsn).port or 0))
    postgres.start()
    with psycopg.connect(database) as connection:
        assert connection.execute("select n from kept").fetchone() == (1,)


def test_installed_databases_are_clones_of_one_template(installed_database: str) -> None:
    with psycopg.connect(installed_database) as connection:
        row = connection.execute("select max(version) from script_tracking_internal.schema_migration").fetchone()
    assert row == (len(sqlfiles.migrations()),)


async def test_asynchronous_tests_have_databases_too(installed_database: str) -> None:
    async with await psycopg.AsyncConnection.connect(installed_database) as connection:
        cursor = await connection.execute("select to_regclass('script_tracking.script_execution_h') is not null")
        assert await cursor.fetchone() == (True,)


def test_every_fixture_that_is_a_server_is_known_to_test_all() -> None:
    files = Path(__file__).resolve().parents[1].rglob("*.py")
    fixture = re.compile(r"^@pytest\.fixture.*\ndef (\w+)\([^)]*\) -> Iterator\[(?:Server|Stage)\]:", re.MULTILINE)
    assert {name for file in files for name in fixture.findall(file.read_text(encoding="utf-8"))} == SERVER_FIXTURES
