"""Fixture `exporter`: starts the real program against a database and scrapes it."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.fix_certificates import Authority

Found = TypeVar("Found")

PATIENCE_SECONDS = 120.0  # at least, for what never comes: a machine that is slow is no failure
STARTS_WITHIN_SECONDS = 120.0


@dataclass(frozen=True)
class Answer:
    """What a request got."""

    status: int
    headers: dict[str, str]
    body: bytes


class Exporter:
    """A running `script-tracking-exporter run` with its log in a file; it is asked by TLS where `trust` has signed
    its certificate.
    """

    _trust: ssl.SSLContext | None = None  # also of one that is started otherwise

    def __init__(
        self,
        config: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
        trust: Authority | None = None,
    ) -> None:
        self.config = config
        self._trust = ssl.create_default_context(cafile=trust.certificate) if trust else None
        self._log = log
        self._output = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exporter", "run", "--config", str(config)],
            stderr=self._output,
            env={**{key: value for key, value in os.environ.items() if key != "DATABASE_URL"}, **(environment or {})},
        )
        try:
            self.port = int(str(self.wait_for_event("started")["listen"]).rpartition(":")[2])
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    @property
    def url(self) -> str:
        """Base of its URLs."""
        return f"{'https' if self._trust else 'http'}://127.0.0.1:{self.port}"

    def events(self, name: str) -> list[dict[str, object]]:
        """Log lines of one event so far."""
        whole = self._log.read_bytes().rpartition(b"\n")[0]  # the last line may be seen amid its being written
        lines = [line for line in whole.decode().splitlines() if line.startswith("{")]
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def wait_for_event(self, name: str, within: float = STARTS_WITHIN_SECONDS) -> dict[str, object]:
        """The first log line of an event."""
        return eventually(lambda: next(iter(self.events(name)), None), within)

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Answer to one request, whatever its status."""
        request = Request(self.url + path, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urlopen(request, timeout=60, context=self._trust) as response:
                return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
        except HTTPError as error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample of that name whose labels include these; None where there is none."""
        lines = [line for line in self.get("/metrics").body.decode().splitlines() if line.startswith(name)]
        found = [
            sample.value
            for family in text_string_to_metric_families("\n".join(lines))  # of a few lines: tests ask often
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert len(found) <= 1, f"{name}{labels} names {len(found)} samples"
        return found[0] if found else None

    def wait_for_value(self, expected: float | None, name: str, within: float = 40.0, /, **labels: str) -> None:
        """Waits until a sample has a value, or with None until it is gone."""
        eventually(lambda: self.value(name, **labels) == expected, within)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it by a signal; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout=PATIENCE_SECONDS)
        finally:
            self.process.kill()
            self._output.close()

    def stop_and_look(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Ends it by a signal; its exit code, and the seconds for which it waited for something. Those in which it
        worked, or another process had the processor, or this one was held up as well, are not among them: they tell of
        the machine.
        """
        began, busy, held_up = time.monotonic(), self._busy(), 0.0
        self.process.send_signal(number)
        # ended and not yet taken away, it can still be looked at
        while not os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            before = time.monotonic()
            assert before - began < PATIENCE_SECONDS, "it does not end"
            time.sleep(0.02)
            late = time.monotonic() - before - 0.02
            held_up += late if late > 0.1 else 0.0
        waited = time.monotonic() - began - (self._busy() - busy) - held_up
        return self.stop(), waited

    def _busy(self) -> float:
        """Seconds for which its main thread has worked, or waited for a processor; 0 where the kernel does not tell."""
        try:
            worked, waited, _ = Path(f"/proc/{self.process.pid}/schedstat").read_text().split()
        except FileNotFoundError:
            return 0.0
        return (int(worked) + int(waited)) / 1e9


def eventually(probe: Callable[[], Found | None], within: float) -> Found:
    """The first true result of a probe; fails after `within` seconds, or two minutes where that is less."""
    within = max(within, PATIENCE_SECONDS)
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            found = probe()
        except (URLError, ConnectionError, TimeoutError):
            found = None
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"nothing within {within:g} s")


def becomes(expected: object, ask: Callable[[], object], within: float = PATIENCE_SECONDS) -> None:
    """Asks until what is told is as expected; where it never is, shows what it was last."""
    end = time.monotonic() + within
    found: object = None
    while time.monotonic() < end:
        try:
            found = ask()
        except (URLError, ConnectionError, TimeoutError) as error:
            found = error
        if found == expected:
            return
        time.sleep(0.2)
    assert found == expected


StartExporter = Callable[..., Exporter]


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[StartExporter]:
    """Starts the program: exporter(dsn, **settings of the configuration file)."""
    with ExitStack() as stack:

        def start(dsn: str, *, environment: Mapping[str, str] | None = None, **settings: Any) -> Exporter:
            number = len(list(tmp_path.glob("exporter-*.yaml")))
            config = tmp_path / f"exporter-{number}.yaml"
            targets = [{"name": "shop", "dsn": dsn}]
            # the slow collectors of the metric map are brought forward, so that a test does not wait for them
            sooner = {"operation_durations": {"interval": "2s"}, "dashboard": {"interval": "2s"}}
            settings["collectors"] = {**sooner, **dict(settings.get("collectors") or {})}
            config.write_text(
                yaml.safe_dump({"listen": "127.0.0.1:0", "log": {"format": "json"}, "targets": targets, **settings}),
                encoding="utf-8",
            )
            running = Exporter(config, tmp_path / f"exporter-{number}.log", environment)
            stack.callback(running.stop)
            return running

        yield start
