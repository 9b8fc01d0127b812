"""docs/backup.md: the drill, word for word, and a base backup restored to a point in time."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.fix_databases import new_database
from tests.fix_exporter import eventually
from tests.fix_sessions import opened, value
from tests.harmless.cluster import Cluster
from tests.harmless.tools import tool
from tests.installing import failed_checks, installed
from tests.postgres_server import Server
from tests.replication.streaming import online_standby
from tests.vault_steps import VERSIONS, counted, roll_up

pytestmark = pytest.mark.majors  # a second server

PAGE = Path(__file__).parents[2] / "docs" / "backup.md"
COPY = "select script_tracking_internal.unconfirmed_copy() is not null"
INCARNATION = "select script_tracking_internal.ensure_incarnation()"


def blocks(section: str, language: str) -> list[str]:
    """The blocks of a language in a section of the page."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    found = re.findall(rf"```{language}[^\n]*\n(.*?)```", text, re.DOTALL)
    assert found, f"no {language} under {section}"
    return [str(block) for block in found]


@pytest.fixture
def drill(postgres: Server) -> Iterator[Cluster]:
    """The server of its own."""
    if not hasattr(postgres, "binaries"):
        pytest.skip("needs installed binaries")
    cluster = Cluster(postgres.binaries)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def work(dsn: str) -> None:
    """What is to come back: DDL and operations that ended well and not."""
    with opened(dsn) as session:
        session.execute("create table public.orders (id int primary key)")
        for outcome in (True, False):
            key = value(session, "select script_tracking.track_operation('nightly', 'BATCH')")
            value(session, "select script_tracking.complete_operation(%s, %s)", key, outcome)
        roll_up(session)


def shell(script: str, major: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs commands of the page with the programs of this major and ours."""
    bin = folder / "bin"
    bin.mkdir(exist_ok=True)
    for name in ("pg_dump", "pg_dumpall", "pg_restore", "psql", "createdb"):
        (bin / name).unlink(missing_ok=True)
        (bin / name).write_text(f'#!/bin/sh\nexec "{tool(name, major)}" "$@"\n')
    (bin / "script-tracking-exporter").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m exporter "$@"\n')
    for file in bin.iterdir():
        file.chmod(0o755)
    path = f"{bin}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip


async def test_the_drill_word_for_word(postgres: Server, drill: Cluster, tmp_path: Path) -> None:
    with new_database(postgres) as original:
        await installed(original)
        work(original)
        here, there = original.rpartition("/")[0], f"postgresql://postgres@127.0.0.1:{drill.port}"
        copy, verify = (
            block.replace("postgresql://postgres@db1.example/app", original)
            .replace("postgresql://postgres@db1.example", here)
            .replace("postgresql://postgres@drill.example", there)
            for block in blocks("The drill", "sh")
        )
        assert "example" not in copy + verify
        done = await asyncio.to_thread(shell, copy, postgres.major, tmp_path)
        assert done.returncode == 0, done.stderr
        refused = re.findall(r"ERROR:  (.*)", done.stderr)
        assert all(line.endswith("already exists") for line in refused), refused
        restored = f"{there}/app"
        checked = await asyncio.to_thread(shell, verify, postgres.major, tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        violations, totals = blocks("The drill", "sql")[0].strip().split(";\n")
        with opened(original) as before, opened(restored) as after:
            assert after.execute(violations.encode()).fetchall() == []
            assert (
                after.execute(totals.rstrip(";").encode()).fetchall()
                == before.execute(totals.rstrip(";").encode()).fetchall()
            )
            assert after.execute(VERSIONS).fetchall() == before.execute(VERSIONS).fetchall()
            assert value(after, INCARNATION) == 2
            assert counted(after) == counted(before) != 0
            assert value(after, COPY) is True, "so the exporter publishes nothing of it"
            after.execute("create table public.since ()")
            assert after.execute(VERSIONS).fetchall()[-1]["script_execution_bk"].startswith("CREATE TABLE_")
            after.execute(blocks("Confirm it", "sql")[0].encode())
            assert value(after, COPY) is False
            noted = after.execute(blocks("What is lost", "sql")[0].encode()).fetchall()
            assert [tuple(row.values()) for row in noted] == [(True,)]
            history = "select metadata from script_tracking.get_execution_history(1, only_script_name => 'restore')"
            assert {"restored_to", "lost_until"} <= set(dict(value(after, history)))  # type: ignore[call-overload]
        assert await failed_checks(restored) == {}


async def test_a_base_backup_restored_to_a_point_in_time_has_the_record_as_of_then(
    postgres: Server, tmp_path: Path
) -> None:
    if not hasattr(postgres, "binaries"):
        pytest.skip("needs installed binaries")
    archive = tmp_path / "wal"
    archive.mkdir()
    for folder in (archive, *archive.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o777)
    settings = {"fsync": "on", "archive_mode": "on", "archive_command": f"cp %p {archive}/%f", "wal_level": "logical"}
    original = Cluster(postgres.binaries, settings)
    restored: Cluster | None = None
    try:
        original.start()
        with psycopg.connect(original.dsn, autocommit=True) as admin:
            admin.execute("create database shop")
        shop = make_conninfo(original.dsn, dbname="shop")
        await installed(shop)
        restored = online_standby(original, "restored")
        work(shop)
        with opened(shop) as session:
            value(session, "select pg_create_restore_point('before_the_mistake')::text")
            versions, counters = session.execute(VERSIONS).fetchall(), counted(session)
            session.execute("drop table public.orders")
            roll_up(session)
            last = str(value(session, "select pg_walfile_name(pg_switch_wal())"))
        eventually(lambda: (archive / last).exists(), 60)
        original.stop()
        data = restored.home / "data"
        (data / "standby.signal").unlink()
        (data / "recovery.signal").touch()
        del restored._settings["primary_conninfo"], restored._settings["hot_standby_feedback"]
        restored._settings |= {
            "archive_mode": "off", "restore_command": f"cp {archive}/%f %p",
            "recovery_target_name": "before_the_mistake", "recovery_target_action": "promote",
        }  # fmt: skip
        restored.start()
        there = make_conninfo(restored.dsn, dbname="shop")
        with opened(there) as session:
            eventually(lambda: value(session, "select not pg_is_in_recovery()"), 60)
            assert session.execute(VERSIONS).fetchall() == versions
            assert counted(session) == counters
            assert (value(session, INCARNATION), value(session, COPY)) == (1, False), "it needs no word"
            assert value(session, "select to_regclass('public.orders') is not null") is True
            session.execute("alter table public.orders add column note text")
            assert len(session.execute(VERSIONS).fetchall()) == len(versions) + 1
            violations = blocks("The drill", "sql")[0].partition(";\n")[0]
            assert session.execute(violations.encode()).fetchall() == []
            roll_up(session)
            assert counted(session) == int(str(counters)) + 1
        assert await failed_checks(there) == {}
    finally:
        original.close()
        if restored is not None:
            restored.close()
