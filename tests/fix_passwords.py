"""Fixture `password_role`: a role that the server lets in by its password alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.fix_exporter import eventually
from tests.postgres_server import Server

WRITE_HBA = "copy (select line from string_to_table({text}, chr(10)) as line) to {file}"


@dataclass
class PasswordRole:
    """A role, and how to come in as it."""

    server: Server
    role: str
    password: str

    def dsn(self, database: str, *, password: bool = False) -> str:
        """DSN of a database as this role, with its password or without."""
        given = {"password": self.password} if password else {}
        fields = {key: value for key, value in conninfo_to_dict(database).items() if key not in ("user", "password")}
        return make_conninfo("", **{**fields, "user": self.role, **given})

    def change_password(self, password: str) -> None:
        """Changes the role's password on the server."""
        with psycopg.connect(self.server.dsn, autocommit=True) as admin:
            admin.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(self.role), sql.Literal(password)))
        self.password = password


def _is_refused(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return True
    return False


@pytest.fixture
def password_role(postgres: Server) -> Iterator[PasswordRole]:
    """A role that may log in and nothing else."""
    role = f"login_{uuid.uuid4().hex[:8]}"
    made = PasswordRole(postgres, role, f"s3cr3t p'w {uuid.uuid4().hex[:6]}")
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        row = admin.execute("select current_setting('hba_file'), pg_read_file(current_setting('hba_file'))").fetchone()
        assert row is not None
        file, before = row
        admin.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
        made.change_password(made.password)

        def write(text: str) -> None:
            admin.execute(sql.SQL(WRITE_HBA).format(text=sql.Literal(text.rstrip("\n")), file=sql.Literal(file)))
            admin.execute("select pg_reload_conf()")

        write(f"local all {role} scram-sha-256\nhost all {role} all scram-sha-256\n{before}")
    # the server reads its files anew when it comes to it
    eventually(lambda: _is_refused(made.dsn(postgres.dsn)), 60)
    yield made
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        write(before)
        admin.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(role)))
