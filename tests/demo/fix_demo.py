"""Runs the real `script-tracking-exporter demo` in a process, and finds what it left behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ENDS_WITHIN_SECONDS = 600.0  # an end for what never comes
_MARK = "SCRIPT_TRACKING_DEMO_TEST"


class Demo:
    """A running demo: its output so far, its processes by a mark in their environment, its own temporary folder."""

    def __init__(self, home: Path, environment: dict[str, str], *, piped: bool) -> None:
        self._mark = uuid.uuid4().hex
        self.temporary = home / "tmp"
        self.temporary.mkdir(mode=0o755)
        self._log = home / "output"
        inherited = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DURATION")}
        self.environment = {**inherited, "TMPDIR": str(self.temporary), _MARK: self._mark, **environment}
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "exporter", "demo"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self.environment,
            )

    @property
    def output(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")  # a sign may be seen amid its being written

    def wait_for(self, text: str, within: float = ENDS_WITHIN_SECONDS) -> None:
        """Waits until it has written that."""
        deadline = time.monotonic() + within
        while text not in self.output:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.output}"
            assert time.monotonic() < deadline, f"{text!r} not within {within:g} s:\n{self.output}"
            time.sleep(0.05)

    def end(self, number: signal.Signals | None = None, within: float = ENDS_WITHIN_SECONDS) -> int:
        """Its exit code, after a signal if one is named."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(timeout=within)

    def processes(self) -> dict[int, str]:
        """Command of each process that it started and that still runs, itself included."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                marked = f"{_MARK}={self._mark}".encode() in (folder / "environ").read_bytes()
                # PostgreSQL's own children write their titles over their environment, but stay in its data directory
                if marked or (folder / "cwd").readlink().is_relative_to(self.temporary):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found

    def left(self) -> list[str]:
        """Files and processes that are still there."""
        return [*self.processes().values(), *(str(path) for path in self.temporary.iterdir())]

    def commands(self) -> list[str]:
        """The commands that it tells its reader to type, with the lines that continue them."""
        found: list[str] = []
        for line in self.output.splitlines():
            if line.startswith("    $ "):
                found.append(line[6:])
            elif found and line.startswith("          "):
                continued = found[-1].endswith(("\\", "|")) or found[-1].count('"') % 2
                if continued:
                    found[-1] += "\n" + line
        return found


@contextmanager
def run_demo(*, piped: bool = False, monitored: bool = False, **environment: str) -> Iterator[Demo]:
    """Starts it in a folder that other users may enter, without Prometheus on its PATH unless it is to be monitored.

    Ends it, and whatever it left, at the end.
    """
    home = Path(tempfile.mkdtemp(prefix="demo-test-"))
    home.chmod(0o755)
    if not monitored:
        environment = {"PATH": str(_path_without_monitoring(home)), **environment}
    demo = Demo(home, environment, piped=piped)
    try:
        yield demo
    finally:
        demo.process.terminate()  # where a test did not wait for its end
        with suppress(subprocess.TimeoutExpired):
            demo.process.wait(timeout=120)
        while left := demo.processes():
            for number in left:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.05)
        demo.process.wait()
        shutil.rmtree(home)


def _path_without_monitoring(home: Path) -> Path:
    """A folder of the few programs that the demo and its readers use."""
    folder = home / "bin"
    folder.mkdir()
    for name in ("setpriv", "test", "sh", "grep", "curl"):  # no psql: it comes with the embedded server
        program = shutil.which(name)
        if program is not None:
            (folder / name).symlink_to(program)
    return folder


def facts(output: str) -> dict[str, str]:
    """What is said after each label, unfolded; of a label that stands twice the last."""
    found: dict[str, str] = {}
    label = ""
    for line in output.splitlines():
        match = re.fullmatch(r" {4}(\S.{0,16}?) {2,}(\S.*)", line)
        if match is not None and not line.startswith("    $"):
            label = match[1]
            found[label] = match[2]
        elif label and re.fullmatch(r" {22}\S.*", line):
            found[label] += " " + line.strip()
        else:
            label = ""
    return found
