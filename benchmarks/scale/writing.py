"""What writing costs in a small record and in a large one: the runs of both take turns."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Load, run
from benchmarks.place import CLIENTS
from benchmarks.tracking import COMPLETE, INSERT, TRACK

BULK_ROWS = 100
_OBJECTS = "jsonb_agg(jsonb_build_object('script_name', 'load', 'script_type', 'LOAD'))"
BULK = Load(
    f"track_operations, {BULK_ROWS} a statement",
    f"select script_tracking.track_operations((select {_OBJECTS} from generate_series(1, {BULK_ROWS})));\n",
    prepared=True,
)
LOADS = {TRACK: 1, COMPLETE: 1, BULK: BULK_ROWS}


@dataclass(frozen=True)
class Writing:
    """Executions a second at so many clients; medians over the rounds, ratios of runs beside each other."""

    name: str
    bare: float
    rates: Mapping[str, float]
    of_bare: Mapping[str, float]


def writing(pgbench: Path, bare: str, tracked: Mapping[str, str], rounds: int, seconds: int) -> list[Writing]:
    """Measures every load in every tracked database, and the bare INSERT beside it."""
    found = []
    for load, executions in LOADS.items():
        inserted: list[float] = []
        written: dict[str, list[float]] = {name: [] for name in tracked}
        for number in range(rounds + 1):
            rate = run(pgbench, bare, INSERT, CLIENTS, seconds).per_second
            names = list(tracked)[:: -1 if number % 2 else 1]
            rates = {
                name: run(pgbench, tracked[name], load, CLIENTS, seconds).per_second * executions for name in names
            }
            if number:  # the first round warms up
                inserted.append(rate)
                for name in names:
                    written[name].append(rates[name])
        found.append(
            Writing(
                load.name, statistics.median(inserted),
                {name: statistics.median(rates) for name, rates in written.items()},
                {
                    name: statistics.median(rate / base for rate, base in zip(rates, inserted, strict=True))
                    for name, rates in written.items()
                },
            )
        )  # fmt: skip
    return found
