"""Writes operations into the database, by one session that is opened when it is needed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from psycopg import sql

from exporter.database import Connection, Row, connect
from exporter.declared import Record
from exporter.dsn import Dsn
from exporter.sqlfiles import query
from exporter.statement import fetch


class Recorder:
    """The session, and the clock of its server. What it is asked for raises as the driver's errors are wrapped."""

    def __init__(self, read_dsn: Callable[[], Dsn], *, application_name: str, timeout_seconds: float) -> None:
        self._read_dsn = read_dsn
        self._application_name = application_name
        self._timeout_seconds = timeout_seconds
        self._connection: Connection | None = None
        self._clock: tuple[datetime, float] | None = None  # the server's time at a monotonic one

    async def begin(self, records: Iterable[Record]) -> list[bytes | None]:
        """Records that operations began; their keys, None of one whose record was lost."""
        await self._connect()
        given = []
        for record in records:
            record.started_at = record.started_at or self._server_time(record.began)  # again the same, if repeated
            given.append(
                {
                    "script_name": record.name,
                    "script_type": record.script_type,
                    "tenant": record.tenant,
                    "metadata": record.metadata,
                    "sql_command": record.sql_command,
                    "parent_hk": record.parent.key.hex() if record.parent and record.parent.key else None,
                    "started_at": record.started_at.isoformat(),
                    "id": record.id,
                }
            )
        (row,) = await self._ask("begin", operations=json.dumps(given))
        return list(row["keys"])

    async def end(self, records: Iterable[Record]) -> list[bool]:
        """Records how operations ended; whether each of them did by that."""
        await self._connect()
        given: list[dict[str, Any]] = []
        for record in records:
            record.end_sent = True
            assert record.outcome is not None and record.key is not None
            given.append(
                {
                    "execution_hk": record.key.hex(),
                    "success": record.outcome.success,
                    "error_message": record.outcome.message,
                    "error_sqlstate": record.outcome.sqlstate,
                    "affected_rows": record.outcome.affected_rows,
                    "metadata": record.outcome.metadata,
                    "ended_at": self._server_time(record.outcome.at).isoformat(),
                }
            )
        return await self._end(given)

    async def end_withdrawn(self, keys: Iterable[bytes]) -> None:
        """Records that operations whose start was written came to nothing."""
        await self._end([{"execution_hk": key.hex(), "success": False, "error_message": "withdrawn"} for key in keys])

    async def _end(self, completions: list[dict[str, Any]]) -> list[bool]:
        (row,) = await self._ask("end", completions=json.dumps(completions))
        return list(row["done"])

    async def beat(self, keys: list[bytes]) -> None:
        """Says that operations still run."""
        await self._connect()
        await self._ask("beat", keys=keys)

    async def close(self) -> None:
        """Ends the session; the next request opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connect(self) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self._read_dsn(), application_name=self._application_name)
            await self._ask("clock")

    async def _ask(self, name: str, **values: object) -> list[Row]:
        assert self._connection is not None
        statement = sql.SQL(query("client", name)).format(**values)
        # the server itself ends it first, or what it has not done yet would go on beside its repetition
        limit = self._timeout_seconds
        rows = await fetch(self._connection, statement, timeout=limit + 1, statement_timeout=limit)
        if rows and "at" in rows[0]:
            self._clock = (rows[0]["at"], time.monotonic())
        return rows

    def _server_time(self, moment: float) -> datetime:
        """What the server's clock said at a moment of the monotonic one."""
        assert self._clock is not None
        at, then = self._clock
        return at + timedelta(seconds=moment - then)
