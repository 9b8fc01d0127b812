"""A server whose data directory other programs may work on while it is stopped."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from exporter.demo import server
from tests.postgres_server import SETTINGS

PREFIX = "script-tracking-cluster-"
TIMEOUT_SECONDS = 300


class Cluster(server.LocalServer):
    """A cluster of installed binaries; `options` are initdb's."""

    def __init__(self, binaries: Path, settings: Mapping[str, str] | None = None, options: Sequence[str] = ()) -> None:
        super().__init__(binaries, settings={**SETTINGS, **(settings or {})}, prefix=PREFIX)
        self._options = options

    @property
    def home(self) -> Path:
        """The folder of the data directory `data`, made where there is none yet."""
        if self._home is None:
            self._home = self._initialise()
        return self._home

    @property
    def binaries(self) -> Path:
        """Where its programs are, once it has a home: a copy where its user may not run the given ones."""
        return self._binaries

    def standby(self) -> Cluster:
        """A cluster that follows this one, which must not run now; a copy of its files."""
        other = Cluster(self._binaries, self._settings)
        other._home = Path(tempfile.mkdtemp(prefix=PREFIX))
        if self._user is not None:
            shutil.chown(other._home, self._user)
        subprocess.run(["cp", "-a", str(self.home / "data"), str(other._home)], check=True)
        (other._home / "data" / "standby.signal").touch()
        other._settings["primary_conninfo"] = f"host=127.0.0.1 port={self.port} user=postgres"
        return other

    def run(self, program: str, *arguments: str) -> tuple[int, str]:
        """Runs one of its programs in its home, as its user; the exit code and what it said."""
        result = subprocess.run(
            [str(self.binaries / program), *arguments],
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
            user=self._user,
            group=None if self._user is None else pwd.getpwnam(self._user).pw_gid,
            extra_groups=None if self._user is None else [],
        )
        return result.returncode, result.stdout

    def _authentication(self, home: Path) -> list[str]:
        return [*super()._authentication(home), *self._options]
