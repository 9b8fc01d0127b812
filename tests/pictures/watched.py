"""The databases of the stage and the exporter that watches them: one is named, one discovered, all by TLS."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import psycopg
import yaml
from psycopg.conninfo import make_conninfo

from exporter import metricmap
from exporter.demo.playground import TENANTS, Playground
from tests.fix_certificates import Authority
from tests.fix_exporter import Exporter

SCRAPE_SECONDS = 5
SHOP, SERVER, BILLING = "shop", "db2", "billing"
DISCOVERED = f"{SERVER}/{BILLING}"
TOKEN = "0123456789abcdef" * 4
READER = "dashboards"
CERTIFICATE_DAYS = 90
# so that the exporter reads the server's log: the level of capture is full
LOGGING = {"logging_collector": "on", "log_destination": "jsonlog"}
_SETTINGS = (
    "update script_tracking_internal.setting set value = 'on' where name = 'retention.archive'",
    "insert into script_tracking_internal.setting (name, value, description)"
    " values ('storage.warning_bytes', '67108864', 'made for a picture')",
)
_CHANGES = {
    "windows": [{"name": "always", "from": "00:00", "to": "24:00", "tenants": [TENANTS[0]]}],
    "freezes": [{"name": "year end", "from": "2020-01-01", "until": "2099-12-31", "tenants": [TENANTS[1]]}],
}


def second_database(playground: Playground) -> str:
    """The DSN, as superuser, of another database of the server."""
    admin = playground.dsn().secret()
    with psycopg.connect(admin, autocommit=True) as session:
        session.execute(f"create database {BILLING} template template0 encoding 'UTF8'".encode())
    return make_conninfo(admin, dbname=BILLING)


def watch(folder: Path, playground: Playground, authority: Authority) -> Exporter:
    """The exporter, once it has installed what it watches."""
    exporter = Exporter(_configuration(folder, playground, authority), folder / "exporter.log", trust=authority)
    try:
        for name in (SHOP, DISCOVERED):
            exporter.wait_for_value(1, "script_tracking_collector_success", 300, target=name, collector="health")
    except BaseException:
        exporter.stop()
        raise
    return exporter


def settle(*databases: str) -> None:
    """What an operator sets: tenants, an archive, how much the record may take."""
    for dsn in databases:
        with psycopg.connect(dsn, autocommit=True) as session:
            for tenant in TENANTS:
                session.execute("select script_tracking.register_tenant(%s)", (tenant,))
            for statement in _SETTINGS:
                session.execute(statement)


def reader(playground: Playground) -> str:
    """The role of the PostgreSQL data source: it reads the record of all tenants, and nothing else."""
    admin = playground.dsn().secret()
    with psycopg.connect(admin, autocommit=True) as session:
        session.execute(f"create role {READER} login".encode())
        session.execute(f"grant script_tracking_reader, script_tracking_auditor to {READER}".encode())
        session.execute(f"grant connect on database {playground.database} to {READER}".encode())
        for tenant in TENANTS:
            session.execute("select script_tracking.grant_tenant(%s, %s)", (tenant, READER))
        password = playground.passfile.read_text(encoding="utf-8").strip().rpartition(":")[2]
        session.execute(f"alter role {READER} password '{password}'".encode())
    return make_conninfo(admin, user=READER)


def _configuration(folder: Path, playground: Playground, authority: Authority) -> Path:
    (folder / "archive").mkdir()
    certificate, key = authority.sign("exporter", days=CERTIFICATE_DAYS)
    web = {"tls_server_config": {"cert_file": str(certificate), "key_file": str(key)}}
    (folder / "web.yml").write_text(yaml.safe_dump(web), encoding="utf-8")
    admin = playground.dsn().secret()
    targets = [
        {"name": SHOP, "dsn": admin, "auth": True},
        {
            "name": SERVER,
            "dsn": make_conninfo(admin, dbname="postgres"),
            "discover": {"include": [BILLING], "interval": f"{SCRAPE_SECONDS}s"},
        },
    ]
    config = {
        "listen": "127.0.0.1:0",
        "log": {"format": "json"},
        "targets": targets,
        "collectors": {spec.name: {"interval": f"{SCRAPE_SECONDS}s"} for spec in metricmap.load()},
        "web": {"config_file": "web.yml"},
        "changes": _CHANGES,
        "archive": {"directory": str(folder / "archive")},
        "api": {"tokens": [{"name": "report", "token_sha256": sha256(TOKEN.encode()).hexdigest(), "role": READER}]},
    }
    file = folder / "exporter.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file
