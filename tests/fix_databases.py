"""Fixtures `database` and `installed_database`: a database of its own for each test."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tests.fix_exporter import PATIENCE_SECONDS
from tests.installing import installed
from tests.postgres_server import Server


def _once_free(admin: psycopg.Connection, statement: sql.Composed) -> None:
    """Runs what nobody may be connected for: the server waits five seconds for those who are on their way out."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            admin.execute(statement)
            return
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > end:
                raise


@contextmanager
def new_database(server: Server, template: str = "template0", encoding: str = "UTF8") -> Iterator[str]:
    """DSN of a new database, dropped at the end whoever is connected to it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    server.start()
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        locale = "" if encoding == "UTF8" else "locale 'C'"  # the server's own may be for UTF-8 alone
        # a copy by way of the log takes three times as long
        strategy = "strategy file_copy" if admin.info.server_version >= 150000 else ""
        query = sql.SQL("create database {} template {} encoding {} {} {}")
        names = sql.Identifier(name), sql.Identifier(template), sql.Literal(encoding)
        _once_free(admin, query.format(*names, sql.SQL(locale), sql.SQL(strategy)))
    dsn = urlunsplit(urlsplit(server.dsn)._replace(path=f"/{name}"))
    try:
        yield dsn
    finally:
        server.start()  # the test may have stopped it
        with psycopg.connect(server.dsn, autocommit=True) as admin:
            # a prepared transaction that a failed test left would hold the database
            query = sql.SQL("select gid from pg_prepared_xacts where database = {}")
            left = admin.execute(query.format(sql.Literal(name))).fetchall()
        if left:
            with psycopg.connect(dsn, autocommit=True) as own:
                for (gid,) in left:
                    own.execute(sql.SQL("rollback prepared {}").format(sql.Literal(gid)))
        with psycopg.connect(server.dsn, autocommit=True) as admin:
            _once_free(admin, sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """DSN, as superuser, of an empty database."""
    with new_database(postgres) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def _template(postgres: Server) -> Iterator[str]:
    """Name of a database with the schema installed, to be cloned."""
    with new_database(postgres) as dsn:
        asyncio.run(installed(dsn))
        yield urlsplit(dsn).path.removeprefix("/")


# a copy of a database is told from its original, and a test wants an original, compared with its record just now
ORIGINAL = """
with compared as (update script_tracking_internal.reconcile_state set passed_at = clock_timestamp())
update script_tracking_internal.installation as i
set database_oid = d.oid, record_source = replace(i.record_source, %s, d.datname)
from pg_database as d where d.datname = current_database()
"""

# and knows the roles of now, not those of when the template was made
CLUSTER_FORGOTTEN = "delete from script_tracking_internal.catalog_state where cluster_wide"


@contextmanager
def installed_clone(server: Server, template: str) -> Iterator[str]:
    """DSN, as superuser, of a clone of the template that is as if the schema had been installed there."""
    with new_database(server, template) as dsn:
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(ORIGINAL, (template,))
            admin.execute(CLUSTER_FORGOTTEN)
            admin.execute("select script_tracking_internal.settle_cluster()")
        yield dsn


@pytest.fixture
def installed_database(postgres: Server, _template: str) -> Iterator[str]:
    """DSN, as superuser, of a database with the schema just installed."""
    with installed_clone(postgres, _template) as dsn:
        yield dsn


@pytest.fixture
def second_database(postgres: Server, _template: str) -> Iterator[str]:
    """DSN of another database with the schema."""
    with installed_clone(postgres, _template) as dsn:
        yield dsn
