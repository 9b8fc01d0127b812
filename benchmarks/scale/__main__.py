"""`python -m benchmarks.scale [--executions N]`: what reading and writing take in a record of years, as Markdown."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.place import install_schema, machine, new_place
from benchmarks.scale.derived import Derived, catch_up, sizes
from benchmarks.scale.fill import TENANTS, fill
from benchmarks.scale.report import Results, markdown
from benchmarks.scale.reports import make_readers, reports
from benchmarks.scale.writing import writing
from exporter.errors import ScriptTrackingError

SMALL_EXECUTIONS, LARGE_EXECUTIONS = 100_000, 10_000_000
MONTHS = 13
# A server that is given some memory, as one with such a record would be; durability is PostgreSQL's default.
MEMORY = {"shared_buffers": "2GB", "maintenance_work_mem": "512MB", "max_wal_size": "16GB"}


def main() -> int:
    """Exit code 0, or 1 where something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--executions", type=int, default=LARGE_EXECUTIONS, help="of the large record")
    parser.add_argument("--small", type=int, default=SMALL_EXECUTIONS, help="of the small one that it is held against")
    parser.add_argument("--calls", type=int, default=40, help="of each reporting function")
    parser.add_argument("--rounds", type=int, default=5, help="of runs of 2 s of each load")
    arguments = parser.parse_args()
    try:
        with new_place(MEMORY) as place:
            dsns = {"small": place.tracked, "large": make_conninfo(place.bare, dbname="large")}
            with psycopg.connect(place.bare, autocommit=True) as admin:
                admin.execute("create database large")
            install_schema(dsns["large"])
            counts = {"small": arguments.small, "large": arguments.executions}
            derived: dict[str, Derived] = {}
            read = {}
            for name, dsn in dsns.items():
                with _told(f"filling in {counts[name]:,} executions"):
                    fill(dsn, counts[name], MONTHS)
                with _told("taking them into the derived tables"):
                    derived[name] = catch_up(dsn)
            for name, dsn in dsns.items():
                with _told(f"reading from {counts[name]:,}"):
                    make_readers(dsn)
                    read[name] = list(reports(dsn, arguments.calls))
            kept = sizes(dsns["large"])
            with _told("writing"):
                written = writing(place.pgbench, place.bare, dsns, arguments.rounds, 2)
            results = Results(machine(), place.version, counts, TENANTS, MONTHS, derived, read, kept, written)
    except ScriptTrackingError as error:
        print(f"benchmarks.scale: {error}", file=sys.stderr)
        return 1
    print(markdown(results))
    return 0


@contextmanager
def _told(what: str) -> Iterator[None]:
    began = time.monotonic()
    print(f"{what} ...", file=sys.stderr, flush=True)
    yield
    print(f"{what}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


sys.exit(main())
