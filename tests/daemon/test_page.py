"""The page of the running daemon, with real databases behind it."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from urllib.parse import quote

import bcrypt
import html5lib
import psycopg
import pytest
import yaml

from exporter.metricmap import load
from tests.fix_exporter import Exporter, StartExporter, eventually
from tests.fix_passwords import PasswordRole
from tests.postgres_server import Server

HOSTILE = "<script>alert(1)</script>\u202e\"'&"


def page(running: Exporter, path: str = "/", **headers: str) -> str:
    """Text of the page, which is valid."""
    answer = running.get(path, **headers)
    assert answer.status == 200
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(answer.body.decode())
    assert not list(root.iter("script"))
    return re.sub(r"\s+", " ", " ".join(root.find("body").itertext()))


def test_it_tells_what_is_healthy_and_what_failed_and_names_no_script(
    installed_database: str, exporter: StartExporter
) -> None:
    with psycopg.connect(installed_database, autocommit=True) as connection:
        connection.execute("create table secret_plans (id int)")
        connection.execute(
            "select script_tracking.complete_operation("
            "script_tracking.track_operation('<i>payroll', '<b>BATCH'), false, 'boom <u>', '23505')"
        )
    running = exporter(installed_database)
    eventually(lambda: "healthy" in page(running) and "checks of the tracker itself are ok" in page(running), 30)
    eventually(lambda: re.search("DDL on record 1 COMPLETED", page(running)), 30)
    eventually(lambda: "system <b>BATCH 23 1 20" in page(running), 60)
    text = page(running)
    assert "shop : " in text
    for name in ("payroll", "secret_plans", "boom"):
        assert name not in text
    eventually(lambda: re.search("system 2 1 20", page(running)), 30)


def test_it_tells_what_is_wrong_and_what_to_do(
    postgres: Server, installed_database: str, database: str, exporter: StartExporter
) -> None:
    targets = [
        {"name": "shop", "dsn": installed_database},
        {"name": "bare", "dsn": database},
        {"name": HOSTILE, "dsn": "postgresql://nobody:hunter2@127.0.0.1:1/none"},
    ]
    running = exporter(installed_database, schema="check", targets=targets)
    with psycopg.connect(installed_database, autocommit=True) as connection:
        connection.execute("select script_tracking.pause_tracking('a look at the page')")
    text = eventually(
        lambda: found if re.search("3 of 3 databases", found := page(running)) and "tracking_paused" in found else None,
        90,
    )
    assert "tracking_paused: 1 pause, limit 0" in text
    assert "script_tracking.resume_tracking() ends it" in text
    assert "Runbook ScriptTrackingPaused" in text
    assert "A superuser runs: script-tracking-exporter schema install" in text
    assert "<script>alert(1)</script>\\u{202e}\"'&" in text
    assert "hunter2" not in text
    assert "nobody" not in text
    assert "does not answer" in page(running, f"/?target={quote(HOSTILE)}")
    assert running.get("/runbooks/ScriptTrackingPaused.md").status == 200
    postgres.stop()
    eventually(lambda: "tracking_paused" not in page(running), 30)
    eventually(lambda: page(running).count("The database does not answer") == 3, 60)


def test_names_and_reasons_are_for_users_alone(exporter: StartExporter) -> None:
    running = exporter("postgresql://nobody@127.0.0.1:1/none", web={"page": "full"})
    text = eventually(lambda: found if "does not answer" in (found := page(running)) else None, 30)
    assert "refused" not in text
    assert "web.config_file" in text


def test_a_look_at_the_page_asks_the_database_nothing(installed_database: str, exporter: StartExporter) -> None:
    collectors: dict[str, dict[str, object]] = {spec.name: {"enabled": False} for spec in load()}
    collectors["health"] = {"interval": "1h"}
    running = exporter(installed_database, collectors=collectors, schema="off")
    eventually(lambda: "shop : healthy" in page(running), 30)
    query = "select query from pg_stat_activity where application_name like 'script-tracking-exporter%'"
    with psycopg.connect(installed_database, autocommit=True) as connection:

        def asked() -> str:
            return " ".join(text for (text,) in connection.execute(query))

        eventually(lambda: "collect_" not in asked(), 30)  # signs of life and upkeep alone are left
        for number in range(100):
            running.get(("/", "/?target=shop", "/runbooks/ScriptTrackingPaused.md")[number % 3])
            assert "collect_" not in asked()
            assert "script_tracking.get_" not in asked()


def test_it_tells_of_files_that_were_refused(exporter: StartExporter, tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text("[]")
    running = exporter(
        "postgresql://nobody@127.0.0.1:1/none", file_sd={"files": [str(file)], "interval": "500ms"}, targets=[]
    )
    assert "Nothing is watched" in page(running)
    file.write_text("- {nmae: x}")
    eventually(lambda: "Files of targets were refused" in page(running), 30)
    running.config.write_text("listen: nowhere")
    running.process.send_signal(signal.SIGHUP)
    eventually(lambda: "The configuration was refused" in page(running), 30)
    assert "Runbook ScriptTrackingConfigReloadFailed" in page(running)


@pytest.mark.majors  # three targets, and a grant to wait for
def test_names_are_shown_to_users_where_the_exporter_may_read_them(
    installed_database: str, exporter: StartExporter, tmp_path: Path, password_role: PasswordRole
) -> None:
    with psycopg.connect(installed_database, autocommit=True) as connection:
        connection.execute("create table secret_plans (id int)")
        connection.execute(
            "select script_tracking.complete_operation("
            "script_tracking.track_operation('<i>payroll', 'BATCH'), false, 'boom <u>', '23505')"
        )
        connection.execute(f"grant script_tracking_daemon to {password_role.role}")
    web = tmp_path / "web.yml"
    web.write_text(yaml.safe_dump({"basic_auth_users": {"ops": bcrypt.hashpw(b"s", bcrypt.gensalt(4)).decode()}}))
    targets = [
        {"name": "shop", "dsn": installed_database},
        {"name": "lowly", "dsn": password_role.dsn(installed_database, password=True)},
        {"name": "gone", "dsn": "postgresql://nobody@127.0.0.1:1/none"},
    ]
    settings = {"page": "full", "config_file": str(web)}
    running = exporter(installed_database, web=settings, targets=targets)
    known = {"Authorization": "Basic b3BzOnM="}
    assert running.get("/").status == 401
    assert running.get("/runbooks/ScriptTrackingPaused.md").status == 401
    eventually(lambda: "<i>payroll BATCH 23505 boom <u> 1" in page(running, "/?target=shop", **known), 60)
    ddl = r"CREATE TABLE public\.secret_plans \w+ COMPLETED"
    eventually(lambda: re.search(ddl, page(running, "/?target=shop", **known)), 60)
    eventually(lambda: "grant script_tracking_auditor" in page(running, "/?target=lowly", **known), 60)
    assert "payroll" not in page(running, "/?target=lowly", **known)
    assert "Connection refused" in page(running, **known)
    with psycopg.connect(installed_database, autocommit=True) as connection:
        connection.execute(f"grant script_tracking_auditor to {password_role.role}")
    eventually(lambda: "payroll" in page(running, "/?target=lowly", **known), 90)
    running.config.write_text(running.config.read_text().replace("page: full", "page: summary"))
    running.process.send_signal(signal.SIGHUP)
    eventually(lambda: "payroll" not in page(running, "/?target=shop", **known), 30)
    assert "Connection refused" not in page(running, **known)
