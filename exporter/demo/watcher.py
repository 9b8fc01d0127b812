"""The exporter itself, run as `script-tracking-exporter run` beside the demo, and scraped."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from urllib.error import URLError

import yaml

from exporter.config import DEFAULT_LISTEN
from exporter.demo.exposition import Scrape
from exporter.demo.processes import Process, ProcessFailed, fetch, free_port
from exporter.dsn import Dsn
from exporter.errors import ScriptTrackingError

READY_SECONDS = 120.0
PORT_ATTEMPTS = 3
POLL_SECONDS = 0.1
# A viewer waits for these; what they cost the database is in the summary all the same.
INTERVALS = {
    "operations": "1s",
    "errors": "1s",
    "running": "1s",
    "capture": "2s",
    "health": "5s",
    "operation_durations": "5s",
    "performance": "10s",
    "dashboard": "10s",
}


class NeverSeen(ScriptTrackingError):
    """The metrics did not say in time what they should."""


class Watcher:
    """A running exporter from its entry to its exit, on its usual port where that is free."""

    def __init__(self, dsn: Dsn, folder: Path) -> None:
        self._dsn = dsn
        self._folder = folder
        self._log = folder / "exporter.log"
        self._process: Process | None = None
        self.address = ""
        self.usual_port_taken = False

    @property
    def metrics_url(self) -> str:
        """Where it is scraped."""
        return f"http://{self.address}/metrics"

    def __enter__(self) -> Watcher:
        self.address, self.usual_port_taken = DEFAULT_LISTEN, not _is_free(DEFAULT_LISTEN)
        if self.usual_port_taken:
            self.address = f"127.0.0.1:{free_port()}"
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                self._start()
                return self
            except ProcessFailed as error:
                if "address already in use" not in str(error).lower() or attempt == PORT_ATTEMPTS:
                    raise
                self.usual_port_taken = True
                self.address = f"127.0.0.1:{free_port()}"
        raise AssertionError("unreachable")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.stop()

    async def scrape(self) -> Scrape:
        """What /metrics says now; nothing where the exporter does not answer. Raises ProcessFailed where it ended."""
        if self._process is None or self._process.code is not None:
            raise ProcessFailed(f"the exporter has ended: {self._log.read_text(errors='replace')[-2000:]}")
        try:
            return Scrape((await asyncio.to_thread(fetch, self.metrics_url)).decode())
        except (URLError, ConnectionError, TimeoutError):
            return Scrape("")

    async def until(self, told: Callable[[Scrape], bool], within: float) -> Scrape:
        """The first scrape of which that holds. Raises NeverSeen."""
        deadline = time.monotonic() + within
        while True:
            scrape = await self.scrape()
            if told(scrape):
                return scrape
            if time.monotonic() > deadline:
                raise NeverSeen(f"{self.metrics_url} did not say within {within:g} s what it should")
            await asyncio.sleep(POLL_SECONDS)

    def _start(self) -> None:
        config = {
            "listen": self.address,
            "schema": "check",  # installed already; this role could not
            "collectors": {name: {"interval": interval} for name, interval in INTERVALS.items()},
            "targets": [{"dsn": self._dsn.secret()}],  # its name is host:port/database: no other demo's
        }
        file = self._folder / "exporter.yaml"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [sys.executable, "-m", "exporter", "run", "--config", str(file)]
        self._process = Process(command, self._log)
        try:
            self._process.wait_for(f"http://{self.address}/-/ready", READY_SECONDS)
            # two demos that start at once both find the port free, and the first answers for the second
            if not Scrape(fetch(self.metrics_url).decode()).select("script_tracking_up", target=self._dsn.label):
                raise ProcessFailed(f"{self.address}: address already in use by another exporter")
        except BaseException:
            self._process.stop()
            raise


def _is_free(address: str) -> bool:
    """Whether nobody listens there; an exporter that does would look like ours."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return False
    return True
