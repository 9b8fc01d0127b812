"""Load by pgbench, in pairs of runs: what is measured and its baseline take turns, so both see the same machine."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from exporter.errors import ScriptTrackingError


@dataclass(frozen=True)
class Load:
    """A pgbench script: statements of one transaction round, and whether they are prepared."""

    name: str
    script: str
    prepared: bool = False


@dataclass(frozen=True)
class Rate:
    """What one run came to: rounds a second, and milliseconds a round at the client."""

    per_second: float
    milliseconds: float


@dataclass(frozen=True)
class Pair:
    """Medians over the pairs of runs."""

    rate: float
    baseline_rate: float
    ratio: float
    added_milliseconds: float
    pairs: int


@dataclass(frozen=True)
class Effort:
    """How long is measured: pairs of runs, seconds a run."""

    pairs: int
    seconds: int


def run(pgbench: Path, dsn: str, load: Load, clients: int, seconds: int) -> Rate:
    """Runs a load. Raises ScriptTrackingError where a client fails."""
    fields = conninfo_to_dict(dsn)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(load.script)
        file.flush()
        command = [
            str(pgbench), "--no-vacuum", "--client", str(clients), "--jobs", str(min(clients, 2)),
            "--time", str(seconds), "--protocol", "prepared" if load.prepared else "simple",
            "--host", str(fields["host"]), "--port", str(fields["port"]), "--username", str(fields["user"]),
            "--file", file.name, str(fields["dbname"]),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    latency = re.search(r"^latency average = ([\d.]+) ms", done.stdout, re.MULTILINE)
    failed = re.search(r"^number of failed transactions: (\d+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 or rate is None or latency is None or (failed and failed[1] != "0"):
        raise ScriptTrackingError(f"pgbench, {load.name}: {done.stderr.strip()[-500:] or done.stdout}")
    return Rate(float(rate[1]), float(latency[1]))


def paired(measured: Callable[[], Rate], baseline: Callable[[], Rate], pairs: int) -> Pair:
    """Medians over pairs of runs, whose order changes from pair to pair; one pair before them warms up."""
    measured(), baseline()
    results = []
    for number in range(pairs):
        if number % 2:
            first = measured()
            results.append((first, baseline()))
        else:
            before = baseline()
            results.append((measured(), before))
    return Pair(
        statistics.median(one.per_second for one, _ in results),
        statistics.median(base.per_second for _, base in results),
        statistics.median(one.per_second / base.per_second for one, base in results),
        statistics.median(one.milliseconds - base.milliseconds for one, base in results),
        pairs,
    )
