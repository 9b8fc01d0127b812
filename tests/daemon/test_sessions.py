"""The sessions that the daemon opens, whatever the database's own settings are."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from exporter.database import connect, fetch
from exporter.dsn import Dsn


async def test_nothing_is_compiled_for_a_collection(installed_database: str) -> None:
    """Debian's server, for one, compiles what the planner deems expensive: counting 200 rows took 2 s, not 6 ms."""
    name = sql.Identifier(urlsplit(installed_database).path.removeprefix("/"))
    with psycopg.connect(installed_database, autocommit=True) as admin:
        admin.execute(sql.SQL("alter database {} set jit = on").format(name))
    connection = await connect(Dsn(installed_database), application_name="tests")
    try:
        assert await fetch(connection, "show jit", timeout=5) == [{"jit": "off"}]
    finally:
        await connection.close()
