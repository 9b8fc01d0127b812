"""Pausing and resuming: what a superuser does around a managed service's major upgrade."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from tests.fix_sessions import meddling
from tests.installing import failed_checks, installed
from tests.schema.steps import program, rows

S, SI = "script_tracking", "script_tracking_internal"
TRIGGERS = "select evtname from pg_event_trigger order by 1"
HISTORY = f"select * from {S}.get_execution_history(1) order by execution_timestamp"


def triggers(dsn: str) -> list[str]:
    return [row["evtname"] for row in rows(dsn, TRIGGERS)]


def bad_health(dsn: str) -> dict[str, str]:
    found = rows(dsn, f"select check_name, status from {S}.get_system_health() where status in ('warning', 'critical')")
    return {row["check_name"]: row["status"] for row in found}


async def test_while_tracking_pauses_nothing_puts_the_event_triggers_back(
    installed_database: str, release: Path
) -> None:
    dsn = installed_database
    ours = triggers(dsn)
    assert len(ours) >= 3
    assert rows(dsn, f"select {S}.pause_tracking('upgrade to 18') as done")[0]["done"] is True
    assert rows(dsn, f"select {S}.pause_tracking('again') as done")[0]["done"] is False
    assert triggers(dsn) == []
    rows(dsn, "create table public.unseen ()")

    code = release / "code" / "capture" / "event_trigger_ddl_end.sql"
    text = code.read_text(encoding="utf-8")
    code.write_text(text + "-- newer\n", encoding="utf-8")
    assert "code/capture/stand_event_triggers.sql" in (await installed(dsn, release)).code
    assert triggers(dsn) == []
    upgrade = program("schema", "upgrade", "--dsn", dsn)
    assert (upgrade.returncode, upgrade.stderr) == (0, "")
    assert "by postgres: upgrade to 18; the event triggers stay away until" in upgrade.stdout
    rows(dsn, meddling(f"drop function {S}.get_recent_errors(integer)"))
    assert "restored: functions_as_released" in program("schema", "upgrade", "--dsn", dsn).stdout
    assert triggers(dsn) == []

    assert bad_health(dsn) == {"tracking_paused": "warning"}
    assert rows(dsn, f"select paused from {SI}.collect_rules()") == [{"paused": 1}]
    status = json.loads(program("schema", "status", "--json", "--dsn", dsn).stdout)
    assert (status["state"], status["paused"].endswith(" by postgres: upgrade to 18")) == ("up to date", True)
    verify = program("schema", "verify", "--dsn", dsn)
    assert verify.returncode == 1
    assert [line for line in verify.stdout.splitlines() if "FAILED" in line and "tracking_not_paused" not in line] == []
    assert "by postgres: upgrade to 18; resume_tracking() ends it" in verify.stdout

    assert rows(dsn, f"select {S}.resume_tracking() as done")[0]["done"] is True
    assert rows(dsn, f"select {S}.resume_tracking() as done")[0]["done"] is False
    assert triggers(dsn) == ours
    assert await failed_checks(dsn) == {}
    assert bad_health(dsn) == {}
    rows(dsn, "create table public.seen ()")
    told = rows(dsn, HISTORY)
    assert [row["script_name"] for row in told] == ["pause_tracking", "resume_tracking", "CREATE TABLE"]
    gap = told[1]["metadata"]["after"]
    assert gap["reason"] == "upgrade to 18"
    assert told[0]["execution_timestamp"] >= datetime.fromisoformat(gap["paused_at"])
    assert told[1]["execution_timestamp"] >= datetime.fromisoformat(gap["resumed_at"])
    assert (gap["paused_by"], gap["resumed_by"]) == ("postgres", "postgres")


async def test_a_pause_that_is_rolled_back_was_none(installed_database: str) -> None:
    ours = triggers(installed_database)
    rows(installed_database, f"begin; select {S}.pause_tracking('by mistake'); rollback")
    assert triggers(installed_database) == ours
    assert await failed_checks(installed_database) == {}


async def test_the_daemons_role_may_know(installed_database: str) -> None:
    rows(installed_database, f"select {S}.pause_tracking('upgrade')")
    right = f"select has_function_privilege('script_tracking_daemon', '{SI}.pause_state()', 'execute') as may"
    assert rows(installed_database, right) == [{"may": True}]


async def test_before_pauses_were_known_none_is_told(installed_database: str) -> None:
    rows(installed_database, meddling(f"drop function {SI}.pause_state()"))
    assert "functions_as_released" in await failed_checks(installed_database)
    assert json.loads(program("schema", "status", "--json", "--dsn", installed_database).stdout)["paused"] is None
