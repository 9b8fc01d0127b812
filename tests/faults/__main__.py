"""`python -m tests.faults [--write] [WORD ...]`: plays all faults, or those with a word in their name, as Markdown."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from benchmarks.place import machine
from tests.faults.fault import play
from tests.faults.scene import PATIENCE, Scene
from tests.faults.table import CASES, page, row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
INTRO = """\
# Faults, and what is to be seen of them

Written by `make faults`, which does to a PostgreSQL and to a running exporter what this says, looks at what the
exporter shows, and ends the fault. One exporter goes through all of them without a restart. It watches a second
database on another server, whose collection no fault may touch. While `up` is 0 nothing but the exporter's own metrics
is served of the database. A line of the log stands once for each change of state of each of a target's tasks. The tests
hold all of it (`tests/faults`), and wait {patience} times as long as is said in parentheses: others run beside them.
Where upkeep and capture wait in both sessions for a server that has fallen silent, it is asked beside them whether it
answers a new connection.

The times are those of one run, of {date}: {machine}; load {load}; PostgreSQL {version}; every collector's interval set
to 2 s. They depend on the moment within an interval and, after an outage, on the wait before the next attempt, which
doubles from 1 s to 60 s. A stalled collection has half a minute beyond the timeout of what it asks before it counts as
one; here it had 3 s, and the archive's folder was looked at every 2 s in place of every ten minutes. The clock, the
name, the mistake and the stall are faults of the exporter's process, brought about from within it; a clock that jumps
is the wall clock, since nobody can set the monotonic one. "Collected meanwhile": two collections of the database in a
row have succeeded since the fault began. It is well again once everything is collected and what
the log says of the end stands in it.
"""


def main() -> int:
    """Exit code 0, or 1 where the exporter did not do as it must."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}, too; takes all of them")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only faults with it in their name")
    arguments = parser.parse_args()
    chosen = [case for case in CASES if not arguments.words or any(word in case.name for word in arguments.words)]
    outcomes, failed, left_out, scene = [], [], [], None
    with tempfile.TemporaryDirectory(prefix="script-tracking-faults-") as folder:
        try:
            for number, fault in enumerate(chosen):
                if scene is None:
                    place = Path(folder, str(number))
                    place.mkdir()
                    scene = Scene(place)
                    with psycopg.connect(scene.victim.dsn) as connection:
                        version = connection.info.server_version
                try:
                    outcomes.append(play(scene, fault))
                    print(row(outcomes[-1]), flush=True)
                except pytest.skip.Exception as skipped:
                    left_out.append(fault.name)
                    print(f"| {fault.name} | left out: {skipped} |", flush=True)
                except AssertionError as error:
                    failed.append(fault.name)
                    print(f"| {fault.name} | FAILED: {error} |", flush=True)
                    scene.close()
                    scene = None
        finally:
            if scene is not None:
                scene.close()
    told = f"{len(outcomes)} faults as they should be, {len(failed)} not, {len(left_out)} left out"
    print(told + "".join(f"\n  not: {name}" for name in failed), file=sys.stderr)
    if arguments.write and not failed and len(outcomes) == len(CASES):
        intro = INTRO.format(
            date=datetime.date.today().isoformat(),
            machine=machine(),
            load=f"{os.getloadavg()[2]:.0f}",
            version=f"{version // 10000}.{version % 10000}",
            patience=f"{PATIENCE:g}",
        )
        PAGE.write_text(page(outcomes, intro), encoding="utf-8")
    return 1 if failed else 0


sys.exit(main())
