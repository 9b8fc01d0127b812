"""Applications whose migrations are run, by programs of an environment of their own: `make applications`."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.fix_servers import binaries_cache

FOLDER = Path(__file__).parent
REQUIREMENTS = FOLDER / "applications.txt"
TIMEOUT_SECONDS = 300

PROCRASTINATE = """
import os, procrastinate
connector = procrastinate.SyncPsycopgConnector(conninfo=os.environ["APPLICATION_DSN"])
with procrastinate.App(connector=connector).open() as app:
    app.schema_manager.apply_schema()
"""


def environment() -> Path | None:
    """The folder of the environment that holds just the required versions; None where it is not made yet."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder = binaries_cache().parent / "applications" / digest
    return folder if (folder / "complete").exists() else None


@dataclass(frozen=True)
class Application:
    """What runs an application's migrations."""

    name: str
    command: tuple[str, ...]  # the first is a program of the environment
    variables: dict[str, str] = field(default_factory=dict)
    scheme: str = "postgresql"

    def migrate(self, where: Path, dsn: str, home: Path) -> None:
        """Runs them all in an empty database; its own files go into `home`."""
        variables = {
            name: text.format(dsn=self.scheme + dsn.removeprefix("postgresql")) for name, text in self.variables.items()
        }
        result = subprocess.run(
            [str(where / "bin" / self.command[0]), *self.command[1:]],
            cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert result.returncode == 0, result.stdout[-4000:]


APPLICATIONS = (
    # psycopg 3, one simple query after the other, a transaction for each migration
    Application(
        "wagtail",
        ("python", "-m", "django", "migrate", "--skip-checks", "--verbosity", "0"),
        {"APPLICATION_DSN": "{dsn}", "DJANGO_SETTINGS_MODULE": "wagtail_site", "PYTHONPATH": str(FOLDER)},
    ),
    # asyncpg, that is prepared statements of the extended protocol; Alembic; concurrent indexes
    Application(
        "prefect",
        ("prefect", "server", "database", "upgrade", "--yes"),
        {
            "PREFECT_API_DATABASE_CONNECTION_URL": "{dsn}",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        },
        "postgresql+asyncpg",
    ),
    # one string of many statements, functions among them
    Application("procrastinate", ("python", "-c", PROCRASTINATE), {"APPLICATION_DSN": "{dsn}"}),
)
