"""SIGHUP and POST /-/reload: what changes is changed, what does not is left alone, and what is broken is refused."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import psycopg
import yaml

from tests.fix_exporter import Exporter, StartExporter, eventually
from tests.fix_passwords import PasswordRole
from tests.fix_sessions import meddling

SESSIONS = """
select pid from pg_stat_activity where datname = %s and application_name like 'script-tracking-exporter%%' order by pid
"""
HANGING = """
create or replace function script_tracking_internal.unconfirmed_copy() returns text language sql
as $$ select null::text from pg_sleep(60) $$
"""
SLEEPING = "select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"


def change(running: Exporter, **changes: Any) -> None:
    """Writes the configuration anew with other settings; None removes a key."""
    settings = {**yaml.safe_load(running.config.read_text(encoding="utf-8")), **changes}
    text = yaml.safe_dump({key: value for key, value in settings.items() if value is not None})
    running.config.write_text(text, encoding="utf-8")


def sighup(running: Exporter, event: str = "configuration_reloaded") -> dict[str, object]:
    """Has it read anew; the line of the log that says so."""
    before = len(running.events(event))
    running.process.send_signal(signal.SIGHUP)
    return eventually(lambda: running.events(event)[before:], 20)[0]


def sessions(dsn: str) -> list[int]:
    """Processes of the exporter's sessions in a database."""
    with psycopg.connect(dsn) as connection:
        return [pid for (pid,) in connection.execute(SESSIONS, (connection.info.dbname,)).fetchall()]


def test_a_target_comes_and_goes_and_the_other_is_not_disturbed(
    installed_database: str, second_database: str, exporter: StartExporter
) -> None:
    running = exporter(installed_database)
    running.wait_for_value(1, "script_tracking_up", target="shop")
    before = eventually(lambda: sessions(installed_database), 20)
    success = running.value("script_tracking_config_last_reload_success_timestamp_seconds")
    shop = {"name": "shop", "dsn": installed_database}
    change(running, targets=[shop, {"name": "till", "dsn": second_database}])
    sighup(running)
    running.wait_for_value(1, "script_tracking_up", target="till")
    eventually(lambda: sessions(second_database), 20)
    assert running.value("script_tracking_config_last_reload_successful") == 1
    assert (running.value("script_tracking_config_last_reload_success_timestamp_seconds") or 0) > (success or 0)
    change(running, targets=[shop])
    sighup(running)
    eventually(lambda: sessions(second_database) == [], 20)
    assert b'target="till"' not in running.get("/metrics").body
    assert set(sessions(installed_database)) & set(before), "the session goes on; a second one comes and goes"
    assert len(running.events("target_up")) == 2
    time.sleep(3)  # what a task of the removed target would still tell, it tells within a probe's interval
    assert b'target="till"' not in running.get("/metrics").body


def test_a_removed_target_ends_at_once_though_its_statement_hangs(
    installed_database: str, second_database: str, exporter: StartExporter
) -> None:
    with psycopg.connect(second_database, autocommit=True) as admin:
        admin.execute(meddling(HANGING))
    shop = {"name": "shop", "dsn": installed_database}
    running = exporter(installed_database, targets=[shop, {"name": "till", "dsn": second_database}])
    running.wait_for_value(1, "script_tracking_up", target="till")
    with psycopg.connect(second_database, autocommit=True) as watcher:
        eventually(lambda: watcher.execute(SLEEPING).fetchone(), 20)
        change(running, targets=[shop])
        began = time.monotonic()
        sighup(running)
        eventually(lambda: watcher.execute(SLEEPING).fetchone() is None, 20)
        assert time.monotonic() - began < 50, "the statement would take a minute"
    eventually(lambda: sessions(second_database) == [], 20)


def test_a_broken_file_is_refused_in_one_line_and_the_last_good_one_stays(
    installed_database: str, exporter: StartExporter
) -> None:
    running = exporter(installed_database)
    running.wait_for_value(1, "script_tracking_up", target="shop")
    good = running.config.read_text(encoding="utf-8")
    success = running.value("script_tracking_config_last_reload_success_timestamp_seconds")
    running.config.write_text("schema: perhaps\nlistne: x\n" + good, encoding="utf-8")
    told = sighup(running, "configuration_refused")
    assert isinstance(told["problems"], list)
    assert [problem.partition(".yaml:")[2] for problem in told["problems"]] == [
        "1:9: schema: expected auto, check or off, found 'perhaps'",
        "2:1: listne: unknown key; did you mean listen?",
    ]
    assert running.value("script_tracking_config_last_reload_successful") == 0
    assert running.value("script_tracking_config_last_reload_success_timestamp_seconds") == success
    assert running.value("script_tracking_up", target="shop") == 1
    assert len(running.events("configuration_refused")) == 1
    running.config.write_text(good, encoding="utf-8")
    sighup(running)
    assert running.value("script_tracking_config_last_reload_successful") == 1
    assert len(running.events("target_up")) == 1


