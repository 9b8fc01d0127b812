"""Fixtures of the server's log: the shared server, which writes one for a while."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.fix_databases import new_database
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, value
from tests.postgres_server import Server

LOGGING = {
    "logging_collector": "on",
    "log_destination": "csvlog,jsonlog",
    "log_filename": "tracking-%Y-%m-%d_%H%M%S.log",
    "log_timezone": "America/New_York",
}


def configure(session: Session, **settings: str | None) -> None:
    """Sets what the server reads from its files, None for its default, and waits until sessions see it."""
    for name, new in settings.items():
        if new is None:
            session.execute(sql.SQL("alter system reset {}").format(sql.Identifier(name)))
        else:
            session.execute(sql.SQL("alter system set {} = {}").format(sql.Identifier(name), sql.Literal(new)))
    session.execute("select pg_reload_conf()")
    for name, new in settings.items():
        if new is not None:
            eventually(lambda name=name, new=new: value(session, "select current_setting(%s)", name) == new, 30)  # type: ignore[misc]


@pytest.fixture(scope="module")
def log_server(postgres: Server) -> Iterator[Server]:
    """The server, writing jsonlog (15 and newer) and csvlog."""
    settings = {**LOGGING, "log_destination": "csvlog,jsonlog" if postgres.major >= 15 else "csvlog"}

    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        for name, new in settings.items():
            admin.execute(sql.SQL("alter system set {} = {}").format(sql.Identifier(name), sql.Literal(new)))
    postgres.restart()
    try:
        yield postgres
    finally:
        with psycopg.connect(postgres.dsn, autocommit=True) as admin:
            admin.execute("alter system reset all")
        postgres.restart()


@pytest.fixture(scope="module")
def log_database(log_server: Server, _template: str) -> Iterator[str]:
    """DSN, as superuser, of a database of that server with the schema installed, the same for all tests of a module."""
    with new_database(log_server, _template) as dsn:
        yield dsn


def folder(session: Session) -> str:
    """Where the log is, as the server names it."""
    return str(
        value(
            session,
            "select case when d ~ '^/' then d else current_setting('data_directory') || '/' || d end"
            " from current_setting('log_directory') as d",
        )
    )


def shell(session: Session, command: str) -> None:
    """Runs a command as the server's user, in the folder of the log."""
    program = f"cat > /dev/null; cd '{folder(session)}' && {command}"
    session.execute(sql.SQL("copy (select 1) to program {}").format(sql.Literal(program)))


def current(session: Session) -> str:
    """Name of the current file that the daemon is shown."""
    return str(value(session, "select file_name from script_tracking_internal.log_files() where is_current"))
