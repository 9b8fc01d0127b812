"""The subcommand as people and change control use it: rights, printed SQL, JSON, exit codes."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from exporter import sqlfiles
from exporter.dsn import Dsn
from tests.catalog_dump import dump
from tests.fix_databases import new_database
from tests.fix_exporter import StartExporter
from tests.installing import failed_checks, installed
from tests.postgres_server import Server
from tests.schema.conftest import MakeDatabase
from tests.schema.steps import program, rows

pytestmark = pytest.mark.majors

PSQL = shutil.which("psql")
ACTIONS = ("install", "upgrade", "status", "verify", "uninstall")


class Keyboard(io.StringIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def psql(dsn: str, script: str) -> subprocess.CompletedProcess[str]:
    """Feeds a script to psql as its header says."""
    command = [str(PSQL), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn]
    return subprocess.run(command, input=script, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def lowly(cluster: Server) -> Iterator[str]:
    """A role that may log in and nothing else."""
    rows(cluster.dsn, "create role lowly login")
    yield "lowly"
    rows(cluster.dsn, "drop role lowly")


@pytest.mark.skipif(PSQL is None, reason="needs psql")
async def test_the_printed_script_installs_the_same(empty: str, make_database: MakeDatabase) -> None:
    printed = program("schema", "install", "--print")
    assert (printed.returncode, printed.stderr) == (0, "")
    result = psql(empty, printed.stdout)
    assert (result.returncode, result.stderr) == (0, "")
    plain = make_database()
    await installed(plain)
    assert dump(empty) == dump(plain)
    assert await failed_checks(empty) == {}
    assert not (await installed(empty)).changed
    again = psql(empty, printed.stdout)
    assert (again.returncode, "already exists" in again.stderr) == (3, True)
    assert dump(empty) == dump(plain), "a second run changes nothing"


@pytest.mark.skipif(PSQL is None, reason="needs psql")
async def test_the_printed_script_leaves_nothing_where_it_fails(empty: str, lowly: str) -> None:
    printed = program("schema", "install", "--print").stdout
    result = psql(make_conninfo(empty, user=lowly), printed)
    assert (result.returncode, "permission denied" in result.stderr) == (3, True)
    rows(empty, "create schema evil")
    name = rows(empty, "select current_database() as name")[0]["name"]
    rows(empty, f"alter database {name} set search_path = evil, pg_catalog")
    rows(empty, "create function evil.set_config(text, text, boolean) returns text language sql as 'select 1 / 0'")
    broken = printed.replace("commit;", "select 1 / 0;\ncommit;")
    result = psql(empty, broken)
    assert (result.returncode, "division by zero" in result.stderr) == (3, True)
    assert rows(empty, "select from pg_namespace where nspname ~ '^script_tracking'") == []
    assert rows(empty, "select from pg_roles where rolname ~ '^script_tracking'") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("upgrade", "--print"),
        ("uninstall", "--json"),
        ("install", "--with-records"),
        ("status", "--yes"),
        ("uninstall", "--with-records"),
        ("nonesuch",),
        ("status", "--config", "nonesuch.yaml"),
        ("status", "--dsn", "nonsense"),
        ("status", "--dsn", "dbname=x", "--config", "x.yaml"),
        ("status", "--dsn-file", "nonesuch"),
    ],
    ids=" ".join,
)
def test_usage_and_configuration_are_2(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "dbname=never")
    result = program("schema", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr
    assert "Traceback" not in result.stderr


def test_a_secret_file_that_is_not_there_is_named_and_no_key() -> None:
    told = program("schema", "status", "--dsn-file", "nonesuch").stderr
    assert told == "script-tracking-exporter: secret file nonesuch: No such file or directory\n"


@pytest.mark.parametrize("action", ACTIONS)
def test_without_a_server_is_1_and_the_password_unsaid(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:hunter2@127.0.0.1:1/none")
    result = program("schema", action)
    assert result.returncode == 1
    assert "127.0.0.1:1/none" in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr


def test_from_nothing_to_nothing(empty: str) -> None:
    def state() -> tuple[int, object]:
        result = program("schema", "status", "--json", "--dsn", empty)
        return result.returncode, json.loads(result.stdout)["state"]

    def verified() -> tuple[int, set[bool]]:
        result = program("schema", "verify", "--json", "--dsn", empty)
        return result.returncode, {check["ok"] for check in json.loads(result.stdout)}

    def told() -> dict[str, str]:
        lines = program("schema", "status", "--dsn", empty).stdout.splitlines()
        return dict(line.split(": ", 1) for line in lines)

    assert state() == (0, "not installed")
    assert verified() == (1, {False})
    newest = len(sqlfiles.migrations())
    pending = told()
    assert (pending["state"], pending["installed version"], pending["problem"]) == ("not installed", "none", "none")
    assert pending["pending migrations"].split(", ")[:: newest - 1] == [
        sqlfiles.migrations()[0].path,
        sqlfiles.migrations()[-1].path,
    ]
    assert "nothing was installed" in program("schema", "uninstall", "--dsn", empty).stdout
    assert program("schema", "install", "--dsn", empty).returncode == 0
    assert state() == (0, "up to date")
    shown = told()
    assert shown.pop("target")
    assert (shown["executions"], shown["retention"]) == ("0, unknown each", "for good")
    assert shown["forecast"] == "unknown before a thousand executions"
    assert {key: shown[key] for key in pending if key != "target"} == {
        "state": "up to date",
        "installed version": str(newest),
        "program version": str(newest),
        "pending migrations": "none",
        "changed code": "none",
        "options": "none",
        "paused": "no",
        "problem": "none",
    }
    assert verified() == (0, {True})
    rows(empty, "alter event trigger et_sql_drop disable")
    assert verified() == (1, {True, False})
    text = program("schema", "verify", "--dsn", empty)
    assert "FAILED event_trigger_et_sql_drop: must stand, fire always" in text.stdout
    assert "the record is kept" in program("schema", "uninstall", "--dsn", empty).stdout
    assert state() == (0, "uninstalled, record kept")
    assert verified() == (1, {False})
    assert program("schema", "uninstall", "--with-records", "--yes", "--dsn", empty).returncode == 0
    assert state() == (0, "not installed")


@pytest.mark.parametrize("answer", ["yes", "y", "", None])
def test_who_removes_the_record_is_asked_and_told_of_which(
    empty: str, monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    """None is the end of the input, Ctrl-D."""
    assert program("schema", "install", "--dsn", empty).returncode == 0
    terminal = Keyboard("" if answer is None else f"{answer}\n")
    monkeypatch.setattr("sys.stdin", terminal)
    result = program("schema", "uninstall", "--with-records", "--dsn", empty)
    assert f"Remove the record of {Dsn(empty).label} for good? Type yes: " in result.stdout
    removed = rows(empty, "select from pg_namespace where nspname ~ '^script_tracking'") == []
    assert (result.returncode, removed) == ((0, True) if answer == "yes" else (1, False))
    assert result.stderr == ("" if removed else "script-tracking-exporter: nothing was removed\n")


def test_one_database_that_fails_does_not_stop_the_next(empty: str, tmp_path: str) -> None:
    config = f"{tmp_path}/exporter.yaml"
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"targets: [{{name: gone, dsn: 'postgresql://x@127.0.0.1:1/x'}}, {{name: here, dsn: '{empty}'}}]")
    result = program("schema", "install", "--config", config)
    assert result.returncode == 1
    assert "gone: " in result.stderr
    assert f"here: schema {len(sqlfiles.migrations())};" in result.stdout


@pytest.mark.parametrize("action", ["install", "uninstall"])
async def test_an_ordinary_role_is_told_what_is_missing(empty: str, lowly: str, action: str) -> None:
    dsn = make_conninfo(empty, user=lowly)
    if action == "install":
        result = program("schema", "install", "--dsn", dsn)
        assert result.returncode == 1
        assert "role lowly may not create event triggers: a superuser" in result.stderr
        await installed(empty)
    result = program("schema", action, "--dsn", dsn)
    if action == "install":
        assert result.returncode == 1
        assert "grant script_tracking_daemon to lowly" in result.stderr
        rows(empty, "grant script_tracking_daemon to lowly")
        assert program("schema", "install", "--dsn", dsn).returncode == 0, "nothing to do needs no right"
        result = program("schema", "uninstall", "--dsn", dsn)
        assert result.returncode == 1
        assert "role lowly may not drop event triggers: a superuser" in result.stderr
        assert result.stderr.endswith("must run: script-tracking-exporter schema uninstall --dsn DSN\n")
    else:
        assert (result.returncode, "nothing was installed" in result.stdout) == (0, True)


async def test_collecting_without_the_daemons_role_says_so(empty: str, lowly: str) -> None:
    await installed(empty)
    dsn = make_conninfo(empty, user=lowly)
    result = program("collect", "--dsn", dsn)
    assert result.returncode == 1
    assert "grant script_tracking_daemon to lowly" in result.stderr
    assert "script_tracking_operations_total{" not in result.stdout
    rows(empty, "grant script_tracking_daemon to lowly")
    result = program("collect", "--dsn", dsn)
    assert (result.returncode, result.stderr.count("warning")) == (0, 0)
    assert "script_tracking_operations_total{" in result.stdout


async def test_a_managed_services_admin_is_told_where_the_server_refuses(cluster: Server) -> None:
    """A plain server lets only superusers create event triggers: what an admin may not do is named, nothing stays."""
    rows(cluster.dsn, "create role rds_superuser; create role admin login createrole in role rds_superuser")
    try:
        with new_database(cluster) as dsn:
            as_admin = make_conninfo(dsn, user="admin")
            result = program("schema", "install", "--dsn", as_admin)
            assert result.returncode == 1
            assert "role admin lacks a right: migrations/0001_create_roles_and_ledger.sql: permission" in result.stderr
            name = rows(dsn, "select current_database() as name")[0]["name"]
            rows(dsn, f"grant create on database {name} to admin")
            result = program("schema", "install", "--dsn", as_admin)
            assert result.returncode == 1
            assert "lacks a right: code/capture/stand_event_triggers.sql: permission denied to create" in result.stderr
            assert "Traceback" not in result.stderr
            assert rows(dsn, "select from pg_namespace where nspname ~ '^script_tracking'") == []
            assert rows(dsn, "select from pg_roles where rolname ~ '^script_tracking'") == []
    finally:
        rows(cluster.dsn, "drop role admin; drop role rds_superuser")


async def test_run_installs_though_another_installer_is_slow(empty: str, exporter: StartExporter) -> None:
    with psycopg.connect(empty) as other:
        other.execute("select pg_advisory_xact_lock(6001874101)")
        running = exporter(empty)
        running.wait_for_value(1, "script_tracking_up", target="shop")
        assert running.events("schema_installed") == []
    running.wait_for_event("schema_installed")
    assert running.events("schema_not_settled") == []


POWERS = ("login", "createrole", "bypassrls", "superuser", "createdb", "replication")


@pytest.mark.parametrize(
    "way", ["install", pytest.param("print", marks=pytest.mark.skipif(PSQL is None, reason="needs psql"))]
)
@pytest.mark.parametrize("power", [*POWERS, "member"])
def test_an_owner_that_is_not_safe_is_refused_by_program_and_script(
    empty: str, cluster: Server, power: str, way: str
) -> None:
    member = "grant script_tracking_owner to mallory"
    rows(cluster.dsn, "create role script_tracking_owner; create role mallory role postgres")
    rows(cluster.dsn, member if power == "member" else f"alter role script_tracking_owner {power}")
    try:
        if way == "install":
            ended = program("schema", "install", "--dsn", empty)
            code, told = ended.returncode, ended.stderr
        else:
            printed = psql(empty, program("schema", "install", "--print").stdout)
            code, told = printed.returncode, printed.stderr
        mending = f"alter role script_tracking_owner no{power}"
        assert code == (1 if way == "install" else 3)
        assert ("revoke script_tracking_owner from mallory" if power == "member" else mending) in told
        assert power == "member" or f"script_tracking_owner has {power.upper()}" in told
        assert rows(empty, "select from pg_namespace where nspname ~ '^script_tracking'") == []
        others = "select from pg_roles where rolname ~ '^script_tracking' and rolname <> 'script_tracking_owner'"
        assert rows(empty, others) == []
    finally:
        rows(cluster.dsn, "drop role mallory")


async def test_an_installed_owner_that_gained_powers_is_named(empty: str) -> None:
    await installed(empty)
    rows(empty, "alter role script_tracking_owner login bypassrls")
    assert "script_tracking_owner LOGIN BYPASSRLS" in (await failed_checks(empty))["roles_without_powers"]
    result = program("schema", "upgrade", "--dsn", empty)
    assert (result.returncode, "alter role script_tracking_owner nologin nobypassrls" in result.stderr) == (1, True)
