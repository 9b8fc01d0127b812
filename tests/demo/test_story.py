"""The demo told to its end: what it says is so, what it tells to type works, and nothing of it stays."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from exporter.config import DEFAULT_LISTEN
from exporter.demo.playground import newest_embedded
from exporter.demo.server import LocalServer
from exporter.demo.shipped import alert_thresholds
from tests.demo.fix_demo import Demo, facts, run_demo
from tests.postgres_server import Server

pytestmark = pytest.mark.majors

OUTCOME = re.compile(r"ratio (0\.\d\d): (under|over) the threshold")


@pytest.fixture(scope="module")
def usual_port() -> Iterator[None]:
    """Somebody listens on the exporter's usual port already: beside other workers, once no demo does."""
    host, _, port = DEFAULT_LISTEN.rpartition(":")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        deadline = time.monotonic() + 900
        while True:
            try:
                listener.bind((host, int(port)))
                break
            except OSError:
                assert time.monotonic() < deadline, f"{DEFAULT_LISTEN} is not free"
                time.sleep(0.1)
        listener.listen()
        yield


@pytest.fixture(scope="module", autouse=True)
def embedded(usual_port: None) -> Iterator[Demo]:
    """A demo on an embedded server that ends by itself; it begins before the first test, and mostly waits."""
    with run_demo(DURATION="1") as demo:
        yield demo


