"""Whatever a database answers costs its own metrics, and neither the other databases' nor the exporter."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from exporter.database import connect
from exporter.dsn import Dsn
from exporter.errors import UnreadableText
from exporter.statement import fetch
from tests.fix_databases import new_database
from tests.fix_exporter import Exporter, StartExporter, becomes, eventually
from tests.fix_injected import Injected
from tests.fix_sessions import MakeRole, Session, meddling, one, opened
from tests.installing import installed
from tests.postgres_server import Server
from tests.vault_steps import set_setting

RUNNING = "script_tracking_internal.collect_running"
SIGN = "\N{REPLACEMENT CHARACTER}"
UP = "script_tracking_up"
SUCCESS = "script_tracking_collector_success"
JUDGING = "script_tracking_change_judging_success"
FAILURES = "script_tracking_exporter_task_failures_total"
RESULTS = {"keep": "upkeep", "capture": "capture", "archive": "archive"}  # what tells of a task's success
NOWHERE = {"name": "nowhere", "dsn": "postgresql://nobody@127.0.0.1:1/none"}


def alive(running: Exporter) -> None:
    """The process that was started is still the one, and no task of it ended."""
    assert running.process.poll() is None
    assert not running.events("task_ended") and not running.events("watch_broken")


def test_a_sign_of_life_that_the_server_refuses_is_no_sign_of_life(
    admin: Session, installed_database: str, make_role: MakeRole, exporter: StartExporter
) -> None:
    role = make_role("script_tracking_daemon")
    targets = [
        {"name": "shop", "dsn": installed_database},
        {"name": "lowly", "dsn": make_conninfo(installed_database, user=role)},
    ]
    running = exporter("", schema="check", targets=targets)
    for name in ("shop", "lowly"):
        running.wait_for_value(1, UP, target=name)
    eventually(lambda: running.get("/-/ready").status == 200, 40)
    admin.execute("revoke execute on function pg_is_in_recovery() from public")
    running.wait_for_value(0, UP, target="lowly")
    assert "permission denied" in str(running.wait_for_event("target_down")["reason"])
    assert running.value(UP, target="shop") == 1, "a superuser's"
    assert running.get("/-/ready").status == 200
    admin.execute("grant execute on function pg_is_in_recovery() to public")
    running.wait_for_value(1, UP, target="lowly")
    alive(running)


@pytest.mark.majors
def test_a_schema_that_is_missing_is_one_line_of_the_log_and_not_one_for_each_collector(
    database: str, exporter: StartExporter
) -> None:
    running = exporter("", schema="check", targets=[{"name": "shop", "dsn": database}])
    running.wait_for_event("schema_not_settled")
    eventually(lambda: running.value("script_tracking_collector_duration_seconds", collector="health"), 40)
    asyncio.run(installed(database))
    running.wait_for_value(1, SUCCESS, 90, target="shop", collector="health")
    assert len(running.events("schema_not_settled")) == 1
    assert not [line for line in running.events("collector_failed") if "schema version 0 " in str(line["reason"])]
    assert not running.events("collector_recovered") or running.events("collector_failed")


@pytest.mark.majors  # that it was upgraded is found within 15 seconds
def test_an_older_schema_costs_what_it_does_not_have_and_nothing_else(
    admin: Session, installed_database: str, second_database: str, exporter: StartExporter
) -> None:
    ledger = "script_tracking_internal.schema_migration"
    admin.execute(f"create table public.newer as select * from {ledger} where version > 15".encode())
    admin.execute(meddling(f"delete from {ledger} where version > 15").encode())
    targets = [{"name": "old", "dsn": installed_database}, {"name": "new", "dsn": second_database}]
    never = {"name": "never", "days": [], "from": "00:00", "to": "24:00"}
    running = exporter("", schema="off", targets=targets, changes={"windows": [never]})
    for name in ("old", "new"):
        running.wait_for_value(1, SUCCESS, target=name, collector="operations")
    running.wait_for_value(1, SUCCESS, target="new", collector="retention")
    running.wait_for_value(1, JUDGING, target="new")
    running.wait_for_value(0, JUDGING, target="old")
    failed = {
        str(line["collector"]): str(line["reason"])
        for line in eventually(lambda: running.events("collector_failed"), 40)
        if line["target"] == "old"
    }
    assert "schema version 15 is below" in next(iter(failed.values()))
    assert running.value(SUCCESS, target="old", collector="retention") == 0
    becomes(200, lambda: running.get("/-/ready").status)
    assert not [line for line in running.events("collector_failed") if line["target"] == "new"]
    admin.execute(meddling(f"insert into {ledger} select * from public.newer").encode())
    running.wait_for_value(1, SUCCESS, 90, target="old", collector="retention")
    running.wait_for_value(1, JUDGING, target="old")
    alive(running)


def test_a_schema_that_is_missing_is_told_by_the_collectors_where_nothing_else_looks_for_it(
    database: str, exporter: StartExporter
) -> None:
    running = exporter("", schema="off", targets=[{"name": "shop", "dsn": database}])
    assert "schema version 0 is below" in str(running.wait_for_event("collector_failed")["reason"])
    assert not running.events("schema_not_settled")


@pytest.fixture
def odd_role(postgres: Server) -> Iterator[int]:
    """Number of a role whose name is no UTF-8, as one that was made in a database of another encoding."""
    with (
        new_database(postgres, encoding="SQL_ASCII") as other,
        psycopg.connect(other, autocommit=True, client_encoding="SQL_ASCII") as admin,
    ):
        admin.execute(b'create role "joe\xe9"')
        row = admin.execute("select oid from pg_roles where rolname like 'joe%'").fetchone()
        assert row is not None
        try:
            yield row[0]
        finally:
            admin.execute(b'drop role "joe\xe9"')


def test_a_name_that_is_no_utf8_is_told_with_a_sign_in_it(
    admin: Session, installed_database: str, exporter: StartExporter, odd_role: int
) -> None:
    result = one(admin, "select pg_get_function_result(%s::regproc) as told", RUNNING)["told"]
    body = f"select rolname::text, 'BATCH', 1::bigint, 1::double precision from pg_roles where oid = {odd_role}"
    text = f"create or replace function {RUNNING}() returns {result} language sql as $f$ {body} $f$"
    admin.execute(meddling(text).encode())
    running = exporter("", schema="off", targets=[{"name": "shop", "dsn": installed_database}, NOWHERE])
    running.wait_for_value(1, "script_tracking_operations_running", target="shop", tenant=f"joe{SIGN}")
    for collector in ("operations", "running", "health"):
        running.wait_for_value(1, SUCCESS, target="shop", collector=collector)
    alive(running)


async def test_text_that_is_no_utf8_is_told_or_refused_and_no_error_shows_it(database: str, odd_role: int) -> None:
    columns = "rolname::text as a, array['x', rolname::text] as b, 1 as c, null::text as d"
    statement = f"select {columns} from pg_roles cross join generate_series(1, 2) where oid = {odd_role}"
    legible, strict = [await connect(Dsn(database), application_name="test", legible=told) for told in (True, False)]
    row = {"a": f"joe{SIGN}", "b": ["x", f"joe{SIGN}"], "c": 1, "d": None}
    try:
        for _ in range(2):
            assert await fetch(legible, statement, timeout=30) == [row, row]
        with pytest.raises(UnreadableText) as refused:
            await fetch(strict, statement, timeout=30)
        assert str(refused.value) == "query: text that is no UTF-8" and refused.value.__suppress_context__
        assert await fetch(strict, "select 1 as one", timeout=30) == [{"one": 1}], "it can be used again"
    finally:
        for session in (legible, strict):
            await session.close()


TOLD_OF = ("operations", "errors", "dashboard", "health", "capture")  # collectors whose rows the page tells of as well


@pytest.mark.parametrize("cut", ["null", "'text'"])
def test_rows_that_lack_a_name_or_a_number_cost_no_more_than_themselves(
    admin: Session, installed_database: str, exporter: StartExporter, cut: str
) -> None:
    """Whatever it is that somebody has made of the functions."""
    for collector in TOLD_OF:
        function = f"script_tracking_internal.collect_{collector}"
        columns = admin.execute(
            "select p.oid::regprocedure as name, array(select format('%%I %%s', n, format_type(t, null)) from"
            " unnest(p.proargnames, p.proallargtypes, p.proargmodes) as c(n, t, m) where m = 't') as columns"
            " from pg_proc as p where p.oid = %s::regproc",
            (function,),
        ).fetchone()
        assert columns is not None
        names = [column.split(" ")[0] for column in columns["columns"]]
        kinds = ", ".join(f"{name} text" for name in names)
        values = ", ".join([cut] * len(names))
        body = f"select {values} union all select {values}"
        admin.execute(
            meddling(
                f"drop function {columns['name']}; create function {function}() returns table ({kinds})"
                f" language sql as $$ {body} $$"
            ).encode()
        )
    running = exporter("", schema="off", targets=[{"name": "shop", "dsn": installed_database}, NOWHERE])
    running.wait_for_value(1, UP, target="shop")
    running.wait_for_value(1, SUCCESS, target="shop", collector="running")
    for collector in TOLD_OF:
        eventually(
            lambda collector=collector: running.value(  # type: ignore[misc]
                "script_tracking_collector_duration_seconds", target="shop", collector=collector
            ),
            40,
        )
    for path in ("/", "/?target=shop", "/metrics"):
        assert running.get(path).status == 200
    alive(running)


def test_a_mistake_of_ours_in_one_watch_costs_the_others_nothing_and_is_begun_anew(
    tmp_path: Path, installed_database: str, exporter: StartExporter, injected: Injected
) -> None:
    targets = [{"name": name, "dsn": installed_database} for name in ("shop", "other")]
    running = exporter("", environment=injected.environment, targets=targets)
    for name in ("shop", "other"):
        running.wait_for_value(1, SUCCESS, target=name, collector="operations")
    eventually(lambda: running.get("/-/ready").status == 200, 40)  # once everything of both was asked for
    injected.set("broken", "shop")
    broken = running.wait_for_event("watch_broken")
    assert (broken["target"], broken["error"]) == ("shop", "RuntimeError")
    assert "sitecustomize.py" in str(broken["at"])
    assert "hunter2" not in running._log.read_text(), "what the error says may be anything"
    running.wait_for_value(0, UP, target="shop")
    assert running.value("script_tracking_capture_level_info", target="shop") is None, "stale"
    assert running.value(UP, target="other") == 1
    assert running.get("/-/ready").status == 200
    assert "the exporter failed in watching it" not in running.get("/").body.decode(), "a reason is for users alone"
    injected.clear("broken")
    running.wait_for_value(1, UP, target="shop")
    running.wait_for_value(1, SUCCESS, target="shop", collector="operations")
    running.wait_for_event("watch_resumed")
    assert running.process.poll() is None
    sessions = "select count(*) from pg_stat_activity where application_name = 'script-tracking-exporter'"
    with psycopg.connect(installed_database, autocommit=True) as admin:
        eventually(lambda: admin.execute(sessions).fetchone()[0] <= 4, 10)  # type: ignore[index]


@pytest.mark.majors  # it breaks some times, and is waited for
@pytest.mark.parametrize("task", ["keep", "capture", "archive"])
def test_a_mistake_of_ours_in_any_task_of_a_watch_costs_that_watch_alone_and_is_told_once(
    tmp_path: Path,
    installed_database: str,
    second_database: str,
    exporter: StartExporter,
    injected: Injected,
    task: str,
) -> None:
    targets = [{"name": "shop", "dsn": installed_database}, {"name": "other", "dsn": second_database}]
    archive = {"directory": str(tmp_path)}
    with opened(installed_database) as admin:
        set_setting(admin, "retention.archive", "on")
    running = exporter("", environment=injected.environment, targets=targets, archive=archive)
    for name in ("shop", "other"):
        running.wait_for_value(1, SUCCESS, target=name, collector="operations")
    eventually(lambda: running.get("/-/ready").status == 200, 40)
    injected.set("broken", f"shop {task}")
    broken = running.wait_for_event("watch_broken")
    assert (broken["target"], broken["error"]) == ("shop", "RuntimeError")
    assert any("watch.py" in str(place) for place in broken["at"]), broken  # type: ignore[attr-defined]
    eventually(lambda: (running.value(FAILURES, task="watch") or 0) >= 3, 90)
    assert len(running.events("watch_broken")) == 1, "one line for each change of state"
    assert (running.value(UP, target="other"), running.get("/-/ready").status) == (1, 200)
    for told in (SUCCESS, "script_tracking_collector_duration_seconds"):
        assert running.value(told, target="other", collector="operations"), "the other database is watched as ever"
    injected.clear("broken")
    running.wait_for_event("watch_resumed", 90)
    running.wait_for_value(1, UP, target="shop")
    running.wait_for_value(1, SUCCESS, target="shop", collector="operations")
    running.wait_for_value(1, f"script_tracking_{RESULTS[task]}_success", target="shop")
    assert not [event for event in running.events("watch_broken") if event["target"] == "other"]
    assert "hunter2" not in running._log.read_text()
    assert running.process.poll() is None


@pytest.mark.majors  # each breaks some times
def test_a_mistake_of_ours_in_following_the_files_and_in_the_web_file_ends_nothing(
    tmp_path: Path, exporter: StartExporter, injected: Injected
) -> None:
    file, web = tmp_path / "targets.yaml", tmp_path / "web.yml"
    file.write_text("[]", encoding="utf-8")
    web.write_text("{}", encoding="utf-8")
    running = exporter(
        "",
        environment=injected.environment,
        targets=[NOWHERE],
        file_sd={"files": [str(file)], "interval": "200ms"},
        web={"config_file": str(web)},
    )
    injected.set("broken", "follow")
    file.write_text("[{name: late, dsn: 'postgresql://nobody@127.0.0.1:1/none'}]", encoding="utf-8")
    eventually(lambda: (running.value(FAILURES, task="follow") or 0) >= 2, 40)
    assert running.value(UP, target="late") is None
    eventually(lambda: running.get("/-/ready").status == 200, 40)
    injected.set("broken", "web_config")
    running.wait_for_value(0, UP, target="late")
    web.write_text("http_server_config: {headers: {X-Frame-Options: sameorigin}}", encoding="utf-8")
    running.wait_for_value(0, "script_tracking_web_config_last_reload_successful")
    assert running.get("/-/healthy").headers["x-frame-options"] == "DENY"
    injected.clear("broken")
    running.wait_for_value(1, "script_tracking_web_config_last_reload_successful")
    assert running.get("/-/healthy").headers["x-frame-options"] == "sameorigin"
    eventually(lambda: len(running.events("task_resumed")) == 2, 40)
    assert [event["task"] for event in running.events("task_broken")] == ["follow", "web_config"]
    assert "hunter2" not in running._log.read_text()
    assert running.process.poll() is None
