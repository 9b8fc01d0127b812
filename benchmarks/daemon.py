"""What the exporter costs: time until it listens, resident memory, and the time of a scrape."""

from __future__ import annotations

import contextlib
import http.client
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yaml

from benchmarks.place import Place
from exporter.demo.processes import free_port
from exporter.errors import ScriptTrackingError

STARTS = 5
SETTLE_SECONDS = 40.0  # every collector has run by then, the slowest among them every 30 s
WITHIN_SECONDS = 120.0
_LEVEL = "select capture_level from script_tracking_internal.installation"


@dataclass(frozen=True)
class Exporter:
    """Medians of several starts; the scrapes of the last, over one kept connection as Prometheus does."""

    listen_seconds: float
    python_seconds: float
    first_snapshot_seconds: float
    resident_megabytes: float
    scrape_p50_milliseconds: float
    scrape_p99_milliseconds: float
    healthy_p50_milliseconds: float
    samples: int
    scrapes: int


class Running:
    """One process of the exporter on a free port, watching one database."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.port = free_port()
        config = folder / "exporter.yaml"
        targets = [{"name": "tracked", "dsn": dsn}]
        config.write_text(yaml.safe_dump({"listen": f"127.0.0.1:{self.port}", "targets": targets}), encoding="utf-8")
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exporter", "run", "--config", str(config)], stderr=subprocess.DEVNULL
        )

    def seconds_until_listening(self) -> float:
        """From the start of the process to the first connection that it takes."""
        while time.monotonic() < self.began + WITHIN_SECONDS:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return time.monotonic() - self.began
            except ConnectionRefusedError:
                time.sleep(0.002)
        raise ScriptTrackingError("the exporter does not listen")

    def seconds_until_ready(self) -> float:
        """From the start of the process to the first snapshot."""
        while time.monotonic() < self.began + WITHIN_SECONDS:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            connection.request("GET", "/-/ready")
            status = connection.getresponse().status
            connection.close()
            if status == 200:
                return time.monotonic() - self.began
            time.sleep(0.01)
        raise ScriptTrackingError("the exporter is not ready")

    def resident_megabytes(self) -> float:
        """VmRSS of the process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise ScriptTrackingError("the kernel does not tell the resident memory")

    def milliseconds(self, path: str, times: int) -> tuple[list[float], bytes]:
        """Duration of each of several requests over one connection, and the last body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        durations, body = [], b""
        for _ in range(times):
            began = time.perf_counter()
            connection.request("GET", path)
            body = connection.getresponse().read()
            durations.append((time.perf_counter() - began) * 1000)
        connection.close()
        return durations, body

    def close(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait(timeout=60)


@contextlib.contextmanager
def at_level_full(dsn: str) -> Iterator[None]:
    """Runs the exporter on a database, from when it has raised it to the level full. Raises ScriptTrackingError."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Running(Path(folder), dsn)):
        deadline = time.monotonic() + WITHIN_SECONDS
        with psycopg.connect(dsn, autocommit=True) as admin:
            while admin.execute(_LEVEL).fetchone() != ("full",):
                if time.monotonic() > deadline:
                    raise ScriptTrackingError("the exporter does not reach the level full")
                time.sleep(0.1)
        yield


def _python_seconds() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.monotonic() - began


def exporter(place: Place, scrapes: int, settle: float = SETTLE_SECONDS) -> Exporter:
    """Starts the exporter several times on the tracked database, and scrapes the last one `scrapes` times."""
    listening, ready, python = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(STARTS):
            python.append(_python_seconds())
            running = Running(Path(folder), place.tracked)
            try:
                listening.append(running.seconds_until_listening())
                ready.append(running.seconds_until_ready())
                if number < STARTS - 1:
                    continue
                time.sleep(settle)
                durations, body = running.milliseconds("/metrics", scrapes)
                healthy, _ = running.milliseconds("/-/healthy", scrapes)
                resident = running.resident_megabytes()
            finally:
                running.close()
    samples = sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))
    return Exporter(
        statistics.median(listening), statistics.median(python), statistics.median(ready), resident,
        statistics.median(durations), statistics.quantiles(durations, n=100)[98], statistics.median(healthy),
        samples, scrapes,
    )  # fmt: skip
