"""What tracking costs the database: time added to DDL, rates of operations, bytes kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from benchmarks.load import Effort, Load, Pair, paired, run
from benchmarks.place import CLIENTS, Place, flush_milliseconds

DDL = (
    Load("COMMENT ON TABLE", "comment on table subject_:client_id is 'x';\n"),
    Load("ALTER TABLE", "alter table subject_:client_id alter column note set default 'x';\n"),
    Load("CREATE + DROP TABLE", "create table made_:client_id (id bigint);\ndrop table made_:client_id;\n"),
)
# A key made by the client: no sequence, the fastest row that this server takes.
INSERT = Load(
    "INSERT",
    "\\set id random(1, 9000000000000000000)\ninsert into bare_insert (id, note) values (:id, 'nightly-invoices');\n",
    prepared=True,
)
TRACK = Load("track_operation", "select script_tracking.track_operation('nightly-invoices', 'BATCH');\n", prepared=True)
# One transaction for the pair, one commit, as for the row that it is compared with.
COMPLETE = Load(
    "track + complete, one transaction",
    "select script_tracking.complete_operation(script_tracking.track_operation('nightly-invoices', 'BATCH'), true);\n",
    prepared=True,
)
# Two transactions: what an application does whose work stands in between.
COMPLETE_APART = Load(
    "track + complete, two transactions",
    "select script_tracking.track_operation('nightly-invoices', 'BATCH') as key \\gset\n"
    "select script_tracking.complete_operation(:key::bytea, true);\n",
    prepared=True,
)


@dataclass(frozen=True)
class Cost:
    """One load at a number of clients, beside its baseline."""

    name: str
    clients: int
    flush_milliseconds: float  # of a write to the disk, just before
    pair: Pair


def ddl(place: Place, effort: Effort) -> Iterator[Cost]:
    """The same DDL in the tracked and in the bare database."""
    for load in DDL:
        for clients in (1, CLIENTS):
            yield Cost(load.name, clients, flush_milliseconds(), _beside(place, load, load, clients, effort))


def operations(place: Place, effort: Effort) -> Iterator[Cost]:
    """Declared operations beside a plain INSERT of one row in the bare database."""
    for load in (TRACK, COMPLETE, COMPLETE_APART):
        for clients in (1, CLIENTS):
            yield Cost(load.name, clients, flush_milliseconds(), _beside(place, load, INSERT, clients, effort))


def _beside(place: Place, load: Load, baseline: Load, clients: int, effort: Effort) -> Pair:
    return paired(
        lambda: run(place.pgbench, place.tracked, load, clients, effort.seconds),
        lambda: run(place.pgbench, place.bare, baseline, clients, effort.seconds),
        effort.pairs,
    )


@dataclass(frozen=True)
class Storage:
    """Bytes an execution takes in hub and satellite, indexes included."""

    one_version: float
    completed_operation: float
    executions: int


_SIZE = (
    "select sum(storage_bytes) from script_tracking_internal.collect_storage() where relation like 'script_execution%'"
)


def storage(place: Place, executions: int) -> Storage:
    """Adds executions to the tracked database, a transaction each, and divides what it grew by their number."""

    def grown(connection: psycopg.Connection[tuple[int]], statement: str) -> float:
        before = _one(connection, _SIZE)
        for _ in range(executions):
            connection.execute(statement.encode())
        return (_one(connection, _SIZE) - before) / executions

    with psycopg.connect(place.tracked, autocommit=True) as connection:
        one_version = grown(connection, "comment on table subject_0 is 'x'")
        completed = grown(
            connection,
            "select script_tracking.complete_operation("
            "script_tracking.track_operation('nightly-invoices', 'BATCH'), true, affected_rows => 1)",
        )
    return Storage(one_version, completed, executions)


def _one(connection: psycopg.Connection[tuple[int]], statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])
