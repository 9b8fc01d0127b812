"""Where faults are played: a server that suffers them, one that does not, and an exporter that watches both."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import make_conninfo

from exporter.demo.server import embedded_binaries
from exporter.metricmap import load
from tests.faults.road import Road
from tests.fix_certificates import Authority, need
from tests.fix_exporter import Exporter, eventually
from tests.fix_injected import Injected
from tests.fix_servers import installed_binaries
from tests.harmless.cluster import Cluster
from tests.installing import installed

HOST = "db.test"  # which the exporter under test takes for this machine, until it is told otherwise
PASSWORD = "s3cr3t p'w"
SHOP, OTHER = "shop", "other"
SAMPLE = re.compile(r"(\w+(?:\{.*\})?) ([^ ]+)")
PATIENCE = 4.0  # times as long as a bound says is waited where others use the processor too

Samples = Mapping[str, float]


def sample(name: str, target: str = SHOP, **labels: str) -> str:
    """A sample of a database as /metrics writes it."""
    told = ",".join(f'{label}="{value}"' for label, value in sorted({**labels, "target": target}.items()))
    return f"script_tracking_{name}{{{told}}}"


RELOADED = "script_tracking_config_last_reload_successful"
UP, OTHER_UP = sample("up"), sample("up", OTHER)


def binaries() -> Path:
    """The servers' programs: of POSTGRES_MAJOR, else the newest that there is."""
    found = {**embedded_binaries(), **{major: folder for major, (_, folder) in installed_binaries().items()}}
    major = int(os.environ.get("POSTGRES_MAJOR") or max(found, default=0))
    if major not in found:
        pytest.skip(f"the programs of PostgreSQL {major or ''} are missing: make postgres-binaries")
    return found[major]


