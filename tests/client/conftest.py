"""A session beside the client's, and trackers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from exporter.client import Tracker
from tests.client.steps import Track
from tests.fix_sessions import Session, opened


@pytest.fixture
def tracker(shop: str) -> Iterator[Track]:
    """Makes trackers of the database, or of another, and closes them."""
    with ExitStack() as stack:

        def make(dsn: str = shop, **settings: Any) -> Tracker:
            made = Tracker(dsn, **{"timeout_seconds": 30, **settings})
            stack.callback(made.close, 1)
            return made

        yield make


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"job-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def auditor(shop: str) -> Iterator[Session]:
    """A session that looks at what was recorded."""
    with opened(shop) as connection:
        yield connection