def test_a_changed_password_is_taken_without_a_gap(
    installed_database: str, password_role: PasswordRole, exporter: StartExporter, tmp_path: Path
) -> None:
    with psycopg.connect(installed_database, autocommit=True) as admin:
        admin.execute(f"grant script_tracking_daemon to {password_role.role}")
    secret = tmp_path / "password"
    secret.write_text(password_role.password)
    shop = {"name": "shop", "dsn": password_role.dsn(installed_database), "password_file": str(secret)}
    running = exporter(installed_database, targets=[shop])
    running.wait_for_value(1, "script_tracking_collector_success", target="shop", collector="health")
    before = eventually(lambda: sessions(installed_database), 20)
    password_role.change_password("another one")
    secret.write_text("another one")
    sighup(running)
    eventually(lambda: not set(before) & set(sessions(installed_database)), 20)
    assert running.value("script_tracking_up", target="shop") == 1
    assert running.value("script_tracking_collector_success", target="shop", collector="health") == 1
    assert running.events("target_down") == []
    assert len(running.events("target_up")) == 1


def test_a_password_that_was_wrong_is_tried_anew_at_once(
    installed_database: str, password_role: PasswordRole, exporter: StartExporter, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong")
    shop = {"name": "shop", "dsn": password_role.dsn(installed_database), "password_file": str(secret)}
    running = exporter(installed_database, targets=[shop])
    running.wait_for_event("target_down")
    time.sleep(4)  # the pauses between the attempts have become long by now
    secret.write_text(password_role.password)
    sighup(running)
    assert running.events("targets_changed")[-1]["changed"] == ["shop"], "it is begun anew, and its pauses with it"
    running.wait_for_value(1, "script_tracking_up", 20, target="shop")


def test_collectors_intervals_and_the_log_change_without_a_new_session(
    installed_database: str, exporter: StartExporter
) -> None:
    running = exporter(installed_database)
    running.wait_for_value(1, "script_tracking_collector_success", collector="health")
    before = eventually(lambda: sessions(installed_database), 20)
    fewer = {"health": {"enabled": False}, "operations": {"interval": "1s"}}
    change(running, collectors=fewer, log={"format": "json", "level": "warning"})
    running.process.send_signal(signal.SIGHUP)
    running.wait_for_value(None, "script_tracking_collector_success", collector="health")
    assert b'collector="health"' not in running.get("/metrics").body
    assert b"collect_operations(), cached, refreshed every 1 s." in running.get("/metrics").body
    assert running.events("configuration_reloaded") == [], "the log is at warning now"
    change(running, collectors={}, log={"format": "json"})
    sighup(running)
    running.wait_for_value(1, "script_tracking_collector_success", collector="health")
    assert set(sessions(installed_database)) & set(before), "the session goes on; a second one comes and goes"


def test_listen_cannot_change(installed_database: str, exporter: StartExporter) -> None:
    running = exporter(installed_database)
    change(running, listen="127.0.0.1:1")
    told = sighup(running, "listen_unchanged")
    assert "restart" in str(told["advice"])
    running.wait_for_value(1, "script_tracking_config_last_reload_successful")


def test_reloading_over_http_is_refused_unless_it_was_enabled(installed_database: str, exporter: StartExporter) -> None:
    running = exporter(installed_database)
    assert running.get("/-/reload").status == 405
    assert running.get("/-/reload", "POST").status == 403
    assert running.events("configuration_reloaded") == []
    change(running, web={"enable_lifecycle": True})
    sighup(running)
    assert running.get("/-/reload", "POST").status == 200
    assert len(running.events("configuration_reloaded")) == 2
    change(running, schema="perhaps")
    refused = running.get("/-/reload", "POST")
    assert (refused.status, b"schema: expected auto, check or off" in refused.body) == (500, True)


def test_a_dsn_file_alone_is_read_anew(
    installed_database: str, second_database: str, tmp_path: Path, exporter: StartExporter
) -> None:
    running = exporter(installed_database)
    secret = tmp_path / "dsn"
    secret.write_text(installed_database)
    change(running, targets=[{"name": "shop", "dsn_file": str(secret)}])
    sighup(running)
    secret.write_text(second_database)
    sighup(running)
    eventually(lambda: sessions(second_database), 20)
    eventually(lambda: sessions(installed_database) == [], 20)


def test_a_storm_of_signals_leaves_it_whole(installed_database: str, exporter: StartExporter) -> None:
    running = exporter(installed_database)
    running.wait_for_value(1, "script_tracking_up", target="shop")
    for _ in range(50):
        running.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    sighup(running)
    assert running.value("script_tracking_up", target="shop") == 1
    eventually(lambda: len(sessions(installed_database)) <= 2, 20)  # the server is slower to forget those that ended
    assert running.stop() == 0
