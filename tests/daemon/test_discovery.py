"""Databases of a server that come, go, are refused or too many, and a server that is gone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.fix_databases import new_database
from tests.fix_exporter import StartExporter, eventually
from tests.postgres_server import Server

pytestmark = pytest.mark.majors


@dataclass
class Databases:
    """Databases of a common prefix."""

    server: Server
    prefix: str
    names: list[str] = field(default_factory=list)

    def run(self, statement: str, name: str = "") -> None:
        """Runs a statement on one of them, whose name is put in for {}."""
        with psycopg.connect(self.server.dsn, autocommit=True) as admin:
            admin.execute(sql.SQL(statement).format(sql.Identifier(self.prefix + name)))

    def create(self, *names: str) -> None:
        """Makes empty ones."""
        for name in names:
            self.run("create database {} template template0", name)
            self.names.append(name)

    def drop(self, name: str) -> None:
        """Drops one, whoever is connected to it."""
        self.run("drop database {} with (force)", name)
        self.names.remove(name)


@pytest.fixture
def databases(postgres: Server) -> Iterator[Databases]:
    """None at first; dropped at the end."""
    made = Databases(postgres, f"found_{uuid.uuid4().hex[:8]}_")
    yield made
    postgres.start()
    for name in list(made.names):
        made.run("alter database {} with allow_connections true", name)
        made.drop(name)


def entry(databases: Databases, **discover: Any) -> dict[str, Any]:
    """Settings of an exporter that watches them and installs nothing."""
    discover = {"include": [f"{databases.prefix}*"], "interval": "500ms", **discover}
    return {"targets": [{"name": "main", "dsn": databases.server.dsn, "discover": discover}], "schema": "off"}


def test_databases_appear_and_vanish_without_a_restart(databases: Databases, exporter: StartExporter) -> None:
    databases.create("a", "b_test", "closed")
    databases.run("alter database {} with allow_connections false", "closed")
    databases.run("create database {} template template0 is_template true", "template")
    try:
        running = exporter("", **entry(databases, exclude=["*_test"]))
        first, second = (f"main/{databases.prefix}{name}" for name in ("a", "c"))
        running.wait_for_value(1, "script_tracking_up", target=first)
        assert running.value("script_tracking_discovery_databases", target="main") == 1
        assert running.value("script_tracking_discovery_success", target="main") == 1
        assert (running.value("script_tracking_discovery_last_success_timestamp_seconds") or 0) > time.time() - 60
        assert running.value("script_tracking_up", target="main") is None
        databases.create("c")
        running.wait_for_value(1, "script_tracking_up", target=second)
        assert len(running.events("target_up")) == 2, "the first is not disturbed"
        databases.drop("a")
        running.wait_for_value(None, "script_tracking_up", target=first)
        assert first.encode() not in running.get("/metrics").body
        assert running.value("script_tracking_up", target=second) == 1
        databases.run("alter database {} with allow_connections true", "closed")
        running.wait_for_value(1, "script_tracking_up", target=f"main/{databases.prefix}closed")
    finally:
        databases.run("alter database {} with is_template false", "template")
        # found in between, it has sessions
        databases.run("drop database {} with (force)", "template")


def test_no_more_than_the_limit_are_watched_and_those_that_are_keep_their_place(
    databases: Databases, exporter: StartExporter
) -> None:
    databases.create("m", "n")
    running = exporter("", **entry(databases, limit=2))
    running.wait_for_value(2, "script_tracking_discovery_databases", target="main")
    assert running.value("script_tracking_discovery_databases_left_out", target="main") == 0
    databases.create("a", "z")
    running.wait_for_value(2, "script_tracking_discovery_databases_left_out", target="main")
    told = running.wait_for_event("discovery_limit_reached")
    assert (told["limit"], "discover.limit" in str(told["advice"])) == (2, True)
    time.sleep(1.5)
    assert len(running.events("discovery_limit_reached")) == 1
    for name in "mn":
        running.wait_for_value(1, "script_tracking_up", target=f"main/{databases.prefix}{name}")
    for name, up in {"m": 1, "n": 1, "a": None, "z": None}.items():
        assert running.value("script_tracking_up", target=f"main/{databases.prefix}{name}") == up
    databases.drop("m")
    running.wait_for_value(1, "script_tracking_up", target=f"main/{databases.prefix}a")


def test_a_server_that_is_gone_keeps_its_databases_which_are_down(
    databases: Databases, exporter: StartExporter, postgres: Server
) -> None:
    databases.create("a")
    running = exporter("", **entry(databases))
    target = f"main/{databases.prefix}a"
    running.wait_for_value(1, "script_tracking_up", target=target)
    postgres.stop()
    running.wait_for_value(0, "script_tracking_discovery_success", target="main")
    running.wait_for_value(0, "script_tracking_up", target=target)
    assert running.value("script_tracking_discovery_databases", target="main") == 1
    postgres.start()
    running.wait_for_value(1, "script_tracking_discovery_success", target="main")
    running.wait_for_value(1, "script_tracking_up", target=target)
    reasons = [event["reason"] for event in running.events("discovery_failed")]
    assert reasons and all(one != following for one, following in pairwise(reasons)), "a line as long as it stays"


def test_it_is_not_ready_before_the_server_was_asked(exporter: StartExporter) -> None:
    silent = {"name": "main", "dsn": "host=127.0.0.1 port=1 dbname=x", "discover": {}}
    running = exporter("", targets=[silent])
    eventually(lambda: running.get("/-/ready").status == 200, 20)
    assert running.value("script_tracking_discovery_success", target="main") == 0
    assert running.value("script_tracking_discovery_databases", target="main") is None


def test_other_patterns_change_nothing_for_what_both_name(databases: Databases, exporter: StartExporter) -> None:
    databases.create("a", "b")
    running = exporter("", **entry(databases, interval="1h"))
    for name in "ab":
        running.wait_for_value(1, "script_tracking_up", target=f"main/{databases.prefix}{name}")
    text = running.config.read_text(encoding="utf-8")
    running.config.write_text(text.replace("interval: 1h", f"exclude: [{databases.prefix}b]"), encoding="utf-8")
    running.process.send_signal(1)
    running.wait_for_event("configuration_reloaded")
    running.wait_for_value(None, "script_tracking_up", target=f"main/{databases.prefix}b")
    running.wait_for_value(1, "script_tracking_discovery_databases", target="main")
    assert running.value("script_tracking_up", target=f"main/{databases.prefix}a") == 1
    assert len(running.events("target_up")) == 2


def test_a_name_that_is_no_utf8_is_left_out_and_told_of_once(
    databases: Databases, postgres: Server, exporter: StartExporter
) -> None:
    databases.create("a", "ä=b password=c")
    odd = f'"{databases.prefix}'.encode() + b'\xe4"'
    with new_database(postgres, encoding="SQL_ASCII") as ascii_only:
        with psycopg.connect(ascii_only, autocommit=True, client_encoding="SQL_ASCII") as admin:
            admin.execute(b"create database " + odd + b" template template0 encoding 'SQL_ASCII' locale 'C'")
        try:
            for asked in (postgres.dsn, ascii_only):
                settings = entry(databases)
                settings["targets"][0]["dsn"] = asked
                running = exporter("", **settings)
                running.wait_for_value(1, "script_tracking_up", target=f"main/{databases.prefix}a")
                running.wait_for_value(1, "script_tracking_up", target=f"main/{databases.prefix}ä=b password=c")
                assert "xe4" in str(running.wait_for_event("database_names_unreadable")["left_out"])
                time.sleep(1)
                assert len(running.events("database_names_unreadable")) == 1
        finally:
            with psycopg.connect(ascii_only, autocommit=True, client_encoding="SQL_ASCII") as admin:
                admin.execute(b"drop database " + odd)


def test_a_declared_target_goes_before_one_of_its_name_that_is_found(
    databases: Databases, exporter: StartExporter
) -> None:
    databases.create("a")
    settings = entry(databases)
    name = f"main/{databases.prefix}a"
    settings["targets"].append({"name": name, "dsn": databases.server.dsn})
    running = exporter("", **settings)
    told = running.wait_for_event("target_names_taken")
    assert told["left_out"] == [name]
    running.wait_for_value(1, "script_tracking_up", target=name)


@pytest.mark.majors
def test_the_other_commands_work_on_what_is_found(databases: Databases, tmp_path: Any) -> None:
    databases.create("a", "b")
    file = tmp_path / "exporter.yaml"
    file.write_text(json.dumps(entry(databases)), encoding="utf-8")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "exporter", *words, "--config", str(file)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    check = run("check-config")
    assert check.returncode == 0
    assert f"{databases.prefix}*; at most 100, looked for every 0.5 s" in check.stdout
    connected = run("check-config", "--connect")
    assert (connected.returncode, connected.stdout.count("no schema installed")) == (0, 2)
    installed = run("schema", "install")
    assert installed.returncode == 0, installed.stderr
    collected = run("collect")
    assert collected.stdout.count("script_tracking_up{") == 2
    assert run("track", "--require-record").returncode == 2
    databases.server.stop()
    try:
        assert run("schema", "status").returncode == 1
    finally:
        databases.server.start()
