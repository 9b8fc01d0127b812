"""The running daemon, as Prometheus and an operator see it."""

from __future__ import annotations

import gzip
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families

from exporter.metricmap import load
from tests.fix_exporter import Exporter, StartExporter, eventually
from tests.postgres_server import Server

TARGET = {"target": "shop"}


def operate(dsn: str, *, success: bool, times: int = 1) -> None:
    """Declares operations that end well or not."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _ in range(times):
            connection.execute(
                "select script_tracking.complete_operation("
                " script_tracking.track_operation('nightly', 'BATCH'), %s, %s, %s)",
                (success, None if success else "duplicate key", None if success else "23505"),
            )


def seconds_of_a_scrape(running: Exporter) -> float:
    """How long one takes."""
    began = time.monotonic()
    assert running.get("/metrics").status == 200
    return time.monotonic() - began


def test_installs_into_an_empty_database_and_counts_what_happens_there(database: str, exporter: StartExporter) -> None:
    running = exporter(database)
    eventually(lambda: running.get("/-/ready").status == 200, 20)
    running.wait_for_event("schema_installed")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create table orders (id int primary key)")
    operate(database, success=False, times=3)
    series = {**TARGET, "tenant": "system", "script_type": "BATCH"}
    running.wait_for_value(1, "script_tracking_operations_total", **TARGET, script_type="DDL", status="COMPLETED")
    running.wait_for_value(3, "script_tracking_operations_total", **series, status="FAILED")
    running.wait_for_value(0, "script_tracking_operations_total", **series, status="COMPLETED")
    running.wait_for_value(3, "script_tracking_errors_total", **series, error_class="23")
    running.wait_for_value(3, "script_tracking_operation_duration_seconds_count", **series)
    assert running.value("script_tracking_up", **TARGET) == 1
    running.wait_for_value(1, "script_tracking_capture_level_info", level="failures")


@pytest.mark.majors
def test_an_operation_whose_session_is_gone_is_counted_as_interrupted(
    installed_database: str, exporter: StartExporter
) -> None:
    with psycopg.connect(installed_database, autocommit=True) as connection:
        connection.execute(
            "select script_tracking.track_operation('abandoned', 'BATCH',"
            " metadata => '{\"interrupted_after_seconds\": 0}')"
        )
    running = exporter(installed_database)
    series = {**TARGET, "tenant": "system", "script_type": "BATCH"}
    running.wait_for_value(1, "script_tracking_operations_total", 30, **series, status="INTERRUPTED")
    running.wait_for_value(0, "script_tracking_operations_running", **series)


def test_a_kept_connection_does_not_wait_for_delayed_acknowledgements(database: str, exporter: StartExporter) -> None:
    """Without TCP_NODELAY every answer takes the kernel's 40 ms, however idle the machine."""
    running = exporter(database)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    durations = []
    for _ in range(30):
        began = time.perf_counter()
        connection.request("GET", "/-/healthy")
        connection.getresponse().read()
        durations.append(time.perf_counter() - began)
    connection.close()
    assert min(durations[1:]) < 0.03


def test_a_stopped_server_is_told_and_a_started_one_found_again(
    postgres: Server, installed_database: str, exporter: StartExporter
) -> None:
    running = exporter(installed_database)
    counted = {**TARGET, "tenant": "system", "script_type": "BATCH", "status": "FAILED"}
    operate(installed_database, success=False, times=2)
    running.wait_for_value(2, "script_tracking_operations_total", **counted)
    postgres.stop()
    running.wait_for_value(0, "script_tracking_up", **TARGET)
    assert running.value("script_tracking_operations_total", **counted) is None, "a stale value was served"
    assert running.value("script_tracking_collector_success", collector="operations", **TARGET) == 0
    assert running.value("script_tracking_collector_last_success_timestamp_seconds", collector="operations") is not None
    assert running.get("/-/healthy").status == 200
    postgres.start()
    running.wait_for_value(1, "script_tracking_up", **TARGET)
    running.wait_for_value(2, "script_tracking_operations_total", **counted)
    assert len(running.events("target_down")) == 1, "a change of state is logged once"
    assert len(running.events("target_up")) == 2


