"""Upkeep whose lock somebody else holds."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from exporter.dsn import Dsn
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from exporter.upkeep import keeper
from tests.fix_logs import told
from tests.fix_sessions import meddling, opened, value
from tests.vault_steps import INTERNAL, LONG_AGO, THIS_MONTH, make_past, record, set_setting


async def test_a_job_that_never_gets_its_lock_is_told_once_with_the_holder(
    installed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOCKED_OUT_SECONDS", 0.3)
    target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
    keeping = keeper.Keeper(target)
    try:
        with psycopg.connect(installed_database) as other, capture_logs() as logs:
            other.execute("select from script_tracking_internal.rollup_state for update")
            assert await keeping.round()
            assert (keeping.is_locked_out, told(logs)) == (False, []), "a lock held for a moment is nothing to tell"
            for _ in range(4):
                assert await keeping.round()
            assert keeping.is_locked_out
            holders = f"pid {other.info.backend_pid}"
            (line,) = told(logs)
            assert (line["event"], line["target"], line["job"]) == ("upkeep_locked_out", "shop", "roll_up")
            assert holders in str(line["holders"]).split(", ")
        with capture_logs() as logs:
            assert await keeping.round()
            assert [(line["event"], line["job"]) for line in told(logs)] == [("upkeep_let_in", "roll_up")]
        assert not keeping.is_locked_out
    finally:
        await target.close()


async def test_a_job_that_fails_keeps_none_of_the_others_from_its_turn(installed_database: str) -> None:
    target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
    keeping = keeper.Keeper(target)
    try:
        with opened(installed_database) as admin, capture_logs() as logs:
            admin.execute(meddling(f"alter function {INTERNAL}.cut_newest() rename to cut_newest_away").encode())
            assert not await keeping.round()
            assert keeping.failures["cut_newest"] == 1
            assert {job for job, runs in keeping.runs.items() if not runs} == {"cut_newest"}
            assert not await keeping.round()
            assert [line["event"] for line in told(logs)] == ["upkeep_failed"]
            assert "cut_newest" in str(told(logs)[0]["reason"])
            admin.execute(meddling(f"alter function {INTERNAL}.cut_newest_away() rename to cut_newest").encode())
            assert await keeping.round()
            assert [line["event"] for line in told(logs)] == ["upkeep_failed", "upkeep_recovered"]
    finally:
        await target.close()


async def test_roll_ups_catch_up_by_steps_in_one_round(installed_database: str) -> None:
    text = (Path(__file__).parents[2] / "sql" / "code" / "upkeep" / "roll_up_slice.sql").read_text(encoding="utf-8")
    small = text.replace("p_versions integer default 100000", "p_versions integer default 2")
    assert small != text
    with psycopg.connect(installed_database, autocommit=True) as admin:
        with admin.transaction():
            admin.execute(meddling("set local script_tracking_internal.installing = 'on'").encode())
            admin.execute("set local role script_tracking_owner")
            admin.execute(small.encode())
        for _ in range(7):
            admin.execute(
                "select script_tracking.complete_operation(script_tracking.track_operation('a', 'BATCH'), true)"
            )
        target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
        try:
            assert await keeper.Keeper(target).round()
        finally:
            await target.close()
        (rolled_up,) = admin.execute(
            "select sum(operations)::int from script_tracking_internal.operation_hour"
            " join script_tracking_internal.series using (series_id) where script_type = 'BATCH'"
        ).fetchone() or (None,)
        assert rolled_up == 7


async def test_upkeep_removes_by_the_settings_and_tells_of_each_job(installed_database: str) -> None:
    with opened(installed_database) as admin:
        make_past(admin)
        record(admin, at=LONG_AGO)
        target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
        keeping = keeper.Keeper(target)
        stands = f"select to_regclass('{INTERNAL}.script_execution_s_past') is not null"
        try:
            assert await keeping.round()
            assert value(admin, stands) is True, "by default nothing goes"
            set_setting(admin, "retention.disposable", "all")
            set_setting(admin, "retention.days", "1")
            gone = value(admin, "select now() >= %s + interval '1 day'", THIS_MONTH)
            admin.execute(f"delete from {INTERNAL}.upkeep_run")
            with psycopg.connect(installed_database) as reader:
                reader.execute("select count(*) from script_tracking.script_execution_s")
                keeping = keeper.Keeper(target)
                assert await keeping.round(), "a lock that is not had is no failure"
                assert (keeping.failures["keep_retention"], value(admin, stands)) == (int(gone is True), True)
            keeping = keeper.Keeper(target)
            admin.execute(f"delete from {INTERNAL}.upkeep_run")
            assert await keeping.round()
            assert value(admin, stands) is not gone
            assert set(keeping.last_success) == set(keeping.failures) == set(keeper.INTERVALS_SECONDS)
            assert set(keeping.failures.values()) == {0}
        finally:
            await target.close()
