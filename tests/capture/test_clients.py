"""Whoever sends DDL and however, psql in its ways, psycopg by either protocol, a pooler: the record is the same."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import Any

import pytest
from psycopg.rows import DictRow

from tests.capture.client_case import Case, Left
from tests.capture.client_cases import CASES
from tests.capture.client_ways import WAYS, Script, Server, Way
from tests.capture.fix_readers import SI, Readers, admin, failures, readers
from tests.capture.fix_serverlog import log_database, log_server
from tests.fix_sessions import Session, opened, value
from tests.harmless.pooler import Pooler, program
from tests.harmless.tools import tool
from tests.postgres_server import Server as PostgresServer

pytestmark = pytest.mark.majors  # every client of each case, with the server's log: half a minute

__all__ = ["admin", "log_database", "log_server", "readers"]

# What one record has and no other.
OWN = {"attempt_id", "batch_id", "ordinal", "duration_us", "tracking_us", "pid", "application_name", "parent_hk"}
OWN |= {"sql_command_characters", "sql_command_sha256", "revises"}  # the last where the log was read later

OPENED = f"""
select count(*) from {SI}.attempt
where recorded_at is null and (verdict is null or verdict in ('FAILED', 'ROLLED_BACK', 'INTERRUPTED'))
"""
RECORDS = """
select s.script_name, s.execution_status, s.affected_objects, s.error_message, s.metadata, s.sql_command,
  s.db_session_user, s.tenant_hk, encode(s.script_execution_hk, 'hex') as hk, s.execution_timestamp as at
from script_tracking.script_execution_s as s
where s.load_end_date is null and s.sql_command ~ 'w[0-9]+c[0-9]+'
order by s.execution_timestamp, (s.metadata ->> 'ordinal')::int
"""


@dataclass(frozen=True)
class Outcome:
    """What a way left of each case."""

    scripts: list[Script]
    rows: dict[str, list[DictRow]]  # by schema


def scripts_of(number: int, way: Way, session: Session) -> list[Script]:
    """The cases that a way can send, with what they need; a schema of its own for each."""
    available = {row["name"] for row in session.execute("select name from pg_available_extensions").fetchall()}
    found = []
    for place, case in enumerate(CASES):
        if way.style not in case.styles or (case.needs is not None and case.needs not in available):
            continue
        schema = f"w{number}c{place}"
        names = {"{s}": schema, "{user}": session.info.user}
        session.execute(f"create schema {schema}".encode())
        if case.role:
            session.execute(f"create role {schema}_r".encode())
        session.execute(filled(case.before, names).encode())
        found.append(Script(case, schema, tuple(filled(statement, names) for statement in case.send)))
    return found


def filled(text: str, names: dict[str, str]) -> str:
    for name, meaning in names.items():
        text = text.replace(name, meaning)
    return text


def settle(session: Session, reading: Readers) -> None:
    """Until nothing is open any more of what was sent."""
    deadline = time.monotonic() + 90
    quiet = 0
    while quiet < 2:
        assert time.monotonic() < deadline
        reading.round()
        waiting = value(session, f"select count(*) from {SI}.log_error where settled_at is null")
        unread = value(session, OPENED)
        quiet = quiet + 1 if (waiting, unread) == (0, 0) else 0
        time.sleep(0.1)


@pytest.fixture(scope="module")
def pooled(log_server: PostgresServer, log_database: str) -> Iterator[str | None]:
    """The way through a pgbouncer in transaction mode; None without one."""
    if program() is None:
        yield None
        return
    pooler = Pooler(log_server)
    yield pooler.dsn(log_database)
    pooler.stop()


@pytest.fixture(scope="module")
def outcomes(
    log_server: PostgresServer, log_database: str, readers: Readers, admin: Session, pooled: str | None
) -> Iterator[dict[str, Outcome]]:
    """Everything sent, and read by the daemon's own readers at the level full."""
    server = Server(log_database, pooled, log_server.major)
    admin.execute("create table busy (id int)")
    ways = {name: way for name, way in WAYS.items() if pooled is not None or not way.pooled}
    scripts = {name: scripts_of(number, way, admin) for number, (name, way) in enumerate(ways.items())}
    settle(admin, readers)
    before = {row["hk"] for row in admin.execute(RECORDS.encode()).fetchall()}
    with opened(log_database) as holder:
        holder.execute("begin; lock table busy in access share mode")
        for name, way in ways.items():
            way.send(server, scripts[name])
        holder.execute("rollback")
    settle(admin, readers)
    rows = [row for row in admin.execute(RECORDS.encode()).fetchall() if row["hk"] not in before]
    found: dict[str, Outcome] = {}
    for name, its in scripts.items():
        of_schema = {
            script.schema: by_line([row for row in rows if script.schema in names_in(row["sql_command"])])
            for script in its
        }
        found[name] = Outcome(its, of_schema)
    yield found
    for its in scripts.values():
        for script in its:
            if script.case.role:
                admin.execute(f"drop owned by {script.schema}_r cascade; drop role {script.schema}_r".encode())


def by_line(rows: list[DictRow]) -> list[DictRow]:
    """Two failures of a session in the order of their lines in the log, whose times are milliseconds: one that no
    attempt announced has that time, and may seem to come before an announced one of the same millisecond.
    """
    for after in range(1, len(rows)):
        at_once = rows[after]["at"] - rows[after - 1]["at"] < timedelta(milliseconds=1)
        one, two = (row["metadata"].get("server_log", {}) for row in rows[after - 1 : after + 1])
        if at_once and one and two and one["session"] == two["session"] and one["line"] > two["line"]:
            rows[after - 1], rows[after] = rows[after], rows[after - 1]
    return rows


