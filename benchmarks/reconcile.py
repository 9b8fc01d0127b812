"""`python -m benchmarks.reconcile [--short]`: how long the comparison of the catalogs with the record takes."""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import psycopg

from benchmarks.place import new_place
from exporter.errors import ScriptTrackingError

TABLE = (
    "create table public.t_{} (id bigint primary key, a text not null default 'x', b numeric(10,2), "
    "c timestamptz default now(), d jsonb, e integer)"
)
PASS = "select objects, accounted, reported from script_tracking_internal.reconcile()"


def measure(dsn: str, tables: int) -> str:
    """One line: tables, objects, the pass that takes over all of them, and the median of five that find nothing."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(PASS)
        for first in range(0, tables, 500):
            with connection.transaction():
                for number in range(first, min(first + 500, tables)):
                    connection.execute(TABLE.format(number).encode())
        seconds = []
        for _ in range(6):
            began = time.perf_counter()
            found = connection.execute(PASS).fetchone()
            seconds.append(time.perf_counter() - began)
    return (
        f"{tables} tables with a primary key each, {found and found[0]} objects: "
        f"{seconds[0]:.2f} s for the pass that accounts for all, "
        f"{statistics.median(seconds[1:]):.2f} s for one that finds nothing"
    )


def main() -> int:
    """Exit code 0, or 1 where it could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reconcile", description=__doc__)
    parser.add_argument("--short", action="store_true", help="500 tables instead of 10,000: shows that it works")
    arguments = parser.parse_args()
    try:
        with new_place() as place:
            print(measure(place.tracked, 500 if arguments.short else 10000))
    except ScriptTrackingError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