class Scene:
    """Two servers and an exporter. Everything is as it was after each fault; else close() and make another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self.memory: dict[str, float] = {}  # of a fault, for who observes it
        self.disk = folder  # the small one, once there is one
        self.signer: Authority | None = None  # of the server that suffers, where that answers over TLS
        self.authority: Authority | None = None
        self.secured: Exporter | None = None  # the one that answers over TLS, once it was started
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise

    def _build(self) -> None:
        self.victim = Cluster(binaries(), {"max_connections": "40"})
        self._stack.callback(lambda: self.victim.close())
        other = Cluster(binaries(), {"max_connections": "40"})
        self._stack.callback(other.close)
        for server in (self.victim, other):
            server.start()
            self._found(server)
        verified = self._with_tls()
        self.road = Road("127.0.0.1", self.victim.port)
        self._stack.callback(self.road.close)
        place = self.folder / "injected"
        place.mkdir()
        self.injected = Injected(place)
        self.password = self.folder / "password"
        self.password.write_text(PASSWORD, encoding="utf-8")
        self.more = self.folder / "more.yaml"
        self.more.write_text("[]", encoding="utf-8")
        self.archive = self.folder / "archive"
        self.archive.mkdir()
        self.config = {
            "listen": "127.0.0.1:0",
            "schema": "check",
            "archive": {"directory": str(self.archive)},
            "log": {"format": "json"},
            "file_sd": {"files": [str(self.more)], "interval": "1s"},
            "collectors": {spec.name: {"interval": "2s"} for spec in load()},
            "targets": [
                {
                    "name": "shop",
                    "dsn": f"host={HOST} port={self.road.port} user=exporter dbname=shop {verified}",
                    "password_file": str(self.password),
                },
                {"name": "other", "dsn": make_conninfo(other.dsn, user="exporter", password=PASSWORD, dbname="shop")},
            ],
        }
        file = self.folder / "exporter.yaml"
        file.write_text(yaml.safe_dump(self.config), encoding="utf-8")
        self.log = self.folder / "exporter.log"
        self.exporter = Exporter(file, self.log, self.injected.environment)
        self._stack.callback(self.exporter.stop)

    def _with_tls(self) -> str:
        """Has the server that suffers answer over TLS, where it was built for that; what a DSN says of it then."""
        with self.admin("postgres") as admin:
            try:
                admin.execute("alter system set ssl = on")
            except psycopg.errors.InvalidParameterValue:
                return ""
        need("openssl")
        folder = self.folder / "server-tls"
        folder.mkdir()
        self.signer = Authority(folder, "signer").found()
        self.certify()
        with self.admin("postgres") as admin:
            eventually(lambda: admin.execute("show ssl").fetchone() == ("on",), 30)
        return f"sslmode=verify-full sslrootcert={self.signer.certificate}"

    def certify(self, days: int = 2) -> None:
        """Gives the server that suffers another certificate, which is good for so many days."""
        assert self.signer is not None
        for path in self.signer.sign("server", f"DNS:{HOST}", days=days):
            data = self.victim.home / "data"
            own = Path(shutil.copyfile(path, data / path.name))
            os.chown(own, data.stat().st_uid, data.stat().st_gid)
            own.chmod(0o600)
        with self.admin("postgres") as admin:
            admin.execute("select pg_reload_conf()")

    def _found(self, server: Cluster) -> None:
        """Makes the database and the exporter's role, which comes in by its password alone and is no superuser."""
        with psycopg.connect(server.dsn, autocommit=True) as admin:
            admin.execute("create database shop")
        dsn = make_conninfo(server.dsn, dbname="shop")
        asyncio.run(installed(dsn))
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute("create role exporter login in role script_tracking_daemon")
            admin.execute(sql.SQL("alter role exporter password {}").format(sql.Literal(PASSWORD)))
            admin.execute("update script_tracking_internal.setting set value = 'on' where name = 'retention.archive'")
            self._operate(admin)
        rules = server.home / "data" / "pg_hba.conf"
        rules.write_text(f"host all exporter all scram-sha-256\n{rules.read_text()}")
        with psycopg.connect(server.dsn, autocommit=True) as admin:
            admin.execute("select pg_reload_conf()")

    @staticmethod
    def _operate(admin: psycopg.Connection) -> None:
        admin.execute(
            "select script_tracking.complete_operation("
            "script_tracking.track_operation('nightly', 'BATCH'), false, 'no')"
        )

    def at_end(self, what: Callable[[], object]) -> None:
        """Does this too when it ends."""
        self._stack.callback(what)

    def close(self) -> None:
        """Ends everything."""
        self._stack.close()

    def admin(self, database: str = "shop") -> psycopg.Connection:
        """A superuser's session on the server that suffers, by a way of its own."""
        return psycopg.connect(make_conninfo(self.victim.dsn, dbname=database), autocommit=True)

    def terminate(self) -> None:
        """Ends the exporter's sessions, so that it needs new ones."""
        with self.admin("postgres") as admin:
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'exporter'")

    def reload(self) -> None:
        """Has the exporter read its configuration anew."""
        self.exporter.process.send_signal(signal.SIGHUP)

    def samples(self) -> Samples:
        """What /metrics says."""
        found = (SAMPLE.fullmatch(line) for line in self.exporter.get("/metrics").body.decode().splitlines())
        return {match[1]: float(match[2]) for match in found if match}

    def events(self, since: int = 0) -> list[dict[str, object]]:
        """The log from a byte on."""
        text = self.log.read_bytes()[since:].decode()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def is_well(self, samples: Samples) -> bool:
        """Whether everything of both databases is collected, and house is kept."""
        return not self.amiss(samples)

    def amiss(self, samples: Samples) -> list[str]:
        """The samples that are not as they should be."""
        wanted = [UP, OTHER_UP, *map(sample, ("upkeep_success", "capture_success", "archive_success")), RELOADED]
        wanted += [sample("collector_success", collector=spec.name) for spec in load()]
        return [f"{name} {samples.get(name)}" for name in wanted if samples.get(name) != 1]

    def wait_until_well(self, within: float) -> float:
        """In how many seconds it is so; fails where it is not."""
        began = time.monotonic()
        last: dict[str, float] = {}

        def well() -> bool:
            last.clear()
            last.update(self.samples())
            return self.is_well(last) and self.exporter.get("/-/ready").status == 200

        try:
            eventually(well, within * PATIENCE)
        except AssertionError:
            amiss = f"{self.amiss(last)}; {self.events()[-8:]}"
            raise AssertionError(f"not well after {within * PATIENCE:g} s: {amiss}") from None
        return time.monotonic() - began
