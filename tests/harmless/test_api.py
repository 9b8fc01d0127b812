"""The API behind a pooler in transaction mode, where its session is everybody's, and on a standby."""

from __future__ import annotations

import asyncio
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.fix_exporter import Exporter, StartExporter, eventually
from tests.fix_sessions import MakeRole, Session, value
from tests.harmless.cluster import Cluster
from tests.harmless.pooler import Pooler
from tests.harmless.test_pooler import SETTINGS
from tests.installing import installed
from tests.postgres_server import LocalServer, Server

TENANTS = ("acme", "rival")
LISTS = ("/executions", "/objects", "/dashboard", "/performance", "/errors", "/health")


def entry(name: str, role: str) -> dict[str, Any]:
    """A token of the configuration, which is its name many times."""
    return {"name": name, "token_sha256": hashlib.sha256((name * 16).encode()).hexdigest(), "role": role}


def ask(running: Exporter, name: str, path: str) -> tuple[int, dict[str, Any]]:
    """Status and document."""
    answer = running.get(f"/api/v1{path}", Authorization=f"Bearer {name * 16}")
    return answer.status, json.loads(answer.body)


def test_behind_a_pooler_each_token_reads_its_own_and_the_next_client_finds_nothing(
    pooler: Pooler, installed_database: str, admin: Session, make_role: MakeRole, exporter: StartExporter
) -> None:
    keys = {}
    for tenant in TENANTS:
        role = make_role("script_tracking_reader")
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
        admin.execute("select script_tracking.grant_tenant(%s, %s)", (tenant, role))
        begin = "select script_tracking.track_operation(%s, 'BATCH', %s)"
        keys[tenant] = value(admin, begin, f"job {tenant}", tenant), role
        admin.execute("select script_tracking.complete_operation(%s, false, 'no')", keys[tenant][:1])
    behind = pooler.dsn(installed_database)
    tokens = [entry(tenant, role) for tenant, (_, role) in keys.items()]
    running = exporter(behind, schema="check", api={"tokens": tokens})
    running.wait_for_value(1, "script_tracking_up")

    def turn(number: int) -> None:
        tenant, other = TENANTS[number % 2], TENANTS[(number + 1) % 2]
        path = LISTS[number % len(LISTS)]
        status, document = ask(running, tenant, path)
        assert status == 200, document
        assert {item["tenant"] for item in document["items"] if "tenant" in item} <= {tenant}
        if path == "/executions":
            assert [item["script_name"] for item in document["items"]] == [f"job {tenant}"]
        key = keys[tenant][0]
        assert isinstance(key, bytes)
        status, document = ask(running, tenant, f"/executions/{key.hex()}")
        assert (status, document["execution"]["tenant"], len(document["tree"])) == (200, tenant, 1)
        assert ask(running, other, f"/executions/{key.hex()}")[0] == 404

    with psycopg.connect(behind, autocommit=True, prepare_threshold=None) as client:
        before = client.execute(SETTINGS).fetchall()
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(turn, range(60)))
        assert client.execute(SETTINGS).fetchall() == before
        assert client.execute("select current_user = session_user").fetchone() == (True,)
    assert running.events("api_failed") == running.events("api_role_refused") == []


@pytest.mark.majors
def test_on_a_standby_it_answers_what_has_arrived(postgres: Server, exporter: StartExporter) -> None:
    assert isinstance(postgres, LocalServer)
    with ExitStack() as stack:
        primary = Cluster(postgres.binaries)
        stack.callback(primary.close)
        primary.start()
        asyncio.run(installed(primary.dsn))
        primary.stop()
        standby = primary.standby()
        stack.callback(standby.close)
        primary.start()
        standby.start()
        there = stack.enter_context(psycopg.connect(primary.dsn, autocommit=True, row_factory=dict_row))
        tokens = [entry("audit", "script_tracking_auditor")]
        running = exporter(standby.dsn, api={"tokens": tokens})
        running.wait_for_value(1, "script_tracking_standby")
        there.execute("create table public.orders (id int)")
        key = value(there, "select script_tracking.track_operation('nightly', 'BATCH')")
        assert isinstance(key, bytes)
        names = {"CREATE TABLE", "nightly"}

        def listed() -> set[str]:
            return {one["script_name"] for one in ask(running, "audit", "/executions")[1]["items"]}

        eventually(lambda: listed() == names, 30)
        status, document = ask(running, "audit", f"/executions/{key.hex()}")
        assert (status, document["execution"]["execution_status"]) == (200, "RUNNING")
        for path in (*LISTS, "/objects/history?identity=public.orders", "/tenants", "/targets"):
            status, document = ask(running, "audit", path)
            assert status == 200 and bool(document["items"]) is (path != "/errors"), (path, document)
        assert ask(running, "audit", "/targets")[1]["items"][0]["standby"] is True
        assert running.events("api_failed") == []
