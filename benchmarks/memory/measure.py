"""Runs the exporter until it has gone through so many cycles, and reads its resident memory meanwhile."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import yaml

from exporter import metricmap
from exporter.errors import ScriptTrackingError

TARGETS = 4  # at any time, unless it is said otherwise
CHANGE_SECONDS = 2.0  # after which the oldest goes and another comes
BASELINE_SHARE = 0.1  # of the cycles, before memory is first read: what is loaded and pooled once is by then
WINDOW_SHARE = 0.05  # of the cycles, over which memory is averaged
STALL_SECONDS = 120.0


@dataclass
class Run:
    """What was counted and read; memory as pairs of cycles and megabytes."""

    cycles: float = 0.0
    came: int = 0
    scrapes: int = 0
    seconds: float = 0.0
    memory: list[tuple[float, float]] = field(default_factory=list)

    def resident(self, begin: float, end: float) -> float:
        """Mean of the memory between two shares of the cycles."""
        within = [size for at, size in self.memory if begin * self.cycles <= at <= end * self.cycles]
        if not within:
            raise ScriptTrackingError("too few cycles to read memory in between")
        return statistics.fmean(within)

    @property
    def before(self) -> float:
        """Megabytes once everything that is needed was loaded."""
        return self.resident(BASELINE_SHARE, BASELINE_SHARE + WINDOW_SHARE)

    @property
    def after(self) -> float:
        """Megabytes at the end."""
        return self.resident(1 - WINDOW_SHARE, 1)

    @property
    def growth(self) -> float:
        """As a ratio: 0.05 is five per cent."""
        return self.after / self.before - 1


class _Counter(threading.Thread):
    """Counts the collections that the exporter's log tells of, and finds where it listens."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.collections = 0
        self.failures: list[Mapping[str, Any]] = []
        self.port: int | None = None

    def run(self) -> None:
        """Until the exporter ends."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            event = json.loads(line)
            if event["event"] == "collected":
                self.collections += 1
            elif event["event"] == "started":
                self.port = int(event["listen"].rpartition(":")[2])
            elif event["event"] in ("collector_failed", "task_ended"):
                self.failures.append(event)


@contextlib.contextmanager
def _exporter(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], _Counter]]:
    collectors = {spec.name: {"interval": "100ms"} for spec in metricmap.load()}
    config = {
        "listen": "127.0.0.1:0",
        "schema": "check",
        "log": {"format": "json", "level": "warning", "levels": {"collect": "debug", "daemon": "info"}},
        "file_sd": {"files": ["targets.yaml"], "interval": "500ms"},
        "collectors": collectors,
    }
    file = folder / "exporter.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "exporter", "run", "--config", str(file)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    counter = _Counter(process)
    counter.start()
    try:
        yield process, counter
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        counter.join(timeout=20)
        if process.stderr is not None:
            process.stderr.close()


def measure(dsn: str, cycles: int, targets: int = TARGETS) -> Run:
    """A cycle is one round of all collectors on one target. Raises ScriptTrackingError where it does not get on."""
    run, began = Run(), time.monotonic()
    a_cycle = len(metricmap.load())
    with tempfile.TemporaryDirectory(prefix="script-tracking-memory-") as name:
        folder = Path(name)
        _write_targets(folder, dsn, run.came, targets)
        with _exporter(folder) as (process, counter):
            changed = moved = time.monotonic()
            while run.cycles < cycles:
                time.sleep(0.2)
                now, before = time.monotonic(), run.cycles
                run.cycles = counter.collections / a_cycle
                moved = now if run.cycles > before else moved
                if process.poll() is not None or now > moved + STALL_SECONDS:
                    raise ScriptTrackingError(f"the exporter does not get on: {counter.failures[-3:]}")
                if now > changed + CHANGE_SECONDS:
                    changed = now
                    run.came += 1
                    _write_targets(folder, dsn, run.came, targets)
                    run.scrapes += _scrape(counter.port)
                run.memory.append((run.cycles, _resident_megabytes(process.pid)))
    run.seconds = time.monotonic() - began
    return run


def _write_targets(folder: Path, dsn: str, first: int, count: int) -> None:
    """So many targets of one database, the last with a name that there has not been before."""
    targets = [{"name": f"target-{number}", "dsn": dsn} for number in range(first, first + count)]
    new = folder / "targets.new"
    new.write_text(yaml.safe_dump(targets), encoding="utf-8")
    new.replace(folder / "targets.yaml")


def _scrape(port: int | None) -> int:
    """Asks in both formats, plain and compressed."""
    if port is None:
        return 0
    headers: tuple[dict[str, str], ...] = ({}, {"Accept": "application/openmetrics-text"}, {"Accept-Encoding": "gzip"})
    for header in headers:
        with urlopen(Request(f"http://127.0.0.1:{port}/metrics", headers=header), timeout=20) as answer:
            answer.read()
    return len(headers)


def _resident_megabytes(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ScriptTrackingError("the kernel does not tell the resident memory")
