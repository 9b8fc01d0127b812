"""What applications declare: an operation on its way to the database, and how it ended."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exporter.described import size_of
from exporter.errors import TargetUnavailable


@dataclass(frozen=True)
class Outcome:
    """How an operation ended; `at` is of the monotonic clock."""

    at: float
    success: bool
    message: str | None = None
    sqlstate: str | None = None
    affected_rows: int | None = None
    metadata: dict[str, Any] | None = None

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        return size_of(self.message, self.metadata)


@dataclass(eq=False)
class Record:
    """One operation on its way. The id lets the database recognise a repeated delivery."""

    name: str
    script_type: str
    tenant: str | None = None
    metadata: dict[str, Any] | None = None
    sql_command: str | None = None
    parent: Record | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    began: float = field(default_factory=time.monotonic)
    started_at: datetime | None = None
    outcome: Outcome | None = None
    begun: Future[bytes] = field(default_factory=Future)
    ended: Future[None] = field(default_factory=Future)
    end_sent: bool = False
    tries: int = 0  # that took too long
    size: int = 0  # about how many bytes it holds that wait

    def __post_init__(self) -> None:
        self.size = size_of(self.name, self.metadata, self.sql_command)

    @property
    def key(self) -> bytes | None:
        """The operation's key, once the database has told it."""
        return self.begun.result() if self.begun.done() and not self.was_refused else None

    @property
    def was_refused(self) -> bool:
        """Whether its start will not be recorded."""
        return self.begun.done() and self.begun.exception() is not None

    def refuse(self, reason: str) -> None:
        """It will not be recorded."""
        for future in (self.begun, self.ended):
            if not future.done():
                future.set_exception(TargetUnavailable(reason))


@dataclass(frozen=True)
class Counts:
    """Operations: ended and delivered; lost because the buffer was full or closed; refused by the database; waiting."""

    delivered: int = 0
    dropped: int = 0
    refused: int = 0
    waiting: int = 0
