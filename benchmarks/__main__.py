"""`python -m benchmarks [--short]`: measures, and prints the results as Markdown."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from benchmarks import reconcile, tracking
from benchmarks.daemon import at_level_full, exporter
from benchmarks.load import Effort
from benchmarks.place import FULL, machine, new_place
from benchmarks.report import Results, markdown
from exporter.errors import ScriptTrackingError


def _say(what: str) -> None:
    print(f"measuring {what}", file=sys.stderr, flush=True)


def main() -> int:
    """Exit code 0, or 1 where something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="one second a run, few tables: shows that it works, measures little"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there too")
    arguments = parser.parse_args()
    effort = Effort(1, 1) if arguments.short else Effort(5, 2)
    try:
        with new_place() as place:
            _say("DDL")
            ddl = list(tracking.ddl(place, effort))
            _say("operations")
            operations = list(tracking.operations(place, effort))
            _say("storage")
            storage = tracking.storage(place, 1000 if arguments.short else 20000)
            _say("the exporter")
            served = exporter(place, *((100, 5.0) if arguments.short else (1000,)))
        _say("DDL, at the level full")
        # beside another server without a slot, as a slot slows the DDL of all databases of its server
        with new_place(FULL) as place, new_place(FULL) as other, at_level_full(place.tracked):
            captured = list(tracking.ddl(dataclasses.replace(place, bare=other.bare), effort))
        _say("the comparison of the catalogs")
        with new_place() as place:
            compared = reconcile.measure(place.tracked, reconcile.FEW_TABLES if arguments.short else reconcile.TABLES)
        results = Results(machine(), place.version, effort, ddl, captured, operations, storage, served, compared)
    except ScriptTrackingError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        arguments.json.write_text(json.dumps(dataclasses.asdict(results), indent=2) + "\n", encoding="utf-8")
    print(markdown(results))
    return 0


sys.exit(main())
