"""A database that takes any bytes (SQL_ASCII), and sessions in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from psycopg.conninfo import make_conninfo

from tests.fix_databases import new_database
from tests.fix_sessions import Session, opened, value
from tests.installing import installed
from tests.postgres_server import Server

SI = "script_tracking_internal"
RAW = b"caf\xe9"
TOLD = r"caf\351"


@pytest.fixture(scope="module")
def ascii_database(postgres: Server) -> Iterator[str]:
    with new_database(postgres, encoding="SQL_ASCII") as database:
        dsn = make_conninfo(database, client_encoding="UTF8")
        asyncio.run(installed(dsn))
        yield dsn


@pytest.fixture
def raw(ascii_database: str) -> Iterator[Session]:
    """A session that sends bytes as they are."""
    with opened(make_conninfo(ascii_database, client_encoding="SQL_ASCII")) as session:
        yield session


@pytest.fixture
def reader(ascii_database: str) -> Iterator[Session]:
    """One that refuses what is no UTF-8."""
    with opened(ascii_database) as session:
        yield session


def lost(session: Session) -> object:
    return value(session, f"select lost_records_total from {SI}.collect_capture()")
