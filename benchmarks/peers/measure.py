"""One exporter at a time, scraped over one kept connection as Prometheus does."""

from __future__ import annotations

import contextlib
import http.client
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.peers import equal
from exporter.demo.processes import free_port
from exporter.errors import ScriptTrackingError

WITHIN_SECONDS = 60.0
PAUSE_SECONDS = 0.05
SCRAPE_TIMEOUT_SECONDS = 10.0  # Prometheus' own
TEXT = "text/plain; version=0.0.4"
OPERATIONS = b"script_tracking_operations_total{"  # by which the samples of the database are known


@dataclass(frozen=True)
class Contestant:
    """A program, and how it is started: `command(folder, port)` writes its configuration and gives its command."""

    name: str
    up: bytes  # the line by which it says that the database does not answer
    command: Callable[[Path, int], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Effort:
    """How long is measured."""

    starts: int
    scrapes: int
    idle_seconds: float
    outage_seconds: float


@dataclass(frozen=True)
class Outage:
    """A scrape some time after the database was stopped; None where there was no answer."""

    status: int | None
    milliseconds: float
    says_down: bool
    old_samples: int


@dataclass(frozen=True)
class Figures:
    """What was measured of one program."""

    name: str
    listening_seconds: float
    first_samples_seconds: float
    samples: int
    database_samples: int
    p50: float
    p99: float
    packed_p50: float  # of a scrape that asks for gzip, as Prometheus does
    packed_p99: float
    scrape_cpu: float  # milliseconds of the program's processor time for a scrape, beyond what it takes by itself
    packed_cpu: float  # the same of a scrape that asks for gzip
    idle_cpu: float  # milliseconds a second, unscraped
    resident: float  # MB
    outage: Outage


class Running:
    """A started program."""

    def __init__(self, contestant: Contestant, folder: Path, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        command = contestant.command(folder, self.port)
        self._log = (folder / "log").open("wb")
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, cwd=folder, env={**environment, **contestant.environment}
        )

    def close(self) -> None:
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def scrape(
        self, connection: http.client.HTTPConnection | None = None, *, encoding: str = "identity"
    ) -> tuple[int, bytes]:
        """Status and body of a scrape, as it was sent."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=SCRAPE_TIMEOUT_SECONDS)
        own.request("GET", "/metrics", headers={"Accept": TEXT, "Accept-Encoding": encoding})
        answer = own.getresponse()
        body = answer.read()
        if connection is None:
            own.close()
        return answer.status, body

    def until(self, what: Callable[[], bool]) -> float:
        """Seconds from the start until something is so. Raises ScriptTrackingError."""
        while time.monotonic() < self.began + WITHIN_SECONDS:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if what():
                    return time.monotonic() - self.began
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        raise ScriptTrackingError(f"{Path(self._log.name).read_text(errors='replace')[-500:]}\nit does not answer")

    def listens(self) -> bool:
        """Whether it takes a connection."""
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        return True

    def has_samples(self) -> bool:
        """Whether it tells of the database."""
        return OPERATIONS in self.scrape()[1].replace(b"equal_operations_", b"")

    def cpu_milliseconds(self) -> float:
        """Processor time of the process so far (see clock_getcpuclockid)."""
        return time.clock_gettime((~self.process.pid << 3) | 2) * 1000

    def resident_megabytes(self) -> float:
        """VmRSS of the process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise ScriptTrackingError("the kernel does not tell the resident memory")


def samples(body: bytes) -> int:
    """Lines that are samples."""
    return sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))


def of_database(body: bytes) -> int:
    """Samples of the function whose rows are the most."""
    return sum(1 for line in body.splitlines() if line.removeprefix(b"equal_operations_").startswith(OPERATIONS))


@contextlib.contextmanager
def running(contestant: Contestant, environment: Mapping[str, str]) -> Iterator[Running]:
    """Starts one and ends it."""
    with tempfile.TemporaryDirectory() as folder:
        one = Running(contestant, Path(folder), environment)
        try:
            yield one
        finally:
            one.close()


def measure(contestant: Contestant, effort: Effort, environment: Mapping[str, str], server: Any) -> Figures:
    """Starts it several times, scrapes the last one, and stops the database under it."""
    listening = []
    for _ in range(effort.starts - 1):
        with running(contestant, environment) as one:
            listening.append(one.until(one.listens))
            one.until(one.has_samples)
    with running(contestant, environment) as one:
        listening.append(one.until(one.listens))
        first = one.until(one.has_samples)
        time.sleep(3 * equal.INTERVAL_SECONDS)  # every query has run by then
        before, at = one.cpu_milliseconds(), time.monotonic()
        time.sleep(effort.idle_seconds)
        idle = (one.cpu_milliseconds() - before) / (time.monotonic() - at)
        connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=SCRAPE_TIMEOUT_SECONDS)
        packed, packed_cpu, _ = _scrapes(one, connection, effort.scrapes, idle, "gzip")
        durations, scrape_cpu, body = _scrapes(one, connection, effort.scrapes, idle, "identity")
        connection.close()
        resident = one.resident_megabytes()
        server.stop()
        try:
            time.sleep(effort.outage_seconds)
            outage = _outage(contestant, one)
        finally:
            server.start()
    return Figures(
        contestant.name, statistics.median(listening), first, samples(body), of_database(body),
        statistics.median(durations), _p99(durations), statistics.median(packed), _p99(packed),
        scrape_cpu, packed_cpu, idle, resident, outage,
    )  # fmt: skip


def _p99(durations: Sequence[float]) -> float:
    return statistics.quantiles(durations, n=100, method="inclusive")[98]


def _scrapes(
    one: Running, connection: http.client.HTTPConnection, times: int, idle: float, encoding: str
) -> tuple[list[float], float, bytes]:
    """Milliseconds of each, those of the program's processor time for one, and the last body."""
    durations, body = [], b""
    one.scrape(connection, encoding=encoding)
    before, at = one.cpu_milliseconds(), time.monotonic()
    for _ in range(times):
        began = time.perf_counter()
        _, body = one.scrape(connection, encoding=encoding)
        durations.append((time.perf_counter() - began) * 1000)
        time.sleep(PAUSE_SECONDS)
    busy = one.cpu_milliseconds() - before - idle * (time.monotonic() - at)
    return durations, busy / times, body


def _outage(contestant: Contestant, one: Running) -> Outage:
    began = time.perf_counter()
    status: int | None = None
    body = b""
    with contextlib.suppress(OSError, http.client.HTTPException):
        status, body = one.scrape()
    return Outage(status, (time.perf_counter() - began) * 1000, contestant.up in body, of_database(body))


def write(folder: Path, name: str, content: Mapping[str, Any]) -> str:
    """A configuration's path."""
    file = folder / name
    file.write_text(yaml.safe_dump(dict(content), sort_keys=False), encoding="utf-8")
    return str(file)