def test_not_ready_before_the_first_attempt_and_up_is_zero_without_a_server(exporter: StartExporter) -> None:
    running = exporter("postgresql://nobody:hunter2@127.0.0.1:1/none")
    eventually(lambda: running.get("/-/ready").status == 200, 30)
    assert running.value("script_tracking_up", **TARGET) == 0
    assert "hunter2" not in str(running.events("target_down"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_two_seconds(
    installed_database: str, exporter: StartExporter, number: signal.Signals
) -> None:
    running = exporter(installed_database)
    eventually(lambda: running.get("/-/ready").status == 200, 20)
    code, waited = running.stop_and_look(number)
    assert (code, waited < 2) == (0, True), waited


@pytest.mark.majors
def test_a_signal_ends_it_within_two_seconds_though_the_database_hangs(
    installed_database: str, exporter: StartExporter
) -> None:
    running = exporter(installed_database)
    eventually(lambda: running.get("/-/ready").status == 200, 20)
    with psycopg.connect(installed_database) as connection:
        connection.execute("lock table script_tracking.script_execution_s in access exclusive mode")
        time.sleep(6)  # long enough for the collectors and the keeper to run into the lock
        code, waited = running.stop_and_look()
        assert (code, waited < 2) == (0, True), waited


@pytest.mark.majors
def test_a_locked_table_fails_its_collectors_and_not_the_scrape(
    installed_database: str, exporter: StartExporter
) -> None:
    running = exporter(installed_database, collectors={"operations": {"interval": "1s"}})
    running.wait_for_value(1, "script_tracking_collector_success", collector="operations")
    with psycopg.connect(installed_database) as connection:
        connection.execute("lock table script_tracking.script_execution_s in access exclusive mode")
        running.wait_for_value(0, "script_tracking_collector_success", collector="operations")
        # whoever waited for the lock would wait for seconds, each time
        assert min(seconds_of_a_scrape(running) for _ in range(5)) < 2
        assert running.value("script_tracking_up", **TARGET) == 1
        running.wait_for_value(None, "script_tracking_operations_total", 30, status="FAILED", tenant="system")
    running.wait_for_value(1, "script_tracking_collector_success", collector="operations")


def test_both_formats_gzip_and_head(installed_database: str, exporter: StartExporter) -> None:
    running = exporter(installed_database)
    running.wait_for_value(1, "script_tracking_collector_success", collector="health")
    text = running.get("/metrics")
    assert text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    openmetrics = running.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.body.endswith(b"# EOF\n")
    assert list(openmetrics_families(openmetrics.body.decode()))  # type: ignore[no-untyped-call]
    packed = running.get("/metrics", Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body).startswith(b"# HELP script_tracking_up")
    assert running.get("/metrics", "HEAD").body == b""
    refused = running.get("/metrics", "POST")
    assert (refused.status, refused.headers["allow"], "server" in refused.headers) == (405, "GET, HEAD", False)
    assert running.get("/nowhere").status == 404
    for path in ("/metrics/", "/-/healthy/"):
        astray = running.get(path, Host="elsewhere.example")
        assert (astray.status, "location" in astray.headers) == (404, False)


def test_an_error_counter_leads_to_its_newest_execution(installed_database: str, exporter: StartExporter) -> None:
    running = exporter(installed_database)
    operate(installed_database, success=False)

    def exemplar() -> str | None:
        answer = running.get("/metrics", Accept="application/openmetrics-text")
        families = openmetrics_families(answer.body.decode())  # type: ignore[no-untyped-call]
        samples = [sample for family in families for sample in family.samples]
        found = [s.exemplar for s in samples if s.name == "script_tracking_errors_total" and s.exemplar]
        return found[0].labels["execution_hk"] if found else None

    key = eventually(exemplar, 40)
    with psycopg.connect(installed_database) as connection:
        executions = connection.execute(
            "select execution_status from script_tracking.script_execution_s"
            " where script_execution_hk = decode(%s, 'hex') and load_end_date is null", [key]
        ).fetchall()  # fmt: skip
    assert executions == [("FAILED",)]
    assert key.encode() not in running.get("/metrics").body


def test_every_declared_metric_is_served_and_promtool_finds_nothing(
    installed_database: str, exporter: StartExporter
) -> None:
    changes = {"references": [{"pattern": "CHG[0-9]{7}"}]}
    running = exporter(installed_database, collectors={"attempts": {"interval": "1s"}}, changes=changes)
    with psycopg.connect(installed_database, autocommit=True) as connection:
        connection.execute("select script_tracking.track_operation('long', 'BATCH')")
    eventually(lambda: running.value("script_tracking_capture_slot_lag_bytes") is not None, 20)
    running.wait_for_value(1, "script_tracking_operations_running", tenant="system", script_type="BATCH")
    running.wait_for_value(1, "script_tracking_collector_success", collector="health")
    operate(installed_database, success=True)
    running.wait_for_value(1, "script_tracking_operation_duration_seconds_count", tenant="system", script_type="BATCH")
    checked = b"\nscript_tracking_vault_checked_rows{"  # by upkeep, which may come after the first collection
    eventually(lambda: checked in running.get("/metrics").body, 60)
    # history, the login wrappers, a past period whose partitions something keeps, or a limit: a new database has none
    needs_more = {
        m.name
        for spec in load()
        if spec.name in ("performance", "dashboard", "server_log") or spec.name.startswith("login")
        for m in spec.metrics
    } | {"script_tracking_oldest_partition_kept_timestamp_seconds", "script_tracking_storage_limit_bytes"}
    expected = {metric.name for spec in load() for metric in spec.metrics} - needs_more
    body = b""

    def missing() -> set[str]:
        nonlocal body
        body = running.get("/metrics").body
        return expected - {line.split()[2].decode() for line in body.splitlines() if line.startswith(b"# TYPE")}

    with suppress(AssertionError):
        eventually(lambda: not missing(), 60)  # each collector has had its first turn
    assert missing() == set()
    promtool = shutil.which(os.environ.get("PROMTOOL", "promtool"))
    if promtool is None:
        pytest.skip("not on the PATH: promtool (Debian: apt-get install prometheus); all else of this test held")
    check = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
    assert (check.returncode, check.stdout + check.stderr) == (0, b"")


@pytest.mark.majors
def test_a_role_that_may_not_install_is_told_once_what_is_missing(database: str, exporter: StartExporter) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("drop role if exists lowly_exporter")
        connection.execute("create role lowly_exporter login")
    try:
        running = exporter(psycopg.conninfo.make_conninfo(database, user="lowly_exporter"))
        event = running.wait_for_event("schema_not_settled")
        assert "role lowly_exporter may not create event triggers" in str(event["reason"])
        assert "script-tracking-exporter schema install" in str(event["reason"])
        running.wait_for_value(1, "script_tracking_up", **TARGET)
        running.wait_for_value(0, "script_tracking_schema_version", **TARGET)
        time.sleep(3)
        assert len(running.events("schema_not_settled")) == 1
        subprocess.run(
            [sys.executable, "-m", "exporter", "schema", "install", "--dsn", database], check=True, capture_output=True
        )
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("grant script_tracking_daemon to lowly_exporter")
        running.wait_for_value(1, "script_tracking_collector_success", 30, collector="operations")
        running.wait_for_value(1, "script_tracking_upkeep_success", 30)
        running.wait_for_value(1, "script_tracking_capture_success", 30)
        assert running.value("script_tracking_reconcile_interval_seconds", **TARGET) == 60
    finally:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("drop role lowly_exporter")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("targets: []\n", "targets"),
        ("listen: 127.0.0.1\ntargets: [{dsn: 'dbname=x'}]\n", "HOST:PORT"),
        ("tragets: []\n", "tragets"),
        ("targets: [{dsn: 'password=hunter2 nonsense'}]\n", "targets.0"),
        ("targets: [{dsn: 'dbname=x'}]\ncollectors: {nonesuch: {enabled: false}}\n", "nonesuch"),
        ("targets: [\n", "broken.yaml:2:1"),
    ],
)
def test_bad_configuration_is_named_and_exits_2(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "exporter", "run", "--config", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert told in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr
