"""deploy/compose.yaml in Docker, from nothing to the page of an error spike: `make test-image`.

All but Grafana's server, whose image cannot be had where there is no registry: tests/grafana/test_provisioning.py.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml

from tests.fix_exporter import eventually

pytestmark = pytest.mark.image

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy" / "compose.yaml"
COMMAND = shlex.split(os.environ.get("COMPOSE", "docker compose"))
PROJECT = f"script-tracking-test-{os.getpid()}"
WITHOUT = {"grafana"}
SPIKE = "ScriptTrackingErrorSpike"
ONCE = {"roles", "schema", "tenants"}


class Stack:
    """The running services of deploy/compose.yaml, published at free ports; since when they were all up, twice."""

    since = 0.0

    def __call__(self, *arguments: str, within: float = 120) -> str:
        """Output of a command of Docker Compose, which must succeed."""
        ports = {f"{name}_PORT": "0" for name in ("EXPORTER", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")}
        command = [*COMMAND, "--file", str(COMPOSE), "--project-name", PROJECT, *arguments]
        done = subprocess.run(command, env={**os.environ, **ports}, capture_output=True, text=True, timeout=within)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def get(self, service: str, port: int, path: str) -> Any:
        """What a service answers, read as JSON."""
        address = self("port", service, str(port)).strip()
        with urlopen(f"http://{address}{path}", timeout=30) as response:
            return json.load(response)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus makes of an expression."""
        found: list[dict[str, Any]]
        found = self.get("prometheus", 9090, f"/api/v1/query?query={quote(expression)}")["data"]["result"]
        return found

    def psql(self, statement: str) -> list[str]:
        """Lines that a statement of the superuser gives."""
        options = ["--tuples-only", "--no-align", "--command", statement]
        return self("exec", "-T", "db", "psql", "--username=postgres", "--dbname=orders", *options).splitlines()

    def told(self) -> list[dict[str, Any]]:
        """What the pager was told so far."""
        lines = self("logs", "--no-color", "--no-log-prefix", "pager").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def containers(self) -> dict[str, dict[str, Any]]:
        """What Docker knows of each, those that have ended included."""
        ids = self("ps", "--all", "--quiet").split()
        inspected = subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True, text=True).stdout
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in json.loads(inspected)}


def services() -> set[str]:
    """Those that are brought up."""
    return set(yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]) - WITHOUT


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    if subprocess.run([*COMMAND, "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no Docker Compose: COMPOSE=/path/to/docker-compose names it")
    subprocess.run([str(ROOT / "deploy" / "compose" / "make-secrets")], check=True)
    stack = Stack()
    try:
        try:
            # twice, as after a change of a setting: what the first did the second leaves as it is
            for _ in range(2):
                stack("up", "--detach", "--wait", "--pull", "never", *sorted(services()), within=420)
            stack.since = time.time()
            yield stack
        except BaseException:
            print(stack("ps", "--all"), stack("logs", "--no-color", "--tail", "30"))
            raise
    finally:
        stack("down", "--volumes", "--timeout", "5")


def becomes_true(holds: Callable[[], object]) -> None:
    eventually(holds, 180)


def test_every_service_is_healthy_or_has_done_its_work(stack: Stack) -> None:
    containers = stack.containers()
    assert set(containers) == services()
    for name, container in containers.items():
        state = container["State"]
        if name in ONCE:
            assert (state["Status"], state["ExitCode"]) == ("exited", 0), name
        else:
            assert state["Health"]["Status"] == "healthy", name


def test_nobody_is_root_nor_writes_to_an_image_and_no_secret_is_in_the_environment(stack: Stack) -> None:
    secrets = [file.read_text().strip() for file in (COMPOSE.parent / "compose" / "secrets").iterdir()]
    assert len(secrets) == 5
    for name, container in stack.containers().items():
        assert container["HostConfig"]["ReadonlyRootfs"] is True
        assert not any(secret in json.dumps(container) for secret in secrets), name
        if name not in ONCE:
            assert stack("exec", "-T", name, "id", "-u").strip() != "0"
            touch = f"docker exec {container['Id']} touch /etc/x".split()
            assert subprocess.run(touch, capture_output=True, check=False).returncode != 0
    assert not any(secret in stack("logs", "--no-color") for secret in secrets)


def test_roles_have_what_they_need_and_no_more(stack: Stack) -> None:
    assert stack.psql("select rolname from pg_roles where rolsuper") == ["postgres"]
    members = "select member::regrole || ' ' || string_agg(roleid::regrole::text, ' ' order by roleid::regrole::text)"
    logins = "where member in (select oid from pg_roles where rolcanlogin) group by member order by 1"
    assert stack.psql(f"{members} from pg_auth_members {logins}") == [
        "app script_tracking_app script_tracking_reader",
        "exporter script_tracking_daemon",
        "grafana script_tracking_auditor",
    ]


def test_prometheus_scrapes_the_exporter_has_all_rules_and_tells_alertmanager(stack: Stack) -> None:
    becomes_true(lambda: [each["value"][1] for each in stack.query("script_tracking_up")] == ["1"])
    becomes_true(lambda: stack.query('script_tracking_capture_level_info{level="full"} == 1'))
    groups = stack.get("prometheus", 9090, "/api/v1/rules")["data"]["groups"]
    loaded = {rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"}
    files = (ROOT / "deploy" / "prometheus" / "rules").glob("*.yaml")
    shipped = [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    assert loaded == {rule["alert"] for group in shipped for rule in group["rules"] if "alert" in rule}
    becomes_true(lambda: stack.get("prometheus", 9090, "/api/v1/alertmanagers")["data"]["activeAlertmanagers"])


def test_a_spike_reaches_the_pager(stack: Stack) -> None:
    series = 'script_tracking_operations_total{tenant="globex", script_type="IMPORT", status="FAILED"}'
    becomes_true(lambda: stack.query(f"count_over_time({series}[2m]) >= 2"))
    begun = time.time()
    stack("exec", "-T", "workload", "/deploy/psql", "--file", "/deploy/spike.sql")
    page = eventually(lambda: next((page for page in stack.told() if page["alert"] == SPIKE), None), 240)
    took = datetime.fromisoformat(page["at"]).timestamp() - begun
    print(f"from the database to the pager in {took:.0f} s")
    assert (page["receiver"], page["status"]) == ("pager", "firing")
    assert page["labels"]["tenant"] == "globex"
    # 5 s collector, 15 s scrape, 15 s evaluation, 15 s `for`, 5 s of Alertmanager; the rest is the machine's
    assert took < 90
    assert page["runbook_url"] == f"http://127.0.0.1:10187/runbooks/{SPIKE}.md"
    address = stack("port", "exporter", "10187").strip()
    with urlopen(f"http://{address}/runbooks/{SPIKE}.md", timeout=30) as response:
        assert SPIKE in response.read().decode()


def test_a_second_up_changed_nothing_that_is_reported(stack: Stack) -> None:
    becomes_true(lambda: stack.query(f"script_tracking_reconciled_timestamp_seconds > {stack.since}"))
    assert stack.psql("select * from script_tracking.get_untracked_changes()") == []
