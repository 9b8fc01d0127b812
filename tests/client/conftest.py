"""A session beside the client's."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.fix_sessions import Session


@pytest.fixture
def auditor(shop: str) -> Iterator[Session]:
    """A session that looks at what was recorded."""
    with psycopg.connect(shop, autocommit=True, row_factory=dict_row) as connection:
        yield connection
