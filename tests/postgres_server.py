"""PostgreSQL servers for the tests: a process of installed binaries, a container, or a running one."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from testcontainers.community.postgres import PostgresContainer

SETTINGS = {
    "wal_level": "logical",
    "max_prepared_transactions": "10",
    "max_connections": "100",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "timezone": "UTC",
}
START_SECONDS = 60
EXTERNAL_SECONDS = 5


def free_port() -> int:
    """A TCP port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server(ABC):
    """A running server; `dsn` is the superuser's URI of the database postgres."""

    dsn: str
    kind: str
    _patience = START_SECONDS

    @abstractmethod
    def start(self) -> None:
        """Starts the server where it does not run, and waits until it answers."""

    @abstractmethod
    def stop(self) -> None:
        """Ends the server and all of its sessions; its data and its port stay."""

    @abstractmethod
    def close(self) -> None:
        """Ends the server for good and removes what it left."""

    def restart(self) -> None:
        """Stops and starts the server."""
        self.stop()
        self.start()

    @property
    def major(self) -> int:
        """Major version, such as 17."""
        with psycopg.connect(self.dsn) as connection:
            return connection.info.server_version // 10000

    @property
    def has_contrib(self) -> bool:
        """Whether the extensions of PostgreSQL's contrib can be created."""
        with psycopg.connect(self.dsn) as connection:
            query = "select from pg_available_extensions where name = 'hstore'"
            return connection.execute(query).fetchone() is not None

    def _has_died(self) -> bool:
        return False

    def _wait(self) -> None:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                with psycopg.connect(self.dsn, connect_timeout=2):
                    return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or self._has_died():
                    raise TimeoutError(f"{self.kind} does not answer: {error}") from None
                time.sleep(0.05)


class ExternalServer(Server):
    """A server that somebody else runs: the tests cannot stop it."""

    kind = "TEST_DATABASE_URL"
    _patience = EXTERNAL_SECONDS

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def start(self) -> None:
        self._wait()

    def stop(self) -> None:
        pytest.skip("the server of TEST_DATABASE_URL is not ours to stop")

    def close(self) -> None:
        pass


class ContainerServer(Server):
    """A container of the official image, by testcontainers, on a port that outlives its restarts."""

    def __init__(self, image: str) -> None:
        self.kind = f"testcontainers {image}"
        self._image = image
        self._container: PostgresContainer | None = None

    def start(self) -> None:
        if self._container is not None:
            self._container.get_wrapped_container().start()
            self._wait()
            return
        from testcontainers.community.postgres import PostgresContainer

        container = PostgresContainer(self._image, username="postgres", password="postgres", dbname="postgres")
        container.with_command([part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")])
        container.with_bind_ports(5432, free_port())
        container.start()
        self._container = container
        self.dsn = container.get_connection_url(driver=None).replace("//localhost", "//127.0.0.1")
        self._wait()

    def stop(self) -> None:
        if self._container is not None:
            self._container.get_wrapped_container().stop(timeout=20)

    def close(self) -> None:
        if self._container is not None:
            self._container.stop()
            self._container = None


class LocalServer(Server):
    """A process of installed binaries, with a new data directory; another user runs it where we are root."""

    def __init__(self, binaries: Path, kind: str) -> None:
        self.kind = kind
        self._binaries = binaries
        self._user = _unprivileged_user()
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.dsn = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        if self._process is not None:
            return
        home = self._home or self._initialise()
        options = {**SETTINGS, "port": str(self._port), "listen_addresses": "127.0.0.1"}
        options["unix_socket_directories"] = str(home)
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (home / "log").open("ab") as log:
            self._process = self._popen(["postgres", "-D", str(home / "data"), *arguments], log.fileno())
        try:
            self._wait()
        except TimeoutError as error:
            text = (home / "log").read_text(errors="replace")
            self.close()
            raise TimeoutError(f"{error}\n{text[-2000:]}") from None

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=30)
            self._process = None

    def close(self) -> None:
        self.stop()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def _has_died(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _initialise(self) -> Path:
        home = Path(tempfile.mkdtemp(prefix="script-tracking-test-"))
        self._home = home
        if self._user is not None:
            shutil.chown(home, self._user)
        if not self._may_run(self._binaries):  # such as a checkout below a home directory closed to others
            shutil.copytree(self._binaries.parent, home / "installation", symlinks=True)
            self._binaries = home / "installation" / self._binaries.name
        with (home / "log").open("ab") as log:
            command = ["initdb", "-D", str(home / "data"), "-U", "postgres", "-A", "trust"]
            process = self._popen([*command, "-E", "UTF8", "--locale=C", "--no-sync"], log.fileno())
        if process.wait(timeout=START_SECONDS) != 0:
            text = (home / "log").read_text(errors="replace")
            self.close()
            raise RuntimeError(f"{self.kind}: initdb failed\n{text[-2000:]}")
        return home

    def _may_run(self, binaries: Path) -> bool:
        if self._user is None:
            return True
        command = ["test", "-x", str(binaries / "postgres")]
        return subprocess.run(command, user=self._user, extra_groups=[], check=False).returncode == 0

    def _popen(self, command: list[str], output: int) -> subprocess.Popen[bytes]:
        program = [str(self._binaries / command[0]), *command[1:]]
        if shutil.which("setpriv"):  # the server ends with the tests even where these are killed
            program = ["setpriv", "--pdeathsig", "INT", *program]
        return subprocess.Popen(
            program,
            cwd=self._home,
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
