"""What the program does with a schema, each step in a session of its own that is opened as the program opens one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from exporter.database import Connection, connect
from exporter.dsn import Dsn
from exporter.schema.installer import InstallReport, install
from exporter.schema.uninstall import uninstall
from exporter.schema.verify import verify


@asynccontextmanager
async def as_program(dsn: str) -> AsyncIterator[Connection]:
    """A session as the program's, closed at the end."""
    connection = await connect(Dsn(dsn), application_name="tests")
    try:
        yield connection
    finally:
        await connection.close()


async def installed(dsn: str, base: Path | None = None, **settings: Any) -> InstallReport:
    """Installs or upgrades as the program does."""
    async with as_program(dsn) as connection:
        return await install(connection, base, **settings)


async def uninstalled(dsn: str, *, with_records: bool = False) -> bool:
    """Uninstalls as the program does."""
    async with as_program(dsn) as connection:
        return await uninstall(connection, with_records=with_records)


async def failed_checks(dsn: str) -> dict[str, str]:
    """Name and detail of each check of `verify` that did not hold."""
    async with as_program(dsn) as connection:
        return {check.name: check.detail for check in await verify(connection) if not check.ok}
