"""Runs the exporter with so many targets on a few databases, and looks at the process from outside."""

from __future__ import annotations

import contextlib
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import psycopg
import yaml
from psycopg.conninfo import make_conninfo

from benchmarks.place import install_schema
from exporter import metricmap
from exporter.demo.processes import free_port
from exporter.demo.server import LocalServer
from exporter.errors import ScriptTrackingError

INTERVAL = "15s"
SCRAPE_SECONDS = 15.0
WITHIN_SECONDS = 600.0
TEMPLATE = "fleet_template"
_ORIGINAL = """
with compared as (update script_tracking_internal.reconcile_state set passed_at = clock_timestamp())
update script_tracking_internal.installation as i
set database_oid = d.oid, record_source = replace(i.record_source, %s, d.datname)
from pg_database as d where d.datname = current_database()
"""


@dataclass(frozen=True)
class Fleet:
    """One process, while it watched so many targets for so long."""

    targets: int
    seconds: float
    all_up_seconds: float  # from the start until every target had answered
    cpu_share: float  # of one core, a scrape every 15 s included, the start not
    server_share: float | None  # of one core, all of the server's processes
    server_megabytes: float | None  # resident and private to a session of the server, the median
    resident_megabytes: float
    samples: int
    lag_seconds: float  # the longest that was told in any scrape
    blocked: int  # waits of more than 50 ms
    sessions: int
    scrape_milliseconds: float  # the longest, gzip
    oldest_seconds: float  # age of the oldest collection, of any target, in any scrape: the interval and what it waited


def databases(server: LocalServer, count: int) -> list[str]:
    """DSNs of databases with the schema, each a clone of the first."""
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(f"create database {TEMPLATE}".encode())
        install_schema(make_conninfo(server.dsn, dbname=TEMPLATE))
        found = []
        for number in range(count):
            admin.execute(f"create database fleet_{number} template {TEMPLATE}".encode())
            found.append(make_conninfo(server.dsn, dbname=f"fleet_{number}"))
    for dsn in found:
        with psycopg.connect(dsn, autocommit=True) as own:
            own.execute(_ORIGINAL, (TEMPLATE,))  # or each were a copy that nobody has confirmed
    return found


@contextlib.contextmanager
def _running(dsns: Sequence[str], targets: int, limit: int) -> Iterator[tuple[int, int, float]]:
    """Process, port and start of an exporter with so many targets and at most so many sessions."""
    port = free_port()
    config = {
        "listen": f"127.0.0.1:{port}",
        "log": {"format": "json"},
        "sessions": {"limit": limit},
        "collectors": {spec.name: {"interval": INTERVAL} for spec in metricmap.load()},
        "targets": [{"name": f"target_{number}", "dsn": dsns[number % len(dsns)]} for number in range(targets)],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "exporter.yaml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "exporter", "run", "--config", str(file)], stderr=subprocess.DEVNULL
        )
        try:
            yield process.pid, port, began
        finally:
            process.terminate()
            process.wait(timeout=60)


@dataclass(frozen=True)
class Scrape:
    """One scrape, as Prometheus makes it: compressed."""

    seconds: float
    samples: int
    values: Mapping[str, Sequence[float]]  # by the name of the sample


def scrape(port: int) -> Scrape:
    """Scrapes; what is made of the answer here does not belong to its time."""
    began = time.monotonic()
    request = Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept-Encoding": "gzip"})
    with urlopen(request, timeout=60) as response:
        body = response.read()
    seconds = time.monotonic() - began
    values: dict[str, list[float]] = {}
    for line in gzip.decompress(body).decode().split("\n"):
        if line and not line.startswith("#"):
            sample, _, value = line.rpartition(" ")
            values.setdefault(sample.partition("{")[0], []).append(float(value))
    return Scrape(seconds, sum(map(len, values.values())), values)


def _cpu_seconds(pid: int, *, ended_children: bool = False) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if ended_children else 13])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _server_seconds(postmaster: int) -> float:
    total = _cpu_seconds(postmaster, ended_children=True)
    for child in _children(postmaster):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
            total += _cpu_seconds(child)
    return total


def _private_megabytes(postmaster: int) -> float:
    found = []
    for child in _children(postmaster):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"postgres: postgres fleet_"):
                rolled_up = Path(f"/proc/{child}/smaps_rollup").read_text()
                found.append(sum(int(line.split()[1]) for line in rolled_up.splitlines() if "Private_Dirty" in line))
    return statistics.median(found) / 1024


def _resident_megabytes(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def measure(
    dsns: Sequence[str], targets: int, seconds: float, *, limit: int, settle: float = 0.0, postmaster: int | None = None
) -> Fleet:
    """Starts, waits until all targets answer and everything was collected once, and looks, `settle` seconds later,
    for so long; at the server too where it is told the number of its first process.
    """
    with _running(dsns, targets, limit) as (pid, port, began):
        all_up = _wait(port, targets, began)
        time.sleep(settle)
        before = scrape(port)
        begin, cpu, lag, slowest = time.monotonic(), _cpu_seconds(pid), 0.0, 0.0
        oldest = 0.0
        server = _server_seconds(postmaster) if postmaster else None
        last, due = before, begin
        while due < begin + seconds:
            due += SCRAPE_SECONDS
            time.sleep(max(due - time.monotonic(), 0))
            last = scrape(port)
            slowest = max(slowest, last.seconds)
            successes = last.values["script_tracking_collector_last_success_timestamp_seconds"]
            oldest = max(oldest, time.time() - min(successes))
            lag = max(lag, *last.values["script_tracking_exporter_event_loop_lag_seconds"])
        passed = time.monotonic() - begin
        name = "script_tracking_exporter_event_loop_blocked_total"
        return Fleet(
            targets=targets,
            seconds=passed,
            all_up_seconds=all_up,
            cpu_share=(_cpu_seconds(pid) - cpu) / passed,
            server_share=(_server_seconds(postmaster) - server) / passed if postmaster and server is not None else None,
            server_megabytes=_private_megabytes(postmaster) if postmaster else None,
            resident_megabytes=_resident_megabytes(pid),
            samples=last.samples,
            lag_seconds=lag,
            blocked=int(last.values[name][0] - before.values[name][0]),
            sessions=int(last.values["script_tracking_exporter_sessions_open"][0]),
            scrape_milliseconds=slowest * 1000,
            oldest_seconds=oldest,
        )


def _wait(port: int, targets: int, began: float) -> float:
    collectors = len(metricmap.load())
    all_up = None
    while time.monotonic() - began < WITHIN_SECONDS:
        time.sleep(1)
        try:
            values = scrape(port).values
        except (URLError, OSError):
            continue
        if all_up is None and sum(values.get("script_tracking_up", [])) == targets:
            all_up = time.monotonic() - began
        if all_up is not None and sum(values.get("script_tracking_collector_success", [])) == targets * collectors:
            return all_up
    raise ScriptTrackingError(f"not all of {targets} targets were collected within {WITHIN_SECONDS:g} s")
