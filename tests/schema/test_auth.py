"""The login wrappers: opting in and out, and a schema auth that is somebody else's."""

from __future__ import annotations

import os
import subprocess
from difflib import unified_diff
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from exporter import sqlfiles
from exporter.schema.drift import read_standing, render
from exporter.schema.installer import InstallReport
from exporter.schema.script import render_sql
from tests.catalog_dump import dump
from tests.fix_exporter import StartExporter, eventually
from tests.fix_sessions import meddling
from tests.installing import as_program, failed_checks, installed, uninstalled
from tests.schema.steps import SI, program, rows, seen_wrongly
from tests.schema.test_command import PSQL, psql
from tests.schema.test_verify import pg_dump_for

pytestmark = pytest.mark.majors

WRAPPERS = (
    "select p.oid::regprocedure::text as name, p.prosecdef, p.proowner::regrole::text as owner from pg_proc as p"
    " where p.pronamespace = to_regnamespace('auth') order by 1"
)
OURS = ["auth.login_user_tracking(character varying,character varying,bytea)", "auth.register_user_tracking(jsonb)"]
HELPERS = (
    f"select proname from pg_proc where pronamespace = '{SI}'::regnamespace and proname in ('begin_login', 'end_login')"
)
RELEASED = sqlfiles.root() / "released_auth.txt"

WEAKENINGS = {
    "functions_as_released": (
        "create or replace function auth.login_user_tracking(email varchar, password varchar, tenant_hk bytea)"
        " returns jsonb language sql volatile return '{\"success\": true}'::jsonb",
        "create or replace function auth.login_user_tracking(email varchar, password varchar, tenant_hk bytea)"
        " returns jsonb language sql volatile as $$ select '{\"success\": true}'::jsonb $$",
        "alter function auth.login_user_tracking(varchar, varchar, bytea) security definer",
        "alter function auth.login_user_tracking(varchar, varchar, bytea) set search_path = evil",
        f"alter function {SI}.call_login_function(jsonb, text, text, bytea, jsonb) security definer",
        "drop function auth.register_user_tracking(jsonb)",
        "create function auth.mine() returns int language sql return 1; revoke all on function auth.mine() from public;"
        " alter function auth.mine() owner to script_tracking_owner",
    ),
    "grants_as_released": (
        "grant execute on function auth.login_user_tracking(varchar, varchar, bytea) to script_tracking_reader",
        f"grant execute on function {SI}.email_hmac(text) to script_tracking_app",
        f"grant usage on schema {SI} to script_tracking_app",
        "grant create on schema auth to script_tracking_app",
        "revoke usage on schema auth from script_tracking_app",
    ),
    "public_has_no_rights": (
        "grant execute on function auth.register_user_tracking(jsonb) to public",
        "grant usage on schema auth to public",
    ),
    "objects_belong_to_owner": ("alter function auth.register_user_tracking(jsonb) owner to postgres",),
}

# what a superuser has to mend before an installation can
REPAIR = f"""
drop function if exists auth.mine();
do $$ begin
  if to_regprocedure('{OURS[1]}') is not null then
    alter function {OURS[1]} owner to script_tracking_owner;
  end if;
end $$
"""


async def opted(dsn: str, wanted: bool | None = True, base: Path | None = None) -> InstallReport:
    """Installs or upgrades, with the wrappers or without them; None: as it was."""
    return await installed(dsn, base, options=None if wanted is None else {"auth": wanted})


async def facts(dsn: str) -> set[str]:
    """What stands, a line a fact."""
    async with as_program(dsn) as connection:
        return set(render(await read_standing(connection)).splitlines())


async def test_the_release_says_what_opting_in_adds(installed_database: str) -> None:
    """WRITE_GOLDEN=1 writes the list anew, and fails, so that no run both writes and passes."""
    before = await facts(installed_database)
    await opted(installed_database)
    after = await facts(installed_database)
    assert before <= after, "what stood is changed"
    found = "".join(sorted(f"{line}\n" for line in after - before))
    if os.environ.get("WRITE_GOLDEN"):
        RELEASED.write_text(found, encoding="utf-8")
        pytest.fail(f"{RELEASED.name} was written: read the difference, then run again without WRITE_GOLDEN")
    difference = list(unified_diff(RELEASED.read_text().splitlines(), found.splitlines(), n=0, lineterm=""))
    assert not difference, "WRITE_GOLDEN=1 takes over what is meant:\n" + "\n".join(difference)


async def test_nothing_of_it_stands_unasked(empty: str) -> None:
    await installed(empty)
    assert rows(empty, "select to_regnamespace('auth') as found") == [{"found": None}]
    assert rows(empty, HELPERS) == []
    assert rows(empty, f"select made_at from {SI}.login_key") == []


