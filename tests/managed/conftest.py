"""Fixtures of a managed service, on a cluster of its own: roles belong to the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.fix_servers import choose
from tests.managed.service import GRANTS, WITHOUT, Service, served
from tests.postgres_server import Server
from tests.schema.steps import rows


@pytest.fixture(scope="package")
def cluster() -> Iterator[Server]:
    """A second server, of the same kind as the fixture `postgres`, with the service's admin."""
    server = choose.__wrapped__()
    try:
        server.start()
        rows(server.dsn, GRANTS)
        yield server
    finally:
        server.close()


@pytest.fixture
def service(cluster: Server) -> Iterator[Service]:
    """A database of the service, with nothing installed."""
    with served(cluster) as found:
        yield found


@pytest.fixture(scope="package")
def templates(cluster: Server) -> Iterator[tuple[str, str]]:
    """Names of two databases to be cloned: without event triggers, and with those that the service made."""
    with ExitStack() as stack:
        without, tracked = (stack.enter_context(served(cluster)) for _ in range(2))
        for one in (without, tracked):
            code, told = one.schema("install", WITHOUT)
            assert (code, "restored" in told) == (0, False), told
        tracked.give_event_triggers()
        code, told = tracked.schema("install", "--with-event-triggers")
        assert (code, "restored" in told) == (0, False), told
        yield without.name, tracked.name


@pytest.fixture
def without(cluster: Server, templates: tuple[str, str]) -> Iterator[Service]:
    """A database in which the admin has installed without event triggers."""
    with served(cluster, templates[0]) as found:
        yield found


@pytest.fixture
def tracked(cluster: Server, templates: tuple[str, str]) -> Iterator[Service]:
    """One with event triggers of the admin's."""
    with served(cluster, templates[1]) as found:
        yield found
