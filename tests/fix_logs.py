"""What tests read of the program's own log, and that none writes to the standard error of an earlier one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
import structlog
from structlog.typing import EventDict


@pytest.fixture(autouse=True)
def unconfigured_log() -> Iterator[None]:
    """Takes back how a test had the log written: pytest closes what stood for standard error then."""
    yield
    structlog.reset_defaults()


def told(logs: Iterable[EventDict]) -> list[EventDict]:
    """What of captured events stands in the log as it is without a configuration."""
    return [line for line in logs if line["log_level"] != "debug"]
