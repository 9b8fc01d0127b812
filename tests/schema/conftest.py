"""Fixtures of the installer's tests: a cluster of their own, since roles belong to the cluster."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from exporter import sqlfiles
from tests.fix_databases import new_database
from tests.fix_servers import choose
from tests.postgres_server import Server
from tests.schema.steps import rows

ROLES = tuple(f"script_tracking_{name}" for name in ("daemon", "app", "reader", "auditor", "owner"))

MakeDatabase = Callable[[], str]


@pytest.fixture(scope="package")
def cluster() -> Iterator[Server]:
    """A second server, of the same kind as the fixture `postgres`."""
    server = choose.__wrapped__()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def make_database(cluster: Server) -> Iterator[MakeDatabase]:
    """Makes empty databases in a cluster that knows none of the project's roles."""
    with ExitStack() as databases:
        yield lambda: databases.enter_context(new_database(cluster))
    with psycopg.connect(cluster.dsn, autocommit=True) as admin:
        for role in ROLES:
            admin.execute(f"drop role if exists {role}".encode())


@pytest.fixture
def empty(make_database: MakeDatabase) -> str:
    """DSN, as superuser, of one such database."""
    return make_database()


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A copy of sql/ to be changed into an older, newer or broken release."""
    copy = tmp_path / "sql"
    shutil.copytree(sqlfiles.root(), copy)
    return copy


@pytest.fixture
def joe(postgres: Server) -> Iterator[None]:
    """Another one, whose rights go with the test's databases."""
    rows(postgres.dsn, "create role joe")
    yield
    rows(postgres.dsn, "drop role joe")


@pytest.fixture
def mallory(postgres: Server) -> Iterator[None]:
    """An ordinary role."""
    rows(postgres.dsn, "create role mallory")
    yield
    rows(postgres.dsn, "drop role mallory")
