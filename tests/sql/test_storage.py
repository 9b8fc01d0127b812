"""Bytes of the record's tables: told without a wait, whoever holds one of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fix_exporter import eventually
from tests.fix_sessions import Login, Session, meddling, value

STORAGE = "select relation, storage_bytes from script_tracking_internal.collect_storage()"
HUB, SATELLITE = "script_execution_h", "script_execution_s"


def told(session: Session) -> dict[str, int | None]:
    """Bytes by relation, asked as the exporter asks."""
    with session.transaction():
        session.execute("set local lock_timeout = '200ms'")
        return {row["relation"]: row["storage_bytes"] for row in session.execute(STORAGE.encode())}


@contextmanager
def held(session: Session, statement: str) -> Iterator[None]:
    """A statement whose transaction is open."""
    session.execute("begin")
    session.execute(meddling(statement).encode())
    try:
        yield
    finally:
        session.execute("rollback")


def newest(session: Session, of: str = SATELLITE) -> str:
    """The newest partition of a table."""
    statement = "select max(inhrelid)::regclass::text from pg_inherits where inhparent = %s::regclass"
    return str(value(session, statement, f"script_tracking.{of}"))


def test_each_table_has_its_bytes(admin: Session) -> None:
    found = told(admin)
    assert {HUB, SATELLITE} <= found.keys()
    assert all(size is not None and size > 0 for size in found.values())


@pytest.mark.parametrize("part", ["the table", "an index", "the TOAST table"])
def test_what_somebody_holds_exclusively_is_left_out_and_nothing_else(admin: Session, login: Login, part: str) -> None:
    table = newest(admin)
    index = value(admin, "select indexrelid::regclass::text from pg_index where indrelid = %s::regclass limit 1", table)
    toast = value(admin, "select reltoastrelid::regclass::text from pg_class where oid = %s::regclass", table)
    statement = {
        "the table": f"lock table {table} in access exclusive mode",
        "an index": f"reindex index {index}",
        "the TOAST table": f"reindex table {toast}",
    }[part]
    with held(login(), statement):
        found = told(admin)
    assert [name for name, size in found.items() if size is None] == [SATELLITE]
    assert told(admin)[SATELLITE]


def test_nor_is_it_waited_for_who_waits_to_hold_it(admin: Session, login: Login) -> None:
    table = newest(admin)
    reader, writer = login(), login()
    with held(reader, f"select count(*) from {table}"):
        waiting = threading.Thread(target=lambda: _lock(writer, table), daemon=True)
        waiting.start()
        eventually(lambda: value(admin, "select count(*) from pg_locks where not granted"), 30)
        found = told(admin)
    waiting.join(30)
    assert [name for name, size in found.items() if size is None] == [SATELLITE]


def _lock(session: Session, table: str) -> None:
    with session.transaction():
        session.execute(f"lock table {table} in access exclusive mode".encode())


def test_what_the_record_may_take_is_told_where_a_superuser_has_set_it(admin: Session) -> None:
    limit = "select storage_limit_bytes from script_tracking_internal.collect_retention()"
    assert value(admin, limit) is None
    for setting, told_as in (("1000000", 1_000_000), ("a lot", None)):
        admin.execute("delete from script_tracking_internal.setting where name = 'storage.warning_bytes'")
        admin.execute(
            "insert into script_tracking_internal.setting (name, value, description) values"
            " ('storage.warning_bytes', %s, 'test')",
            (setting,),
        )
        assert value(admin, limit) == told_as
