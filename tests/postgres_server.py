"""PostgreSQL servers for the tests: a process of installed binaries, a container, or a running one."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from exporter.demo import server
from exporter.demo.processes import free_port

if TYPE_CHECKING:
    from testcontainers.community.postgres import PostgresContainer
    from testcontainers.core.container import DockerContainer

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
MEMORY = Path("/dev/shm")
ROOM_BYTES = 8 << 30


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

    def _wait(self) -> None:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                with psycopg.connect(self.dsn, connect_timeout=2):
                    return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
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


def publish(container: DockerContainer, port: int) -> int:
    """Publishes a container's port on a free one of this machine, on its loopback address where we can reach that."""
    from testcontainers.core.config import ConnectionMode

    host_port = free_port()
    client = container.get_docker_client()
    container.with_bind_ports(port, host_port)
    if client.get_connection_mode() is ConnectionMode.docker_host and client.host() == "localhost":
        container.ports[str(port)] = ("127.0.0.1", host_port)  # type: ignore[assignment]  # Docker takes a pair, too
    return host_port


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
        container.with_env("POSTGRES_HOST_AUTH_METHOD", "trust")  # as on the other servers, for the roles of the tests
        publish(container, 5432)
        self._container = container
        container.start()
        self.dsn = container.get_connection_url(driver=None).replace("//localhost", "//127.0.0.1")
        self._wait()

    def stop(self) -> None:
        if self._container is not None:
            self._container.get_wrapped_container().stop(timeout=20)

    def close(self) -> None:
        if self._container is not None:
            self._container.stop()
            self._container = None


def _in_memory() -> Path | None:
    """A file system in memory, where there is one with room: most of what tests write is databases that they drop."""
    try:
        room = os.statvfs(MEMORY)
    except OSError:
        return None
    is_usable = os.access(MEMORY, os.W_OK) and not room.f_flag & os.ST_NOEXEC
    return MEMORY if is_usable and room.f_bavail * room.f_frsize > ROOM_BYTES else None


class LocalServer(Server):
    """A process of installed binaries, with a new data directory; another user runs it where we are root."""

    def __init__(self, binaries: Path, kind: str, settings: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self.binaries = binaries
        self._process = server.LocalServer(
            binaries, settings={**SETTINGS, **(settings or {})}, prefix="script-tracking-test-", place=_in_memory()
        )

    def log(self) -> str:
        """What it wrote so far."""
        return self._process.log()

    def start(self) -> None:
        self._process.start()
        self.dsn = self._process.dsn
        self._wait()

    def stop(self) -> None:
        self._process.stop()

    def single_user(self, database: str, script: str) -> str:
        """What the stopped server says, run in single-user mode, to a script of a statement a line."""
        home, user = self._process._home, self._process._user
        assert home is not None
        done = subprocess.run(
            [self._process._binaries / "postgres", "--single", "-D", home / "data", database],
            cwd=home,
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            user=user,
            extra_groups=None if user is None else [],
        )
        return done.stdout

    def set(self, **settings: str) -> None:
        """Settings that it has from its next start on."""
        self._process._settings = {**self._process._settings, **settings}

    def limit_file_size(self, pid: int, size: int) -> None:
        """From now on the process of a session can let no file grow past `size` bytes, as on a disk that is full."""
        user = self._process._user
        group = None if user is None else pwd.getpwnam(user).pw_gid
        command = ["prlimit", f"--pid={pid}", f"--fsize={size}"]
        subprocess.run(command, check=True, user=user, group=group, extra_groups=None if user is None else [])

    def close(self) -> None:
        self._process.close()
