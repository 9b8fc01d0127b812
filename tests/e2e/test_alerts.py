"""From a failing operation to the page: PostgreSQL, the exporter, Prometheus and Alertmanager, all of them real.

The rules are the shipped ones, with their five minutes and their `for`. What lets an alert resolve within a test is
what lets it resolve in life: so many successes that the ratio falls, here declared in bulk by one statement.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from exporter.demo.monitoring import Monitoring
from exporter.demo.shipped import alert_thresholds
from exporter.demo.webhook import Notification
from tests.fix_databases import installed_clone
from tests.fix_exporter import Exporter, StartExporter, becomes, eventually
from tests.fix_monitoring import SCRAPE_SECONDS, StartMonitoring
from tests.fix_sessions import meddling
from tests.postgres_server import Server

RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
SPIKE = "ScriptTrackingErrorSpike"
PAGER = ("pager", "/pager")
TENANT = "acme"
# every second, so that the test waits for the rules and not for the collectors
COLLECTORS = {name: {"interval": "1s"} for name in ("operations", "errors", "capture")}
FAILURES = 20
SUCCESSES_BEFORE = 12
SUCCESSES_AFTER = 200


def operate(dsn: str, times: int, *, success: bool) -> None:
    """Declares operations of the tenant and their end, all in one statement."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        ended = connection.execute(
            "select count(*) filter (where script_tracking.complete_operation("
            " script_tracking.track_operation('invoice-' || n, 'BATCH', %s), %s, %s, %s))"
            " from generate_series(1, %s) as n",
            (TENANT, success, None if success else "out of stock", None if success else "P0001", times),
        ).fetchone()
    assert ended == (times,)


def prepare(dsn: str, gid: str) -> None:
    """Leaves a transaction prepared in which one more operation failed."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "select script_tracking.complete_operation("
            " script_tracking.track_operation('in-doubt', 'BATCH', %s), false, 'out of stock', 'P0001')",
            (TENANT,),
        )
        connection.execute(f"prepare transaction '{gid}'")


def register(dsn: str) -> None:
    """Makes the tenant known, and known to the reconciler which roles and databases other tests have left."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select script_tracking.register_tenant(%s)", (TENANT,))
        connection.execute("select script_tracking_internal.take_baseline(script_tracking_internal.reconcile_format())")


def counted(source: Monitoring, target: str) -> dict[str, float]:
    """The counters that Prometheus holds now of the tenant's operations, by status."""
    samples = source.query(
        f'script_tracking_operations_total{{target="{target}", tenant="{TENANT}", script_type="BATCH"}}'
    )
    return {sample.labels["status"]: sample.value for sample in samples}


def expected(completed: int, failed: int) -> dict[str, float]:
    """All the counters of one type."""
    return {"COMPLETED": completed, "FAILED": failed, "ROLLED_BACK": 0, "INTERRUPTED": 0, "NOOP": 0}


def wait_for_counters(source: Monitoring, target: str, values: dict[str, float]) -> None:
    """Waits until Prometheus has scraped exactly these."""
    becomes(values, lambda: counted(source, target))


def lag_is(running: Exporter, target: str, *, long: bool) -> bool:
    """Whether an operation waits for the horizon for longer than ten seconds, or none does. Where the lag is not told
    at the moment, as on a machine that is slow, neither is known.
    """
    lag = running.value("script_tracking_rollup_lag_seconds", target=target)
    return lag is not None and (lag >= 10) is long


def pages_about(source: Monitoring, name: str, target: str) -> list[Notification]:
    """What one alert told about one target so far."""
    return [page for page in source.notifications() if page.name == name and page.labels["target"] == target]


def wait_for_page(source: Monitoring, name: str, target: str, status: str) -> Notification:
    """The newest page about a target, once it says so."""

    def newest() -> Notification | None:
        pages = pages_about(source, name, target)
        return pages[-1] if pages and pages[-1].status == status else None

    return eventually(newest, 120)


def has_runbook(page: Notification) -> bool:
    """Whether the page that it names is one of ours."""
    return (RUNBOOKS / Path(urlsplit(page.annotations["runbook_url"]).path).name).is_file()


def spike_and_recovery(running: Exporter, source: Monitoring, databases: dict[str, str]) -> None:
    """Some good operations, a spike of failures, its page, many good operations, the end of the page: everywhere."""
    thresholds = alert_thresholds()
    assert thresholds["error_spike_failures"] <= FAILURES
    before, after = FAILURES / (FAILURES + SUCCESSES_BEFORE), FAILURES / (FAILURES + SUCCESSES_AFTER)
    assert after < thresholds["error_spike_failure_ratio"] < before
    for dsn in databases.values():
        operate(dsn, SUCCESSES_BEFORE, success=True)
    for target in databases:
        wait_for_counters(source, target, expected(SUCCESSES_BEFORE, 0))
    assert source.notifications() == []
    for dsn in databases.values():
        operate(dsn, FAILURES, success=False)
    for target in databases:
        page = wait_for_page(source, SPIKE, target, "firing")
        assert dict(page.labels) == {
            "alertname": SPIKE,
            "severity": "critical",
            "component": "operations",
            "target": target,
            "tenant": TENANT,
        }
        assert (page.receiver, page.path) == PAGER
        assert page.annotations["summary"] == f"Operations of tenant {TENANT} on {target} are failing"
        assert has_runbook(page)
        wait_for_counters(source, target, expected(SUCCESSES_BEFORE, FAILURES))
    for dsn in databases.values():
        operate(dsn, SUCCESSES_AFTER, success=True)
    for target in databases:
        wait_for_page(source, SPIKE, target, "resolved")
        assert [page.status for page in pages_about(source, SPIKE, target)] == ["firing", "resolved"]
        wait_for_counters(source, target, expected(SUCCESSES_BEFORE + SUCCESSES_AFTER, FAILURES))
    assert {page.name for page in source.notifications()} == {SPIKE}


