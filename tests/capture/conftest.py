"""Databases that a module's tests share: of `records`, which tell what a step left, and of the tests' own sessions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.rows import DictRow

from tests.capture.failing import fresh_database
from tests.fix_databases import new_database
from tests.fix_sessions import Session, opened, value
from tests.postgres_server import Server


class Records:
    """A superuser's session, and the records that were written since the last look."""

    def __init__(self, dsn: str, session: Session) -> None:
        self.dsn = dsn
        self.session = session
        self._seen = 0

    def new(self, name: str = "%") -> list[DictRow]:
        """Versions written since the last look, oldest first, of executions whose name is like `name`."""
        self.session.execute("reset datestyle")  # psycopg reads no other
        rows = self.session.execute(
            "select *, encode(script_execution_hk, 'hex') as hk from script_tracking.script_execution_s"
            " where version_number > %s order by execution_timestamp",
            (self._seen,),
        ).fetchall()
        self._seen = max([self._seen, *(row["version_number"] for row in rows)])
        pattern = name.replace("%", "")
        return [row for row in rows if name == "%" or row["script_name"].startswith(pattern)]

    def skip(self) -> None:
        """Looks away from what was written so far, whatever the session's settings."""
        newest = value(self.session, "select coalesce(max(version_number), 0) from script_tracking.script_execution_s")
        assert isinstance(newest, int)
        self._seen = newest

    def of(self, statement: str, name: str = "%") -> list[DictRow]:
        """What a string leaves that the client sends by the simple protocol."""
        self.skip()
        self.session.execute(statement.encode())
        return self.new(name)

    def of_extended(self, statement: str) -> list[DictRow]:
        """What one statement leaves that the client sends by the extended protocol, prepared."""
        self.skip()
        self.session.execute(statement.encode(), prepare=True)
        return self.new()

    def of_psql(self, *arguments: str, stdin: str = "") -> list[DictRow]:
        """What a run of psql leaves."""
        self.skip()
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return self.new()

    @property
    def lost(self) -> Any:
        """Records that were lost so far."""
        return value(self.session, "select lost_records_total from script_tracking_internal.collect_capture()")


@pytest.fixture(scope="module")
def _module_session(postgres: Server, _template: str) -> Iterator[Records]:
    with (
        new_database(postgres, _template) as dsn,
        opened(dsn) as session,
    ):
        yield Records(dsn, session)


@pytest.fixture
def records(_module_session: Records) -> Iterator[Records]:
    """The module's database, with an empty schema `app` for the test; nothing may be lost in it."""
    session = _module_session.session
    session.execute("drop schema if exists app cascade; create schema app")
    _module_session.skip()
    lost = _module_session.lost
    yield _module_session
    session.execute("rollback")
    session.execute("reset all")
    assert _module_session.lost == lost


@pytest.fixture(scope="module")
def shared_database(postgres: Server) -> Iterator[str]:
    """DSN, as superuser, of a database whose records and slot the tests of a module share."""
    with fresh_database(postgres) as dsn:
        yield dsn


@pytest.fixture
def client(shared_database: str) -> Iterator[Session]:
    """A superuser's session in it."""
    with opened(shared_database) as found:
        yield found
