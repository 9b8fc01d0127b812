"""`python -m benchmarks.disturbance [--scrapes N]`: scrapes beside clients that misbehave, as Markdown."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.disturbance.measure import measure
from benchmarks.place import machine
from exporter.errors import ScriptTrackingError


def main() -> int:
    """Exit code 0, or 1 where something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.disturbance", description=__doc__)
    parser.add_argument("--scrapes", type=int, default=500, help="of each scene")
    arguments = parser.parse_args()
    columns = ("beside", "TLS", "connection", "p50 ms", "p99 ms", "longest ms", "server busy p50 ms", "p99 ms")
    print(f"{machine()}\n\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    try:
        for tls in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                for row in measure(Path(folder), arguments.scrapes, tls=tls):
                    manner = "kept" if row.kept else "new"
                    figures = (row.p50, row.p99, row.longest, row.busy_p50, row.busy_p99)
                    told = " | ".join(f"{figure:.1f}" for figure in figures)
                    print(f"| {row.scene} | {'yes' if tls else 'no'} | {manner} | {told} |", flush=True)
    except ScriptTrackingError as error:
        print(f"benchmarks.disturbance: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
