"""No password and no e-mail in what a login writes: the write-ahead log, the server's log, the tables' rows."""

from __future__ import annotations

import contextlib
import random
import string

import psycopg

from tests.capture.test_raw_files import wal_since
from tests.fix_sessions import Session, value
from tests.login.steps import Shop, everything
from tests.postgres_server import LocalServer, Server


def word() -> str:
    """One that stands nowhere else, short enough to be whole on a page."""
    return "".join(random.choices(string.ascii_lowercase, k=14))


def wal_begins(session: Session) -> str:
    """The segment that what follows is written to."""
    session.execute("select pg_switch_wal()")
    return str(value(session, "select pg_walfile_name(pg_current_wal_insert_lsn())"))


def test_neither_is_in_the_write_ahead_log_the_servers_log_or_a_row(reference: Shop, postgres: Server) -> None:
    admin = reference.admin
    log_before = len(postgres.log()) if isinstance(postgres, LocalServer) else 0
    first = wal_begins(admin)
    seen: list[str] = []

    def email() -> str:
        seen.append(word())
        return f"{seen[-1]}@example.org"

    def password() -> str:
        seen.append(word())
        return seen[-1]

    known, right = email(), password()
    assert reference.register(email=known, password=right)["success"]
    assert reference.register(email=known, password=password())["success"]
    assert reference.log_in(known, right)["success"]
    for _ in range(7):  # the last ones are locked out
        reference.log_in(known, password())
    reference.log_in(email(), password())
    reference.log_in(email(), password(), "globex")
    reference.register(email=email(), password=password()[:3])
    for statement in (
        "raise exception 'no % for %', p_password, p_email using detail = p_password",
        "raise serialization_failure using message = p_password, hint = p_email",
        "assert false, p_password",
        "return p_email::integer = 1",
        "perform 1 / length(p_password) from generate_series(1, p_password::integer)",
        "return jsonb_build_object('success', false, 'why', p_password)",
    ):
        reference.host(f"begin {statement}; return null; end")
        with contextlib.suppress(psycopg.errors.SerializationFailure):
            reference.log_in(email(), password())
    admin.execute("select pg_switch_wal()")
    written = wal_since(admin, first)
    assert reference.role.encode() in written, "it is looked at in the right place"
    stored = everything(admin)
    logged = postgres.log()[log_before:] if isinstance(postgres, LocalServer) else ""
    for secret in seen:
        assert secret.encode() not in written
        assert secret not in stored
        assert secret not in logged
