"""Fixtures of the tests that the tracker and its daemon leave alone whatever works beside them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harmless.pooler import Pooler, program
from tests.postgres_server import Server


@pytest.fixture(scope="module")
def pooler(postgres: Server) -> Iterator[Pooler]:
    """A pgbouncer in transaction mode, for the superuser, with one session of the server for everybody."""
    if program() is None:
        pytest.skip("pgbouncer is missing (Debian: apt-get install pgbouncer)")
    running = Pooler(postgres)
    yield running
    running.stop()
