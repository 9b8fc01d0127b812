"""Fixture `shop`: one database for all tests of a module, each of which names its operations differently."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fix_databases import new_database
from tests.postgres_server import Server


@pytest.fixture(scope="module")
def shop(postgres: Server, _template: str) -> Iterator[str]:
    """DSN, as superuser, of a database with the schema installed."""
    with new_database(postgres, _template) as dsn:
        yield dsn
