"""What the pictures show: the demo's teams at work for some minutes, another database, an exporter and a Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psycopg
import yaml
from psycopg.conninfo import make_conninfo

from exporter import metricmap
from exporter.demo.monitoring import Monitoring, find_monitoring, missing_monitoring
from exporter.demo.playground import TENANTS, Playground, open_playground
from exporter.demo.workload import Workload
from tests.fix_exporter import Exporter
from tests.grafana.hastened import without_a_past

SCRAPE_SECONDS = 5
SHOP, BILLING = "shop", "billing"
TOKEN = "0123456789abcdef" * 4
SPIKE = (0.45, 0.6)  # from and to which part of the time globex's import fails
COUNTERS_START_SECONDS = 25.0  # what is scraped in the first of them has no rate yet
_BILLED = (("invoice-run", "BATCH"), ("dunning", "BATCH"), ("ledger-export", "REPORT"))
READER = "dashboards"
_ARCHIVED = "update script_tracking_internal.setting set value = 'on' where name = 'retention.archive'"
_LIMITED = (
    "insert into script_tracking_internal.setting (name, value, description)"
    " values ('storage.warning_bytes', '67108864', 'made for a picture')"
)
_CHANGES = {
    "windows": [{"name": "always", "from": "00:00", "to": "24:00", "tenants": [TENANTS[0]]}],
    "freezes": [{"name": "year end", "from": "2020-01-01", "until": "2099-12-31", "tenants": [TENANTS[1]]}],
}
_ACKNOWLEDGED = """
select script_tracking.acknowledge_change(change_id, 'made for a picture') from script_tracking.get_untracked_changes()
where acknowledged_at is null
"""


@dataclass(frozen=True)
class Stage:
    """Where Prometheus is, the database as the dashboards' role reads it, and the time to be shown."""

    prometheus_url: str
    dsn: str
    start: float
    end: float


class NoMonitoring(RuntimeError):
    """Prometheus or Alertmanager is not on the PATH."""


@asynccontextmanager
async def set_stage(folder: Path, seconds: float) -> AsyncIterator[Stage]:
    """Everything at work for so long, then still there to be asked."""
    programs = find_monitoring()
    if programs is None:
        raise NoMonitoring(f"not on the PATH: {' and '.join(missing_monitoring())}")
    async with AsyncExitStack() as stack:
        playground = await stack.enter_async_context(open_playground(None, folder))
        billing = _second_database(playground)
        exporter = Exporter(_configuration(folder, playground, billing), folder / "exporter.log")
        stack.callback(exporter.stop)
        for name in (SHOP, BILLING):
            exporter.wait_for_value(1, "script_tracking_collector_success", 300, target=name, collector="health")
        reader = _reader(playground)
        with psycopg.connect(billing, autocommit=True) as session:
            for tenant in TENANTS:
                session.execute("select script_tracking.register_tenant(%s)", (tenant,))
        for dsn in (playground.dsn().secret(), billing):
            with psycopg.connect(dsn, autocommit=True) as session:
                session.execute(_ARCHIVED)
                session.execute(_LIMITED)
        address = exporter.url.removeprefix("http://")
        monitoring = stack.enter_context(
            Monitoring(programs, address, scrape_interval=SCRAPE_SECONDS, change_rules=without_a_past)
        )
        workload = await stack.enter_async_context(Workload(playground))
        start = time.time() + COUNTERS_START_SECONDS
        workload.start()
        tasks = [
            asyncio.create_task(_invoice(billing, exporter)),
            *(asyncio.create_task(_acknowledge(dsn)) for dsn in (playground.dsn().secret(), billing)),
        ]
        try:
            await asyncio.sleep(COUNTERS_START_SECONDS + SPIKE[0] * seconds)
            workload.break_import("globex")
            await asyncio.sleep((SPIKE[1] - SPIKE[0]) * seconds)
            await workload.mend_import("globex", backlog=3)
            await asyncio.sleep((1 - SPIKE[1]) * seconds)
            if (reason := workload.failed()) is not None:
                raise reason
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        yield Stage(monitoring.prometheus_url, reader, start, time.time())


def _second_database(playground: Playground) -> str:
    admin = playground.dsn().secret()
    with psycopg.connect(admin, autocommit=True) as session:
        session.execute(f"create database {BILLING} template template0 encoding 'UTF8'".encode())
    return make_conninfo(admin, dbname=BILLING)


def _reader(playground: Playground) -> str:
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


def _configuration(folder: Path, playground: Playground, billing: str) -> Path:
    (folder / "archive").mkdir()
    targets = [
        {"name": SHOP, "dsn": playground.dsn().secret(), "auth": True},
        {"name": BILLING, "dsn": billing},
    ]
    config = {
        "listen": "127.0.0.1:0",
        "log": {"format": "json"},
        "targets": targets,
        "collectors": {spec.name: {"interval": f"{SCRAPE_SECONDS}s"} for spec in metricmap.load()},
        "changes": _CHANGES,
        "archive": {"directory": str(folder / "archive")},
        "api": {"tokens": [{"name": "report", "token_sha256": sha256(TOKEN.encode()).hexdigest(), "role": READER}]},
    }
    file = folder / "exporter.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file


async def _invoice(dsn: str, exporter: Exporter) -> None:
    """The other database: jobs of all tenants, now and then a change of its schema, and a program that asks the API."""
    chance = random.Random(11)
    number = 0
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as session:
        for tenant in TENANTS:
            await session.execute("select script_tracking.grant_tenant(%s, current_user)", (tenant,))
        while True:
            number += 1
            name, kind = chance.choice(_BILLED)
            cursor = await session.execute(
                "select script_tracking.track_operation(%s, %s, %s)", (name, kind, chance.choice(TENANTS))
            )
            (key,) = await cursor.fetchone() or (None,)
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            sqlstate = chance.choice(("23505", "40001")) if chance.random() < 0.03 else None
            message = sqlstate and "could not serialize access"
            await session.execute(
                "select script_tracking.complete_operation(%s, %s, %s, %s)", (key, sqlstate is None, message, sqlstate)
            )
            if number % 12 == 0:
                await session.execute(f"create table invoice_{number} (id bigint primary key)".encode())
                await session.execute(f"create index on invoice_{number} (id)".encode())
            if number % 5 == 0:
                token = {"Authorization": f"Bearer {TOKEN}"}
                await asyncio.to_thread(exporter.get, "/api/v1/targets", **token)


async def _acknowledge(dsn: str) -> None:
    """Says of what a comparison finds, whenever it does, that it is known: the other database is on the same server."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as session:
        while True:
            await session.execute(_ACKNOWLEDGED.encode())
            await asyncio.sleep(SCRAPE_SECONDS)