async def test_opting_in_is_remembered_and_out_takes_it_all_away(empty: str) -> None:
    await installed(empty)
    plain = dump(empty)
    report = await opted(empty)
    assert report.changed
    assert [row["name"] for row in rows(empty, WRAPPERS)] == OURS
    assert {(row["prosecdef"], row["owner"]) for row in rows(empty, WRAPPERS)} == {(False, "script_tracking_owner")}
    assert await failed_checks(empty) == {}
    assert not (await opted(empty)).changed
    assert not (await opted(empty, None)).changed, "an upgrade that says nothing keeps it"
    assert await failed_checks(empty) == {}
    report = await opted(empty, False)
    assert set(report.removed) == {path for path in paths() if path.startswith("code/auth/")}
    assert dump(empty) == plain
    assert await failed_checks(empty) == {}
    assert not (await opted(empty, False)).changed
    assert len(rows(empty, f"select made_at from {SI}.login_key")) == 1, "the key stays, for opting in again"


def paths() -> list[str]:
    """Those of all code files."""
    return [file.path for file in sqlfiles.code_files(options=sqlfiles.OPTIONS)]


async def test_a_later_release_upgrades_it_unasked(empty: str, release: Path) -> None:
    await opted(empty, True, release)
    file = release / "code" / "auth" / "login_setting.sql"
    file.write_text(file.read_text() + "-- newer\n")
    (release / "code" / "auth" / "extra.sql").write_text(
        "create or replace function script_tracking_internal.extra() returns integer language sql as 'select 1';\n"
    )
    report = await opted(empty, None, release)
    assert "code/auth/extra.sql" in report.code
    assert "code/auth/login_setting.sql" in report.code
    (release / "code" / "auth" / "extra.sql").unlink()
    assert (await opted(empty, None, release)).removed == ("code/auth/extra.sql",)


async def test_an_existing_schema_auth_is_never_touched(empty: str) -> None:
    rows(empty, "create role supa")
    try:
        rows(empty, "create schema auth authorization supa")
        theirs = "create function auth.login_user_tracking(varchar, varchar, bytea)"
        rows(empty, f"{theirs} returns jsonb language sql return null::jsonb")
        rows(empty, "comment on schema auth is 'theirs'")
        before = rows(empty, "select oid, nspowner, nspacl::text from pg_namespace where nspname = 'auth'")
        refused = program("schema", "install", "--with-auth", "--dsn", empty)
        assert refused.returncode == 1
        assert "schema auth belongs to supa" in refused.stderr
        assert rows(empty, "select to_regnamespace('script_tracking') as found") == [{"found": None}], "as a whole"
        await installed(empty)
        assert await failed_checks(empty) == {}
        refused = program("schema", "install", "--with-auth", "--dsn", empty)
        assert (refused.returncode, "schema auth belongs to supa" in refused.stderr) == (1, True)
        assert await failed_checks(empty) == {}
        assert await uninstalled(empty)
        await installed(empty)
        assert await uninstalled(empty, with_records=True)
        after = rows(empty, "select oid, nspowner, nspacl::text from pg_namespace where nspname = 'auth'")
        assert after == before
        assert len(rows(empty, WRAPPERS)) == 1
        assert rows(empty, "select obj_description('auth'::regnamespace) as c") == [{"c": "theirs"}]
    finally:
        rows(empty, "drop schema auth cascade; drop role supa")


@pytest.mark.usefixtures("joe")
async def test_a_weakened_wrapper_fails_its_check_and_no_other(installed_database: str) -> None:
    await opted(installed_database)
    assert await seen_wrongly(installed_database, WEAKENINGS) == []


# one a kind of object, as they stand beside each other
TOGETHER = (
    *WEAKENINGS["functions_as_released"][1:5:2],
    *WEAKENINGS["functions_as_released"][-2:],
    *WEAKENINGS["grants_as_released"],
    *WEAKENINGS["public_has_no_rights"][1:],
)


@pytest.mark.usefixtures("joe")
async def test_an_installation_restores_what_was_weakened(installed_database: str) -> None:
    await opted(installed_database)
    for weakening in TOGETHER:
        rows(installed_database, meddling(weakening))
    assert set(await failed_checks(installed_database)) >= {"functions_as_released", "grants_as_released"}
    rows(installed_database, meddling(REPAIR))
    assert program("schema", "install", "--dsn", installed_database).returncode == 0
    assert await failed_checks(installed_database) == {}


