"""`python -m benchmarks.memory [--cycles N] [--targets N]`: resident memory after many cycles of targets that
come and go.

Exit code 0 where it grew by at most five per cent, else 1.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.memory.measure import BASELINE_SHARE, TARGETS, measure
from benchmarks.place import machine, new_place
from exporter.errors import ScriptTrackingError

MOST_GROWTH = 0.05


def main() -> int:
    """Runs it and prints what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--cycles", type=int, default=10_000, help="rounds of all collectors on one target (10000)")
    parser.add_argument("--targets", type=int, default=TARGETS, help=f"at a time ({TARGETS})")
    arguments = parser.parse_args()
    try:
        with new_place() as place:
            run = measure(place.tracked, arguments.cycles, arguments.targets)
        before, after, growth = run.before, run.after, run.growth
    except ScriptTrackingError as error:
        print(f"benchmarks.memory: {error}", file=sys.stderr)
        return 1
    print(f"{machine()}; PostgreSQL {place.version}\n")
    columns = ("cycles", "targets at once", "came and went", "scrapes", "minutes", "MiB after a tenth", "at the end")
    print(f"| {' | '.join(columns)} | growth |\n{'|---' * (len(columns) + 1)}|")
    print(
        f"| {run.cycles:.0f} | {arguments.targets} | {run.came} | {run.scrapes} | {run.seconds / 60:.1f} "
        f"| {before:.1f} | {after:.1f} | {growth:+.1%} |"
    )
    if growth > MOST_GROWTH:
        print(f"it grew by more than {MOST_GROWTH:.0%} since {BASELINE_SHARE:.0%} of the cycles", file=sys.stderr)
    return 1 if growth > MOST_GROWTH else 0


sys.exit(main())
