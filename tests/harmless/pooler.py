"""A pgbouncer in transaction mode before a server: all clients of a database and role share one session of it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from exporter.demo.processes import free_port, tied
from tests.postgres_server import Server

START_SECONDS = 60

CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = {home}/users
pool_mode = transaction
default_pool_size = 1
server_round_robin = 0
"""


def program() -> str | None:
    """Where pgbouncer is; Debian keeps it out of an ordinary user's path."""
    return shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


class Pooler:
    """One pgbouncer, which takes the named roles; ended by stop()."""

    def __init__(self, server: Server, *roles: str) -> None:
        executable = program()
        assert executable is not None
        where = conninfo_to_dict(server.dsn)
        self._home = Path(tempfile.mkdtemp(prefix="script-tracking-pooler-"))
        self._port = free_port()
        text = CONFIGURATION.format(host=where["host"], port=where["port"], listen=self._port, home=self._home)
        (self._home / "pgbouncer.ini").write_text(text, encoding="utf-8")
        names = (*roles, str(where["user"]))
        (self._home / "users").write_text("".join(f'"{name}" ""\n' for name in names), encoding="utf-8")
        user = "nobody" if os.geteuid() == 0 else None  # it refuses root
        if user is not None:
            shutil.chown(self._home, user)
        with (self._home / "log").open("ab") as output:
            self._process = subprocess.Popen(
                tied([executable, str(self._home / "pgbouncer.ini")]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else [],
            )
        try:
            self._wait(server.dsn)
        except BaseException:
            self.stop()
            raise

    def dsn(self, direct: str, **changes: str) -> str:
        """The way through it to what a DSN names."""
        return make_conninfo(direct, host="127.0.0.1", port=self._port, **changes)

    def stop(self) -> None:
        """Ends it and removes what it left."""
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        finally:
            self._process.kill()
            shutil.rmtree(self._home)

    def _wait(self, direct: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with psycopg.connect(self.dsn(direct), connect_timeout=2):
                    return
            except psycopg.OperationalError as error:
                log = (self._home / "log").read_text(encoding="utf-8", errors="replace")
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise TimeoutError(f"pgbouncer does not answer: {error}\n{log}") from None
                time.sleep(0.05)
