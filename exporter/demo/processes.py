"""A program that runs beside this one, ends with it, and answers on a port of the loopback address."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from exporter.errors import ScriptTrackingError

_TAIL = 2000  # characters of its log that a failure shows

# loopback only: a proxy of the environment is for elsewhere
_opener = build_opener(ProxyHandler({}))


class ProcessFailed(ScriptTrackingError):
    """A program that should run beside this one does not."""


def free_port() -> int:
    """A TCP port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def hold(port: int) -> socket.socket | None:
    """Keeps a port of the loopback address for who comes back to it, until the socket is closed: nothing answers there,
    and nobody is given it. None where somebody else has it.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # beside what is left of connections that have ended
    try:
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        return None
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # and beside nobody else
    return held


def fetch(url: str, timeout: float = 5.0) -> bytes:
    """Body of the answer to a GET. Raises URLError, or ConnectionError where the answer breaks off."""
    with _opener.open(url, timeout=timeout) as response:
        return bytes(response.read())


def tied(command: Sequence[str], death_signal: str = "TERM") -> list[str]:
    """The command, made to end with the thread that starts it even where that is killed; Linux only, else as it is."""
    return ["setpriv", "--pdeathsig", death_signal, *command] if shutil.which("setpriv") else [*command]


class Process:
    """A running program, its output in a file. A signal of the terminal does not reach it: stop() ends it."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.name = Path(command[0]).name
        self._log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                tied(command),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    @property
    def code(self) -> int | None:
        """With what it ended; None while it runs."""
        return self._popen.poll()

    def wait_for(self, url: str, within: float) -> None:
        """Waits until the URL answers well. Raises ProcessFailed, with the end of the log, where it does not."""
        deadline = time.monotonic() + within
        while True:
            code = self._popen.poll()
            if code is not None:
                raise ProcessFailed(f"{self.name} ended with {code}: {self._tail()}")
            try:
                fetch(url, timeout=2)
                return
            except (URLError, ConnectionError, TimeoutError):
                if time.monotonic() > deadline:
                    raise ProcessFailed(f"{self.name} is not ready after {within:g} s: {self._tail()}") from None
            time.sleep(0.05)

    def stop(self, within: float = 10.0) -> None:
        """Ends it in order, or after `within` seconds by force."""
        self._popen.terminate()
        try:
            self._popen.wait(timeout=within)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def _tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-_TAIL:].strip()