def test_a_spike_of_failures_pages_and_resolves(
    installed_database: str, exporter: StartExporter, monitoring: StartMonitoring
) -> None:
    register(installed_database)
    running = exporter(installed_database, collectors=COLLECTORS)
    spike_and_recovery(running, monitoring(running), {"shop": installed_database})


@pytest.mark.majors  # with two databases; the spike of one is in every run
def test_a_spike_pages_and_resolves_while_a_prepared_transaction_is_left_open(
    postgres: Server, _template: str, exporter: StartExporter, monitoring: StartMonitoring
) -> None:
    """In its own database and in another one of the same server, whose horizon it holds as well."""
    with installed_clone(postgres, _template) as holder, installed_clone(postgres, _template) as neighbour:
        databases = {"holder": holder, "neighbour": neighbour}
        with psycopg.connect(holder) as connection:
            if connection.execute("show max_prepared_transactions").fetchone() == ("0",):
                pytest.skip("the server has max_prepared_transactions = 0")
        for dsn in databases.values():
            register(dsn)
        gid = urlsplit(holder).path.removeprefix("/")
        prepare(holder, gid)
        running = exporter(
            holder, collectors=COLLECTORS, targets=[{"name": name, "dsn": dsn} for name, dsn in databases.items()]
        )
        source = monitoring(running)
        spike_and_recovery(running, source, databases)
        for target in databases:
            # the totals really were held up meanwhile: every operation above was counted past the horizon
            eventually(partial(lag_is, running, target, long=True), 60)
        with psycopg.connect(holder, autocommit=True) as connection:
            connection.execute(f"commit prepared '{gid}'")
        completed = SUCCESSES_BEFORE + SUCCESSES_AFTER
        wait_for_counters(source, "holder", expected(completed, FAILURES + 1))
        for target in databases:
            eventually(partial(lag_is, running, target, long=False), 30)
        time.sleep(2 * SCRAPE_SECONDS)  # what the totals took over is counted once, in the next scrapes as well
        wait_for_counters(source, "holder", expected(completed, FAILURES + 1))
        wait_for_counters(source, "neighbour", expected(completed, FAILURES))


@pytest.mark.majors
def test_a_stopped_database_pages_and_resolves(
    postgres: Server, installed_database: str, exporter: StartExporter, monitoring: StartMonitoring
) -> None:
    """The one alert whose `for` is shortened, from a minute to three seconds."""
    down = "ScriptTrackingTargetDown"
    running = exporter(installed_database)
    source = monitoring(running, alert_for={down: "3s"})
    eventually(lambda: [sample.value for sample in source.query("script_tracking_up")] == [1], 30)
    assert source.notifications() == []
    postgres.stop()
    page = wait_for_page(source, down, "shop", "firing")
    assert dict(page.labels) == {"alertname": down, "severity": "critical", "component": "database", "target": "shop"}
    assert (page.receiver, page.path) == PAGER
    assert has_runbook(page)
    postgres.start()
    wait_for_page(source, down, "shop", "resolved")
    assert [told.name for told in source.notifications()] == [down, down]


@pytest.mark.majors  # a round trip through three processes; that of a stopped database is in every run
def test_a_dropped_schema_pages(installed_database: str, exporter: StartExporter, monitoring: StartMonitoring) -> None:
    """Its `for` is shortened, from two minutes. The exporter may install here, and must not hide the loss so."""
    missing = "ScriptTrackingSchemaMissing"
    running = exporter(installed_database)
    source = monitoring(running, alert_for={missing: "3s"})
    eventually(lambda: any(sample.value > 0 for sample in source.query("script_tracking_schema_version")), 30)
    assert source.notifications() == []
    with psycopg.connect(installed_database, autocommit=True) as connection:
        connection.execute(meddling("drop schema script_tracking, script_tracking_internal cascade").encode())
    page = wait_for_page(source, missing, "shop", "firing")
    assert dict(page.labels) == {"alertname": missing, "severity": "critical", "component": "capture", "target": "shop"}
    assert (page.receiver, page.path) == PAGER
    assert has_runbook(page)
    becomes([1], lambda: [sample.value for sample in source.query("script_tracking_up")])