def server_state(dsn: str) -> list[tuple[object, ...]]:
    """Databases, roles and memberships of a server."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "select 'database', datname::text, '' from pg_database"
            " union all select 'role', rolname::text, rolsuper::text || rolcanlogin::text from pg_roles"
            " union all select 'member', roleid::regrole::text, member::regrole::text from pg_auth_members"
            " order by 1, 2, 3"
        ).fetchall()


@pytest.mark.majors
def test_on_an_existing_server_what_it_says_to_type_works_and_nothing_is_changed(postgres: Server) -> None:
    before = server_state(postgres.dsn)
    with run_demo(DATABASE_URL=postgres.dsn) as demo:
        demo.wait_for("The teams work on")
        assert "left out          this server is not the demo's to stop" in demo.output
        assert server_state(postgres.dsn) != before
        commands = demo.commands()
        assert len(commands) >= 10
        typed = [command for command in commands if command.startswith(("psql", "curl"))]
        exports = [command for command in commands if command.startswith("export")]
        assert len(typed) + len(exports) == len(commands)
        for command in typed:
            if command.startswith("curl") and shutil.which("curl") is None:
                continue  # such as on a bare machine
            script = "\n".join([*exports, command])
            answer = subprocess.run(
                ["sh", "-c", script], env=demo.environment, capture_output=True, text=True, check=False
            )
            refused = any(part in command for part in ("track_operation", "update ", '"table '))
            assert answer.returncode == (1 if refused else 0), f"{command}\n{answer.stdout}{answer.stderr}"
            if refused:
                assert re.search(r"^ERROR:  (ST00[12]|42501): ", answer.stderr)
            else:
                assert answer.stdout.strip()
        assert demo.end(signal.SIGINT) == 0
        assert "Summary after" in demo.output
        assert "nothing: processes ended, database and roles dropped" in demo.output
        assert demo.left() == []
        password = urlsplit(postgres.dsn).password
        assert not password or f":{password}@" not in demo.output
    assert server_state(postgres.dsn) == before


@pytest.mark.majors  # its story once more
def test_on_a_server_with_passwords_each_role_has_its_own() -> None:
    server = LocalServer(newest_embedded(), settings={}, prefix="demo-test-", password="hunter2hunter2")
    try:
        server.start()
        dsn = server.dsn.replace("postgres@", "postgres:hunter2hunter2@")
        before = server_state(dsn)
        with run_demo(DATABASE_URL=dsn) as demo:
            demo.wait_for(" 5  ")
            assert demo.end(signal.SIGTERM) == 0
            assert "hunter2" not in demo.output
            assert demo.left() == []
        assert server_state(dsn) == before
        assert "hunter2" not in server.log()
    finally:
        server.close()


@pytest.fixture(scope="module")
def told(embedded: Demo) -> str:
    """Its whole output."""
    code = embedded.end()
    assert code == 0, embedded.output
    return embedded.output


def test_it_tells_each_step_and_leaves_nothing_behind(embedded: Demo, told: str) -> None:
    headings = re.findall(r"^ (\d)  (.+)$", told, re.MULTILINE)
    assert [int(number) for number, _ in headings] == list(range(1, 9))
    assert embedded.left() == []
    assert [line for line in told.splitlines() if len(line) > 100 and "$ export " not in line] == []
    assert "\x1b" not in told and "\r" not in told
    assert "Traceback" not in told


def test_a_table_is_recorded_with_who_tenant_and_milliseconds(told: str) -> None:
    said = facts(told)
    assert said["recorded"]
    assert "recorded          CREATE TABLE of acme.refund: COMPLETED" in told
    assert said["who, for whom"] == "role acme_dev, tenant acme"
    assert re.match(r"\d+\.\d ms; .*SHOP-1042", said["it took"])


def test_a_failed_job_has_its_sqlstate_in_record_and_metrics(told: str) -> None:
    assert "nightly-invoices: FAILED, SQLSTATE 23503" in told
    match = re.search(r"acme, class 23: (\d+) -> (\d+)", told)
    assert match is not None
    assert int(match[2]) > int(match[1])


def test_another_tenant_sees_nothing_and_writes_nothing(told: str) -> None:
    said = facts(told)
    assert re.fullmatch(r"sees \d+ executions of acme", said["acme_reader"])
    assert re.fullmatch(r"sees \d+ executions of globex", said["globex_reader"])
    assert said["claiming acme"] == "it sees 0 executions"
    assert said["the table itself"].startswith("refused, SQLSTATE 42501")
    assert said["writing for acme"].startswith("refused, SQLSTATE ST002")


def test_the_owner_is_refused(told: str) -> None:
    said = facts(told)
    for statement in ("UPDATE", "DELETE", "TRUNCATE"):
        assert said[statement] == "refused, SQLSTATE ST001: the record is append-only"


def test_the_ratio_crosses_the_threshold_of_the_shipped_rule(told: str) -> None:
    limit = alert_thresholds()["error_spike_failure_ratio"]
    assert f"ratio > {limit:g} and failures" in told
    outcomes = [(float(ratio), side) for ratio, side in OUTCOME.findall(told)]
    assert [side for _, side in outcomes] == ["under", "over", "under"]
    assert outcomes[0][0] <= limit < outcomes[1][0]


def test_the_outage_is_told_and_nothing_is_lost(told: str) -> None:
    said = facts(told)
    assert said["server stopped"].startswith("script_tracking_up 0 after")
    assert said["server stopped"].endswith("its other series are withdrawn")
    assert said["server started"].startswith("script_tracking_up 1 after")
    before = re.fullmatch(r"(\d+) executions in the record, (\d+) in the counters", said["before"])
    assert before is not None
    assert before[1] == before[2]
    assert said["after"] == f"{said['before']}: nothing lost"


def test_it_says_what_is_captured_of_what_fails(told: str) -> None:
    assert "level of capture, failures" in told
    assert "the same again (fails: 42P07)" in told
    recorded = "3 of the 3: CREATE TABLE COMPLETED, CREATE TABLE FAILED, DROP TABLE ROLLED_BACK"
    assert f"recorded {recorded}" in " ".join(told.split())
    said = facts(told)
    assert said["only at full"].startswith(
        "SQLSTATE and message of DDL that fails; DDL that is refused before it begins"
    )
    assert said["at no level"].startswith("TRUNCATE, CLUSTER and VACUUM FULL")


def test_it_sums_up(told: str) -> None:
    said = facts(told[told.index("Summary after") :])
    total, _, rest = said["executions"].partition(": ")
    assert int(total) == sum(int(part.split()[0]) for part in rest.split(", "))
    assert re.search(r"\d+ COMPLETED", rest) and re.search(r"\d+ FAILED", rest)
    assert said["records lost"] == "0"
    assert re.match(r"\d+\.\d\d ms per execution", said["cost, all"])
    assert re.match(r"median \d+\.\d\d ms of \d+ statements", said["cost, DDL"])
    assert re.match(r"\d+\.\d\d ms added to a COMMENT ON|hidden by what else this machine does", said["cost, whole"])


def test_it_listens_elsewhere_where_the_usual_port_is_taken(told: str) -> None:
    said = facts(told)
    assert "(10187 is taken)" in said["exporter"]
    assert DEFAULT_LISTEN not in said["exporter"]


def test_no_secret_is_shown(told: str) -> None:
    assert not re.search(r"[0-9a-f]{32}", told)
    assert not re.search(r"://[^/\s]*:[^/\s]*@", told)


def test_the_page_arrives_and_resolves(monitored: Demo | None) -> None:
    if monitored is None:
        pytest.skip("prometheus and alertmanager are not installed")
    code = monitored.end()
    assert code == 0, monitored.output
    said = facts(monitored.output)
    assert re.fullmatch(r"\d\d:\d\d:\d\d UTC, critical: ScriptTrackingErrorSpike", said["page received"])
    assert re.match(r"\d\d\.?\d*% of the operations .* tenant globex on \S+/shop ", said["it says"])
    assert re.fullmatch(r"\d\d:\d\d:\d\d UTC: ScriptTrackingErrorSpike is over", said["resolved"])
    assert (Path(__file__).parents[2] / said["what to do"]).is_file()
    assert [side for _, side in OUTCOME.findall(monitored.output)] == ["under", "over", "over", "under"]
    assert monitored.left() == []
