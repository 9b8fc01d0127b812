"""Fixtures for tests of the SQL: a superuser's session, and roles that are gone after the test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row

Session = psycopg.Connection[DictRow]
MakeRole = Callable[..., str]
Login = Callable[..., Session]

# What a session may have set, none of which may change what is recorded.
HOSTILE = (
    "set search_path = evil, public",
    "set row_security = off",
    "set plpgsql.extra_errors = 'all'",
    "set plpgsql.extra_warnings = 'all'",
    "set timezone = 'Pacific/Chatham'",
    "set datestyle = 'SQL, DMY'",
    "set intervalstyle = 'sql_standard'",
    "set bytea_output = 'escape'",
    "set quote_all_identifiers = on",
    "set extra_float_digits = -10",
    "set session_replication_role = replica",
    "set standard_conforming_strings = off",
)


def opened(dsn: str, **parameters: str) -> Session:
    """A session in autocommit whose rows are mappings; the superuser's unless the DSN or a parameter names another."""
    return psycopg.connect(make_conninfo(dsn, **parameters), autocommit=True, row_factory=dict_row)


@pytest.fixture
def admin(installed_database: str) -> Iterator[Session]:
    """A superuser's session, in autocommit, in a database with the schema installed."""
    with opened(installed_database) as connection:
        yield connection


@pytest.fixture
def make_role(admin: Session) -> Iterator[MakeRole]:
    """Creates a role that may log in, a member of the named roles: make_role("script_tracking_app")."""
    made: list[str] = []

    def make(*memberships: str) -> str:
        name = f"role_{uuid.uuid4().hex[:10]}"
        admin.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
        made.append(name)
        for membership in memberships:
            admin.execute(sql.SQL("grant {} to {}").format(sql.Identifier(membership), sql.Identifier(name)))
        return name

    yield make
    for name in made:
        admin.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.fixture
def login(installed_database: str) -> Iterator[Login]:
    """Opens sessions, as a role or else as the superuser; whatever is left open goes at the end."""
    sessions: list[Session] = []

    def open_session(role: str | None = None) -> Session:
        session = opened(installed_database, **({} if role is None else {"user": role}))
        sessions.append(session)
        return session

    yield open_session
    for session in sessions:
        session.close()


def one(session: Session, statement: str, *parameters: object) -> DictRow:
    """The only row of a statement."""
    rows = session.execute(statement.encode(), parameters or None).fetchall()
    assert len(rows) == 1, f"{len(rows)} rows of {statement}"
    return rows[0]


def value(session: Session, statement: str, *parameters: object) -> object:
    """The only value of the only row of a statement."""
    (found,) = one(session, statement, *parameters).values()
    return found


def refusal(session: Session, statement: str) -> str | None:
    """The SQLSTATE of a statement, None where it goes through."""
    try:
        session.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate
    return None


def meddling(statement: str) -> str:
    """A statement on the tracker's own schemas, as a superuser runs it who means it: under the installer's lock."""
    return f"select pg_advisory_xact_lock(6001874101); {statement}"


def history(session: Session, name: str = "%") -> list[DictRow]:
    """Current versions of the executions whose name is like `name`, oldest first."""
    return session.execute(
        "select * from script_tracking.get_execution_history(1) where script_name like %s order by execution_timestamp",
        (name,),
    ).fetchall()
