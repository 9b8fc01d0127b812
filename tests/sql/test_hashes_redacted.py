"""A secret is taken out before anything is hashed: hashes are of what is stored, and no guess can be held to them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from psycopg.types.json import Jsonb

from tests.capture.slot import open_slot
from tests.fix_sessions import Session, value
from tests.vault_hash import FIELDS, hash_diff, hash_key

SECRET = "hunter2"
LONG = " /* " + "x" * 20000 + " */"
BEGIN = "select script_tracking.track_operation(%s, 'T', metadata => %s, sql_command => %s)"
VERSIONS = (
    "select s.*, s.metadata::text as written, h.script_execution_bk from script_tracking.script_execution_s as s"
    " join script_tracking.script_execution_h as h using (script_execution_hk)"
)


def checked(session: Session) -> list[str]:
    """Names of all executions, whose hashes are those of what is stored, which holds no secret."""
    rows = session.execute(VERSIONS.encode()).fetchall()
    for row in rows:
        assert SECRET not in str(row)
        metadata = json.loads(row["written"], parse_float=Decimal)
        assert row["hash_diff"] == hash_diff([*(row[name] for name in FIELDS[:-1]), metadata])
        assert row["script_execution_hk"] == hash_key(row["script_execution_bk"])
    return sorted(row["script_name"] for row in rows)


def digest(session: Session, statement: str) -> str:
    """Of a whole statement without its secrets."""
    redacted = value(session, "select script_tracking_internal.redact(%s)", statement)
    assert isinstance(redacted, str)
    assert SECRET in statement and SECRET not in redacted
    return hashlib.sha256(redacted.encode()).hexdigest()


def noted(session: Session) -> list[object]:
    """The digests that the record has of statements which were cut, oldest first."""
    rows = session.execute(
        "select metadata ->> 'sql_command_sha256' as found from script_tracking.script_execution_s"
        " where metadata ? 'sql_command_sha256' order by version_number"
    )
    return [row["found"] for row in rows]


@pytest.mark.parametrize("long", ["", LONG], ids=["whole", "cut"])
def test_of_ddl(admin: Session, long: str) -> None:
    table = f"create table public.t (password text default '{SECRET}'){long}"
    view = f"do $do$ begin execute 'create view public.v as select ''{SECRET}'' as password'; end $do${long}"
    with open_slot(admin) as slot:
        admin.execute(table.encode())
        admin.execute(view.encode())
        announced = " ".join(slot.contents())
    assert checked(admin) == ["CREATE PUBLICATION", "CREATE TABLE", "CREATE VIEW"]
    assert SECRET not in announced
    digests = [digest(admin, statement) for statement in (table, view)] if long else []
    assert noted(admin) == digests
    for each in digests:
        assert f'"{each}"' in announced


@pytest.mark.parametrize("long", ["", LONG], ids=["whole", "cut"])
def test_of_operations(admin: Session, long: str) -> None:
    name, said, statement = f"job password={SECRET}", {"token": SECRET}, f"alter role joe password '{SECRET}'{long}"
    message = f"bad: password={SECRET}"
    key = value(admin, BEGIN, name, Jsonb(said), statement)
    assert value(admin, "select script_tracking.complete_operation(%s, false, %s)", key, message) is True
    one = {"script_name": name, "script_type": "T", "metadata": said, "sql_command": statement}
    keys = value(admin, "select script_tracking.track_operations(%s)", Jsonb([one]))
    assert isinstance(keys, list)
    ended = {"execution_hk": keys[0].hex(), "success": False, "error_message": message, "metadata": said}
    assert value(admin, "select script_tracking.complete_operations(%s)", Jsonb([ended])) == [True]
    names = checked(admin)
    assert len(names) == 4
    assert len(set(names)) == 1
    assert noted(admin) == ([digest(admin, statement)] * 4 if long else [])


def test_of_errors_in_the_servers_log(admin: Session) -> None:
    statement = f"create table public.t (password text default '{SECRET}') nowhere{LONG}"
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.000 UTC")
    entry = {
        "at": now,
        "session_start": now,
        "session": "6a.1",
        "line": 1,
        "pid": 1,
        "user": "postgres",
        "tag": "CREATE TABLE",
        "sqlstate": "42601",
        "statement": statement,
        "message": 'syntax error at or near "nowhere"',
    }
    merged = value(
        admin, "select moved from script_tracking_internal.merge_log_errors(%s)", Jsonb({"entries": [entry]})
    )
    assert merged is True
    assert checked(admin) == ["CREATE TABLE"]
    assert noted(admin) == [digest(admin, statement)]
