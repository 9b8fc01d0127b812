"""One database for the tests of a module: each names its operations differently."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.fix_databases import new_database
from tests.fix_sessions import Session
from tests.postgres_server import Server


@pytest.fixture(scope="module")
def shop(postgres: Server, _template: str) -> Iterator[str]:
    """DSN, as superuser, of a database with the schema installed."""
    with new_database(postgres, _template) as dsn:
        yield dsn


@pytest.fixture
def auditor(shop: str) -> Iterator[Session]:
    """A session that looks at what was recorded."""
    with psycopg.connect(shop, autocommit=True, row_factory=dict_row) as connection:
        yield connection
