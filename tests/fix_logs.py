"""What tests read of the program's own log."""

from __future__ import annotations

from collections.abc import Iterable

from structlog.typing import EventDict


def told(logs: Iterable[EventDict]) -> list[EventDict]:
    """What of captured events stands in the log as it is without a configuration."""
    return [line for line in logs if line["log_level"] != "debug"]
