"""How long a comparison of the catalogs takes; measured alone by `python -m benchmarks.reconcile [--short]`."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass

import psycopg

from benchmarks.place import new_place
from exporter.errors import ScriptTrackingError

TABLE = (
    "create table public.t_{} (id bigint primary key, a text not null default 'x', b numeric(10,2), "
    "c timestamptz default now(), d jsonb, e integer)"
)
PASS = "select objects, accounted, reported from script_tracking_internal.reconcile()"
TABLES, FEW_TABLES = 10000, 500


@dataclass(frozen=True)
class Comparison:
    """Passes over so many objects: the one that accounts for all of them, the median of five that find nothing."""

    tables: int
    objects: int
    accounting_seconds: float
    seconds: float


def measure(dsn: str, tables: int) -> Comparison:
    """Makes the tables, one pass that takes them over, and five that find nothing.

    Raises ScriptTrackingError where a pass was not made or found something amiss.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(PASS)
        for first in range(0, tables, 500):
            with connection.transaction():
                for number in range(first, min(first + 500, tables)):
                    connection.execute(TABLE.format(number).encode())
        seconds = []
        objects = 0
        for _ in range(6):
            began = time.perf_counter()
            found = connection.execute(PASS).fetchone()
            seconds.append(time.perf_counter() - began)
            if found is None or found[2]:
                raise ScriptTrackingError(f"a pass over the catalogs returned {found}")
            objects = found[0]
    return Comparison(tables, objects, seconds[0], statistics.median(seconds[1:]))


def main() -> int:
    """Exit code 0, or 1 where it could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reconcile", description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help=f"{FEW_TABLES} tables instead of {TABLES}: shows that it works"
    )
    arguments = parser.parse_args()
    try:
        with new_place() as place:
            found = measure(place.tracked, FEW_TABLES if arguments.short else TABLES)
    except ScriptTrackingError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    print(
        f"{found.tables} tables with a primary key each, {found.objects} objects: "
        f"{found.accounting_seconds:.2f} s for the pass that accounts for all, "
        f"{found.seconds:.2f} s for one that finds nothing"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
