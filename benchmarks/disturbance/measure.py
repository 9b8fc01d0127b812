"""Scrapes beside clients that misbehave."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.errors import ScriptTrackingError

SCENES: dict[str, tuple[str, ...]] = {
    "nobody else": (),
    "silent clients, of TLS too": ("silent",),
    "200 idle connections": ("idle",),
    "8 slow readers": ("slow",),
    "64 that ask without end": ("flood",),
    "64 that connect without end": ("connecting",),
    "all of them": ("silent", "idle", "slow", "flood", "connecting"),
}
PAUSE_SECONDS = 0.02
SETTLE_SECONDS = 1.5  # in which the clients begin


@dataclass(frozen=True)
class Row:
    """Milliseconds of the scrapes of one scene."""

    scene: str
    tls: bool
    kept: bool  # over one connection, or over a new one each
    p50: float
    p99: float
    longest: float
    busy_p50: (
        float  # of the server's processor time between question and answer: what it would take with a core of its own
    )
    busy_p99: float


def _certify(folder: Path) -> None:
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt"),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    (folder / "web.yml").write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key}\n", encoding="utf-8"
    )


@contextlib.contextmanager
def serving(folder: Path, *, tls: bool) -> Iterator[tuple[int, int]]:
    """The exporter's HTTP side with 17,000 samples; its port and process id."""
    if tls:
        _certify(folder)
    command = [sys.executable, "-m", "benchmarks.disturbance.served", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise ScriptTrackingError("the server does not start")
            yield int(line), process.pid
        finally:
            process.kill()


@contextlib.contextmanager
def _disturbed(port: int, authority: str, kinds: Sequence[str]) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.disturbance.clients", str(port), authority, *kinds]
    with subprocess.Popen(command) if kinds else contextlib.nullcontext() as process:
        try:
            time.sleep(SETTLE_SECONDS if kinds else 0)
            yield
            if process is not None and process.poll() is not None:
                raise ScriptTrackingError(f"{kinds}: the clients ended")
        finally:
            if process is not None:
                process.kill()


def _connection(port: int, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    if context is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)


def _processor_seconds(process: int) -> float:
    """Processor time of another process, as precise as that of this one (see clock_getcpuclockid)."""
    return time.clock_gettime((~process << 3) | 2)


def _scrapes(
    port: int, process: int, context: ssl.SSLContext | None, times: int, *, kept: bool
) -> tuple[list[float], list[float]]:
    """Milliseconds of each scrape, and of the server's processor time in it."""
    connection = _connection(port, context)
    durations, busy = [], []
    for number in range(times + 1):
        began, processor = time.perf_counter(), _processor_seconds(process)
        if not kept:
            connection = _connection(port, context)
        connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
        body = connection.getresponse().read()
        if number:  # the first one connects, and has the text compressed
            durations.append((time.perf_counter() - began) * 1000)
            busy.append((_processor_seconds(process) - processor) * 1000)
        else:
            assert gzip.decompress(body).count(b"\n") > 17_000
        if not kept:
            connection.close()
        time.sleep(PAUSE_SECONDS)
    connection.close()
    return durations, busy


def _p99(durations: Sequence[float]) -> float:
    return statistics.quantiles(durations, n=100, method="inclusive")[98]


def measure(folder: Path, scrapes: int, *, tls: bool, scenes: Sequence[str] = tuple(SCENES)) -> Iterator[Row]:
    """One row for each scene and manner of connecting."""
    authority = str(folder / "server.crt") if tls else ""
    with serving(folder, tls=tls) as (port, process):
        context = ssl.create_default_context(cafile=authority) if tls else None
        for scene in scenes:
            with _disturbed(port, authority, SCENES[scene]):
                for kept in (True, False):
                    durations, busy = _scrapes(port, process, context, scrapes, kept=kept)
                    yield Row(
                        scene, tls, kept, statistics.median(durations), _p99(durations), max(durations),
                        statistics.median(busy), _p99(busy),
                    )  # fmt: skip