async def test_a_schema_that_was_taken_over_is_told(empty: str) -> None:
    await opted(empty)
    rows(empty, meddling("alter schema auth owner to postgres"))
    assert "objects_as_released" in await failed_checks(empty)
    assert program("schema", "install", "--dsn", empty).returncode == 1
    rows(empty, meddling("alter schema auth owner to script_tracking_owner"))
    assert await failed_checks(empty) == {}


@pytest.mark.parametrize("with_records", [False, True])
async def test_uninstalling_takes_it_away(empty: str, with_records: bool) -> None:
    await opted(empty)
    assert await uninstalled(empty, with_records=with_records)
    assert rows(empty, "select to_regnamespace('auth') as found") == [{"found": None}]
    await installed(empty)
    assert rows(empty, WRAPPERS) == [], "it has to be asked for again"
    assert await failed_checks(empty) == {}


async def test_what_others_built_on_it_is_named_and_not_dropped(empty: str) -> None:
    await opted(empty)
    rows(empty, meddling("create table auth.theirs (id int)"))
    for command in (("uninstall",), ("uninstall", "--with-records", "--yes")):
        refused = program("schema", *command, "--dsn", empty)
        assert (refused.returncode, "auth.theirs" in refused.stderr) == (1, True)
    refused = program("schema", "upgrade", "--without-auth", "--dsn", empty)
    assert (refused.returncode, "auth" in refused.stderr) == (1, True)
    assert rows(empty, "select id from auth.theirs") == []
    assert list(await failed_checks(empty)) == ["objects_belong_to_owner"]


@pytest.mark.skipif(PSQL is None, reason="needs psql")
async def test_the_printed_script_opts_in(empty: str) -> None:
    result = psql(empty, render_sql(options=("auth",)))
    assert (result.returncode, result.stderr) == (0, "")
    assert [row["name"] for row in rows(empty, WRAPPERS)] == OURS
    assert await failed_checks(empty) == {}
    assert program("schema", "install", "--print", "--with-auth").stdout == render_sql(options=("auth",))


async def test_a_first_installation_by_the_command_and_its_status(empty: str) -> None:
    assert program("schema", "install", "--with-auth", "--dsn", empty).returncode == 0
    assert "options: auth" in program("schema", "status", "--dsn", empty).stdout
    assert program("schema", "upgrade", "--without-auth", "--dsn", empty).returncode == 0
    assert "options: none" in program("schema", "status", "--dsn", empty).stdout
    assert program("schema", "verify", "--with-auth", "--dsn", empty).returncode == 2
    assert program("schema", "install", "--with-auth", "--without-auth", "--dsn", empty).returncode == 2


async def test_the_comparison_of_the_catalogs_leaves_it_to_verify(empty: str) -> None:
    await installed(empty)
    await opted(empty)
    for _ in range(2):
        rows(empty, f"select {SI}.reconcile()")
    assert rows(empty, "select * from script_tracking.get_untracked_changes()") == []
    await opted(empty, False)
    for _ in range(2):
        rows(empty, f"select {SI}.reconcile()")
    assert rows(empty, "select * from script_tracking.get_untracked_changes()") == []


async def test_the_configuration_opts_in_and_an_exporter_without_the_key_keeps_it(
    empty: str, exporter: StartExporter
) -> None:
    running = exporter(empty, targets=[{"name": "shop", "dsn": empty, "auth": True}])
    eventually(lambda: rows(empty, WRAPPERS), 40)
    running.stop()
    running = exporter(empty)
    running.wait_for_value(1, "script_tracking_up", target="shop")
    running.wait_for_value(float(len(sqlfiles.migrations())), "script_tracking_schema_version", target="shop")
    running.stop()
    assert [row["name"] for row in rows(empty, WRAPPERS)] == OURS
    assert await failed_checks(empty) == {}
    assert make_conninfo(empty)


async def test_a_restored_dump_is_no_drift(installed_database: str, database: str) -> None:
    await opted(installed_database)
    major = int(rows(installed_database, "show server_version_num")[0]["server_version_num"]) // 10000
    pg_dump = pg_dump_for(major)
    if pg_dump is None:
        pytest.skip(f"a pg_dump that reads PostgreSQL {major} is missing")
    script = subprocess.run([str(pg_dump), "-d", installed_database], capture_output=True, text=True, check=True).stdout
    restored = subprocess.run(["psql", "-X", "-q", "-d", database], input=script, capture_output=True, text=True)
    assert (restored.returncode, restored.stderr) == (0, "")
    assert await failed_checks(database) == {}
    assert [row["name"] for row in rows(database, WRAPPERS)] == OURS
