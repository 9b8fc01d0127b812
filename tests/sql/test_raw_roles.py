"""Roles whose names are no UTF-8, as a database that takes any bytes has them: what they do is counted as lost,
and goes through. Roles are the cluster's, so they come to databases of UTF8 as well."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from exporter.client import Tracker
from tests.fix_exporter import becomes
from tests.fix_sessions import Session, history, opened, refusal, value
from tests.sql.raw import RAW, SI, TOLD, ascii_database, lost, raw, reader

__all__ = ["ascii_database", "raw", "reader"]

FOREIGN = f"select foreign_encoding from {SI}.installation"
NOTE = f"select ran from {SI}.run_upkeep('ensure_incarnation', 0)"


def test_a_role_whose_name_is_no_text_is_counted_and_works_on(raw: Session, reader: Session) -> None:
    before = lost(reader)
    raw.execute(b'create role "' + RAW + b'"; grant script_tracking_app to "' + RAW + b'"; set role "' + RAW + b'"')
    try:
        (row,) = raw.execute("select script_tracking.track_operation('odd', 'T') as key").fetchall()
        assert row["key"] is None
        (done,) = raw.execute("select script_tracking.complete_operation(%s, true) as done", (row["key"],)).fetchall()
        assert done["done"] is False
        many = "[" + ", ".join(['{"script_name": "odd", "script_type": "T"}'] * 2) + "]"
        (both,) = raw.execute("select script_tracking.track_operations(%s) as keys", (many,)).fetchall()
        assert both["keys"] == [None, None]
        (ends,) = raw.execute(
            "select script_tracking.complete_operations((select jsonb_agg(jsonb_build_object("
            "'execution_hk', encode(k.key, 'hex'), 'success', true)) from unnest(%s::bytea[]) as k (key))) as done",
            (both["keys"],),
        ).fetchall()
        assert ends["done"] == [False, False]
        (none,) = raw.execute("select script_tracking.track_operations('[]') as keys").fetchall()
        assert none["keys"] == []
        with pytest.raises(psycopg.Error) as refused:
            raw.execute("select script_tracking.track_operations('[{}]')")
        assert refused.value.sqlstate == "ST003"
    finally:
        raw.execute(b'reset role; drop owned by "' + RAW + b'"; drop role "' + RAW + b'"')
    assert isinstance(before, int)
    assert lost(reader) == before + 3


def test_a_client_that_acts_as_one_is_told_that_nothing_is_recorded(
    ascii_database: str, raw: Session, reader: Session
) -> None:
    raw.execute(b'create role "' + RAW + b'"; grant script_tracking_app to "' + RAW + b'"')
    database = reader.info.dbname.encode()
    raw.execute(b'alter role postgres in database "' + database + b"\" set role = '" + RAW + b"'")
    before = lost(reader)
    tracker = Tracker(ascii_database, timeout_seconds=30)
    try:
        with tracker.operation("odd") as operation, tracker.operation("odd, within"):
            pass
        becomes(2, lambda: tracker.counts.refused)
        assert (tracker.counts.delivered, tracker.counts.dropped, tracker.counts.waiting) == (0, 0, 0)
        assert "lost" in str(operation.problem)
    finally:
        tracker.close()
        raw.execute(b'alter role postgres in database "' + database + b'" reset role')
        raw.execute(b'drop owned by "' + RAW + b'"; drop role "' + RAW + b'"')
    assert isinstance(before, int)
    assert lost(reader) == before + 2


def test_a_role_whose_name_is_no_text_ends_what_another_began(raw: Session, reader: Session) -> None:
    raw.execute(b'create role "' + RAW + b'"; grant script_tracking_app to "' + RAW + b'"')
    raw.execute("select script_tracking.register_tenant('odd')")
    raw.execute(b"select script_tracking.grant_tenant('odd', '" + RAW + b"')")
    try:
        (row,) = raw.execute("select script_tracking.track_operation('begun by one', 'T', 'odd') as key").fetchall()
        raw.execute(b'set role "' + RAW + b'"')
        (done,) = raw.execute("select script_tracking.complete_operation(%s, true) as done", (row["key"],)).fetchall()
        assert done["done"] is True
    finally:
        raw.execute(b"reset role; select script_tracking.revoke_tenant('odd', '" + RAW + b"')")
        raw.execute(b'drop owned by "' + RAW + b'"; drop role "' + RAW + b'"')
    (found,) = history(reader, "begun by one")
    assert (found["execution_status"], found["metadata"]["completed_by"]) == ("COMPLETED", TOLD)


def of_several(session: Session) -> object:
    """What the bulk form answers."""
    many = "[" + ", ".join(['{"script_name": "odd", "script_type": "T"}'] * 2) + "]"
    return value(session, "select script_tracking.track_operations(%s)", many)


@pytest.fixture
def odd(raw: Session, admin: Session, installed_database: str) -> Iterator[Session]:
    """A session that acts as such a role, of whose making upkeep knows, in a database of UTF8."""
    database = admin.info.dbname.encode()
    admin.execute("grant create on schema public to public")
    raw.execute(b'create role "' + RAW + b'"; grant script_tracking_app to "' + RAW + b'"')
    try:
        raw.execute(b'alter role postgres in database "' + database + b"\" set role = '" + RAW + b"'")
        admin.execute(NOTE.encode())
        with opened(installed_database) as session:
            yield session
    finally:
        raw.execute(b'alter role postgres in database "' + database + b'" reset role')
        raw.execute(b'drop owned by "' + RAW + b'"; drop role "' + RAW + b'"')


def test_in_a_database_of_utf8_it_is_counted_and_works_on(odd: Session, admin: Session) -> None:
    before = lost(admin)
    assert isinstance(before, int)
    assert value(odd, "select script_tracking.track_operation('odd', 'T')") is None
    assert value(odd, "select script_tracking.complete_operation(null, true)") is False
    assert of_several(odd) == [None, None]
    assert value(odd, "select script_tracking.track_operations('[]')") == []
    assert refusal(odd, "select script_tracking.track_operations('[{}]')") == "ST003"
    assert refusal(odd, "select script_tracking.track_operation('', 'T')") == "ST003"
    odd.execute("create table public.odd (); drop table public.odd")
    assert lost(admin) == before + 3
    assert {row["metadata"]["effective_role"] for row in history(admin, "% TABLE")} == {TOLD}, "who logged in is known"
    assert history(admin, "odd") == []


def test_others_there_go_on_and_nothing_is_left_of_it(odd: Session, admin: Session, raw: Session) -> None:
    admin.execute("select script_tracking.track_operation('grün', 'T', null, '{\"m\": \"ä\"}', null, 'call ö')")
    admin.execute("""select script_tracking.track_operations('[{"script_name": "éven", "script_type": "T"}]')""")
    (found,) = history(admin, "grün")
    assert (found["sql_command"], found["metadata"]["m"]) == ("call ö", "ä")
    assert len(history(admin, "éven")) == 1
    assert value(admin, FOREIGN) is True
    raw.execute(b'alter role "' + RAW + b'" rename to "caf\xc3\xa9"')
    admin.execute(NOTE.encode())
    assert value(admin, FOREIGN) is False, "beyond ASCII, and UTF-8"
    raw.execute(b'alter role "caf\xc3\xa9" rename to "' + RAW + b'"')
