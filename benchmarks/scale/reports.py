"""What the reporting functions take, as somebody who reads one tenant, and as somebody who reads all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from benchmarks.scale.fill import BIG, SMALL

FUNCTIONS = (
    "get_enterprise_dashboard()",
    "get_performance_metrics()",
    "get_system_health()",
    "get_recent_errors(24)",
    "get_execution_history(7, 100)",
    "get_execution_history(400, 100, only_execution_status => 'FAILED')",
    "get_execution_history(7)",
)
# Role, and the tenant that it reads; an auditor reads all.
READERS = {"one of fifty": SMALL, "half of all": BIG, "all": None}


@dataclass(frozen=True)
class Report:
    """One function as one reader: milliseconds until the last row is at the client."""

    function: str
    reader: str
    rows: int
    p50_milliseconds: float
    p95_milliseconds: float


def make_readers(dsn: str) -> None:
    """A role for each reader."""
    with psycopg.connect(dsn, autocommit=True) as admin:
        for reader, tenant in READERS.items():
            role = _role(reader)
            admin.execute(f"do $$ begin create role {role}; exception when duplicate_object then null; end $$".encode())
            granted = "script_tracking_auditor" if tenant is None else "script_tracking_reader"
            admin.execute(f"grant {granted} to {role}".encode())
            if tenant is not None:
                admin.execute(b"select script_tracking.grant_tenant(%s, %s)", (tenant, role))


def reports(dsn: str, calls: int) -> Iterator[Report]:
    """Calls each function as each reader, in a session that has called it twice before."""
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(b"select script_tracking_internal.roll_up()")  # as upkeep has done since the hour turned
        for reader in READERS:
            session.execute(f"set role {_role(reader)}".encode())
            for function in FUNCTIONS:
                yield _measured(session, function, reader, calls)


def _measured(session: psycopg.Connection[tuple[object, ...]], function: str, reader: str, calls: int) -> Report:
    statement = f"select * from script_tracking.{function}".encode()
    durations, rows = [], 0
    for number in range(calls + 2):
        began = time.perf_counter()
        rows = len(session.execute(statement).fetchall())
        if number >= 2:
            durations.append((time.perf_counter() - began) * 1000)
    p95 = statistics.quantiles(durations, n=20, method="inclusive")[18]
    return Report(function, reader, rows, statistics.median(durations), p95)


def _role(reader: str) -> str:
    return "bench_reader_" + reader.replace(" ", "_")