def names_in(text: str) -> set[str]:
    """The schemas of ours that a client string names."""
    return set(re.findall("w[0-9]+c[0-9]+", text[:1000]))


def expected(case: Case, way: Way, schema: str, user: str, major: int) -> list[Left]:
    """What a case must leave that is sent in this way."""
    left = list(case.otherwise.get(way.style, case.left)) if major >= case.since else []
    if way.stops and any(item.sqlstate for item in left):
        left = left[: [bool(item.sqlstate) for item in left].index(True) + 1]
    names = {"{s}": schema, "{user}": user}
    return [
        Left(
            *(item.tag, item.status),
            None if item.objects is None else tuple(sorted(filled(name, names) for name in item.objects)),
            *(item.sqlstate, item.message),
        )
        for item in left
    ]


def told(row: DictRow | None, left: Left | None) -> Left | None:
    """A record, as far as the case looks at it."""
    if row is None:
        return None
    names = ["*"] if left is not None and left.objects == ("*",) else row["affected_objects"]
    return Left(
        *(row["script_name"], row["execution_status"]),
        None if names is None else tuple(sorted(names)),
        *(row["metadata"].get("sqlstate"), row["error_message"]),
    )


def same(row: DictRow, schema: str) -> dict[str, Any]:
    """What of a record is the same whoever sends the statement."""
    metadata = {name: known for name, known in row["metadata"].items() if name not in OWN}
    metadata["child"] = "parent_hk" in row["metadata"]
    for item in metadata.get("objects", []) + metadata.get("rewritten", []):
        item.pop("oid", None)
    for place in ("session", "line", "position"):
        metadata.get("server_log", {}).pop(place, None)
    kept = {"metadata": metadata, "user": row["db_session_user"], "tenant": str(row["tenant_hk"])}
    found: dict[str, Any] = json.loads(json.dumps(kept).replace(schema, "s"))
    return found


@pytest.mark.parametrize("name", WAYS)
def test_each_case_leaves_its_records_whoever_sends_it(
    outcomes: dict[str, Outcome], admin: Session, log_server: PostgresServer, name: str
) -> None:
    if name not in outcomes:
        pytest.skip("pgbouncer is missing (Debian: apt-get install pgbouncer)")
    way, outcome = WAYS[name], outcomes[name]
    wrong = {}
    for script in outcome.scripts:
        left = expected(script.case, way, script.schema, admin.info.user, log_server.major)
        rows = outcome.rows[script.schema]
        found = [told(row, unless) for row, unless in zip_longest(rows, left)]
        if found != left:
            wrong[script.case.name] = (left, found)
        assert "hunter2" not in str(rows)
        batches = {row["metadata"].get("batch_id") for row in rows if "batch_id" in row["metadata"]}
        if way.batched and len(batches) > 1:
            wrong[script.case.name + ", batch"] = (left, [row["metadata"] for row in rows])
    assert wrong == {}
    assert len(outcome.scripts) > 30


def test_a_record_is_the_same_whichever_way_its_statement_came(outcomes: dict[str, Outcome]) -> None:
    known: dict[tuple[str, str], tuple[str, list[dict[str, Any]]]] = {}
    different = {}
    for name, outcome in outcomes.items():
        for script in outcome.scripts:
            rows = outcome.rows[script.schema]
            key = script.case.name, str([(row["script_name"], row["execution_status"]) for row in rows])
            records = [same(row, script.schema) for row in rows]
            if (first := known.setdefault(key, (name, records)))[1] != records:
                different[name, script.case.name] = (first, records)
    assert different == {}


def test_an_interrupted_psql_cancels_and_a_terminated_one_is_interrupted(
    log_server: PostgresServer, log_database: str, readers: Readers, admin: Session
) -> None:
    asleep = b"select pid from pg_stat_activity where query = %s and wait_event = 'PgSleep'"
    for end in ("cancel", "terminate"):
        statement = f"create table w9_{end} as select 1 as x from pg_sleep(60) /* psql {end} */"
        command = [tool("psql", log_server.major), "--no-psqlrc", "--dbname", log_database, "--command", statement]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            while not (found := admin.execute(asleep, (statement,)).fetchall()):
                assert running.poll() is None
                time.sleep(0.05)
            if end == "cancel":
                running.send_signal(signal.SIGINT)
            else:
                admin.execute("select pg_terminate_backend(%s)", (found[0]["pid"],))
            assert running.wait(60) != 0
    cancelled, terminated = failures(admin, readers, 2, "%/* psql %")
    assert (cancelled["execution_status"], cancelled["metadata"]["sqlstate"]) == ("FAILED", "57014")
    assert (terminated["execution_status"], terminated["metadata"]["sqlstate"]) == ("INTERRUPTED", "57P01")


def test_the_statements_of_a_string_share_a_batch_and_no_others(outcomes: dict[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        (script,) = [script for script in outcome.scripts if script.case.name == "several statements"]
        told_of = [row["metadata"] for row in outcome.rows[script.schema]]
        numbers = [item["ordinal"] for item in told_of]
        batches = len({item["batch_id"] for item in told_of})
        assert (numbers, batches) == (([1, 2, 3, 4], 1) if WAYS[name].batched else ([1, 1, 1, 1], 4)), name
