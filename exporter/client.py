"""For applications: declares operations on a connection of its own, so that the record outlives the caller's rollback.

    tracker = Tracker("postgresql://app@db/shop")

    with tracker.operation("nightly-invoices", "BATCH", tenant="acme") as operation:
        cursor.execute("update ...")
        operation.affected_rows = cursor.rowcount

    @tracker.operation("import-customers", "LOAD")
    async def load() -> None: ...

An exception fails the operation with its text and, where it has one, its SQLSTATE, and goes on to the caller. What
tracking itself fails at never does, unless the tracker is strict. Delivery takes no time of the caller's: a thread of
its own delivers, at once or, after the database was away, in bulk; `counts` says what became of the operations.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Mapping
from pathlib import Path

from exporter.courier import Courier
from exporter.declared import Counts
from exporter.dsn import Dsn, read_secret
from exporter.errors import ConfigurationError
from exporter.operation import Operation

__all__ = ["Operation", "Tracker"]


class Tracker:
    """Declares operations of one database. Without `dsn` or `dsn_file` the environment's DATABASE_URL names it.

    At most `buffer_size` operations of `buffer_bytes` wait for a database that is away; further ones are dropped and
    counted. Running operations send heartbeats. With `strict` an operation waits for its record, at most
    `timeout_seconds`, and raises OperationNotRecorded without one. One tracker serves all threads and event loops, and
    the children of a fork.
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        dsn_file: str | Path | None = None,
        tenant: str | None = None,
        strict: bool = False,
        buffer_size: int = 1000,
        buffer_bytes: int = 16_000_000,
        heartbeat_seconds: float = 30.0,
        timeout_seconds: float = 5.0,
        application_name: str = "script-tracking-exporter client",
    ) -> None:
        self.tenant = tenant
        self.strict = strict
        self.timeout_seconds = timeout_seconds
        self._courier = Courier(
            functools.partial(_read_dsn, dsn, dsn_file),
            application_name=application_name,
            buffer_size=buffer_size,
            buffer_bytes=buffer_bytes,
            heartbeat_seconds=heartbeat_seconds,
            timeout_seconds=timeout_seconds,
        )

    def operation(
        self,
        name: str,
        script_type: str = "APPLICATION",
        *,
        tenant: str | None = None,
        metadata: Mapping[str, object] | None = None,
        sql_command: str | None = None,
    ) -> Operation:
        """An operation for `with`, `async with`, or as a decorator; inside another one it is that one's child."""
        return Operation(self, self._courier, name, script_type, tenant or self.tenant, metadata, sql_command)

    @property
    def counts(self) -> Counts:
        """What became of the operations so far."""
        return self._courier.counts

    @property
    def failing(self) -> str | None:
        """Why nothing can be delivered just now; None where that is not so."""
        return self._courier.failing

    def close(self, timeout_seconds: float | None = None) -> None:
        """Delivers what waits and ends; takes `timeout_seconds` at most. Is called by itself when the program ends."""
        self._courier.close(self.timeout_seconds if timeout_seconds is None else timeout_seconds)

    async def aclose(self, timeout_seconds: float | None = None) -> None:
        """close() for an event loop."""
        await asyncio.to_thread(self.close, timeout_seconds)

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Tracker:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _read_dsn(dsn: str | None, dsn_file: str | Path | None) -> Dsn:
    if dsn is None and dsn_file is None:
        dsn = os.environ.get("DATABASE_URL")
    text = read_secret(Path(dsn_file)) if dsn_file is not None else dsn
    if text is None:
        raise ConfigurationError("no database named: give dsn or dsn_file, or set DATABASE_URL")
    return Dsn(text)
