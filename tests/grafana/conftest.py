"""Fixture `scraped`: a busy database with login wrappers, an untouched one, two exporters, a Prometheus of both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256

import psycopg
import pytest
import yaml

from exporter import metricmap
from exporter.demo.monitoring import Monitoring, find_monitoring, missing_monitoring
from tests.fix_databases import new_database
from tests.fix_exporter import Exporter, eventually
from tests.grafana.hastened import hastened
from tests.grafana.live import STEP_SECONDS, Asker
from tests.postgres_server import Server

BUSY = "busy"
UNTOUCHED = "untouched"
TENANTS = ("acme", "globex", "initech")
ROUNDS = 12
TOKEN = "0123456789abcdef" * 4
ARCHIVED = "update script_tracking_internal.setting set value = 'on' where name = 'retention.archive'"
LIMIT_BYTES = 10 << 30
LIMITED = (
    "insert into script_tracking_internal.setting (name, value, description)"
    f" values ('storage.warning_bytes', '{LIMIT_BYTES}', 'test')"
)
CHANGES = {
    "windows": [{"name": "always", "from": "00:00", "to": "24:00", "tenants": ["acme"]}],
    "freezes": [{"name": "long", "from": "2020-01-01", "until": "2099-12-31", "tenants": ["globex"]}],
}
ADMINISTRATION = 2 * len(TENANTS)  # each is registered and granted to the session's role, on record at `system`


@dataclass
class Scraped:
    """What the tests ask: the two programs, since when the databases are being scraped, and their DSNs by name."""

    exporter: Exporter
    replica: Exporter
    monitoring: Monitoring
    started: float
    dsns: dict[str, str]
    worked: float = 0.0  # the seconds of the work
    ended: float = 0.0  # a moment after it

    def asker(self, **settings: str) -> Asker:
        """Asks over the time from the start to the moment after the work, whatever the tests before have done since."""
        return Asker(self.monitoring.prometheus_url, self.started, self.ended, **settings)

    def asker_of_now(self, **settings: str) -> Asker:
        """Asks over the time from the start to now."""
        return Asker(self.monitoring.prometheus_url, self.started, time.time(), **settings)

    def wait_for(self, expression: str, within: float = 120.0) -> None:
        """Until an expression has a series."""
        eventually(lambda: self.monitoring.query(expression), within)

    def end_at_a_good_moment(self) -> None:
        """Until the last scrapes have all succeeded: one that took too long, on a busy machine, leaves holes."""
        url, job = self.monitoring.prometheus_url, 'up{job="script-tracking-exporter"}'
        whole = f"count(min_over_time({job}[10s]) == 1 and count_over_time({job}[10s]) >= 8) == 2"

        def is_good() -> bool:
            self.ended = time.time()
            return bool(Asker(url, self.started, self.ended).now(whole))

        eventually(is_good, 120)


def work(dsn: str) -> float:
    """Twelve rounds of each tenant: a table, two operations that succeed, and at acme one that fails; their seconds."""
    began = time.monotonic()
    with psycopg.connect(dsn, autocommit=True) as session:
        for tenant in TENANTS:
            session.execute("select script_tracking.grant_tenant(%s, current_user)", (tenant,))
        for number in range(ROUNDS):
            for tenant in TENANTS:
                session.execute("select set_config('script_tracking.tenant', %s, false)", (tenant,))
                session.execute(f"create table {tenant}_{number} (id int)".encode())
                outcomes = [("BATCH", None), ("REPORT", None), *([("BATCH", "23505")] if tenant == "acme" else [])]
                for kind, sqlstate in outcomes:
                    session.execute(
                        "select script_tracking.complete_operation("
                        " script_tracking.track_operation('nightly', %s), %s, %s, %s)",
                        (kind, sqlstate is None, sqlstate and "duplicate key", sqlstate),
                    )
            session.execute("create temporary table scratch (id int)")
            session.execute("drop table scratch")
            time.sleep(1)
        session.execute("select script_tracking.track_operation('long', 'BATCH', 'globex')")
        session.execute("select script_tracking.track_operation('long', 'BATCH', 'initech')")
    return time.monotonic() - began


@pytest.fixture(scope="package")
def scraped(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """Both programs, after the busy database had its work and the last of it was scraped."""
    programs = find_monitoring()
    if programs is None:
        pytest.skip(f"not on the PATH: {' and '.join(missing_monitoring())}")
    with ExitStack() as stack:
        dsns = {name: stack.enter_context(new_database(postgres)) for name in (BUSY, UNTOUCHED)}
        folder = tmp_path_factory.mktemp("scraped")
        config = {
            "listen": "127.0.0.1:0",
            "log": {"format": "json"},
            "targets": [{"name": name, "dsn": dsn, "auth": name == BUSY} for name, dsn in dsns.items()],
            "collectors": {spec.name: {"interval": "1s"} for spec in metricmap.load()},
            "web": {"config_file": "web.yml"},  # it asks for nothing, and has metrics
            "archive": {"directory": str(folder)},
            "changes": CHANGES,
            "api": {"tokens": [{"name": "reader", "token_sha256": sha256(TOKEN.encode()).hexdigest(), "role": "r"}]},
        }
        (folder / "web.yml").touch()
        (folder / "exporter.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        exporter = Exporter(folder / "exporter.yaml", folder / "exporter.log")
        stack.callback(exporter.stop)
        for name in dsns:
            exporter.wait_for_value(1, "script_tracking_collector_success", 120, target=name, collector="health")
        # it does all but archive, which one of several does, and asks less often
        config["collectors"] = {spec.name: {"interval": "3s"} for spec in metricmap.load()}
        del config["archive"]
        (folder / "replica.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        replica = Exporter(folder / "replica.yaml", folder / "replica.log")
        stack.callback(replica.stop)
        for name in dsns:
            replica.wait_for_value(1, "script_tracking_collector_success", 120, target=name, collector="health")
        for dsn in dsns.values():
            with psycopg.connect(dsn, autocommit=True) as session:
                session.execute(ARCHIVED)
                session.execute(LIMITED)
        with psycopg.connect(dsns[BUSY], autocommit=True) as session:
            for tenant in TENANTS:
                session.execute("select script_tracking.register_tenant(%s)", (tenant,))
        first, second = (one.url.removeprefix("http://") for one in (exporter, replica))
        monitoring = stack.enter_context(
            Monitoring(programs, first, scrape_interval=1.0, replicas=[second], change_rules=hastened)
        )
        found = Scraped(exporter, replica, monitoring, time.time(), dsns)
        found.wait_for('script_tracking_operations_total{tenant="initech"}')
        asked = 'script_tracking_api_requests_total{route="/api/v1/targets"}'
        found.wait_for(f"{asked} == 0")
        # before the work, so that its rise lies some steps back whatever the first answer of the API takes
        assert exporter.get("/api/v1/targets", Authorization=f"Bearer {TOKEN}").status == 200
        found.wait_for(f"{asked} == 1")
        found.worked = work(dsns[BUSY])
        found.wait_for(f'script_tracking_operations_24h{{target="{BUSY}", tenant="initech"}} == {3 * ROUNDS}')
        running = "script_tracking_oldest_running_operation_start_timestamp_seconds"
        found.wait_for(f'count_over_time({running}{{tenant="initech"}}[10s]) > {2 * STEP_SECONDS}')
        found.wait_for(
            "sum(max by (script_type)"
            ' (script_tracking_operation_duration_seconds_count{target="busy", tenant="acme"}))'
            f" == {4 * ROUNDS}"
        )  # fmt: skip
        found.wait_for(f'sum(script_tracking_ddl_judged_total{{target="{BUSY}", verdict="frozen"}}) == {2 * ROUNDS}')
        # where the other database's installation kept the slot waiting for too long, it is made a minute later
        for name in dsns:
            found.wait_for(f'script_tracking_capture_level_info{{target="{name}", level="failures"}} == 1')
        found.end_at_a_good_moment()
        yield found
