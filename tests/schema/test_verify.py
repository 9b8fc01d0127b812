"""verify: every way of weakening an installation that it knows has a check that fails, and only that one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.config import Dsn
from exporter.database import connect
from exporter.schema.verify import verify
from tests.catalog_dump import dump
from tests.postgres_server import Server
from tests.schema.steps import failed_checks, program, rows

S, SI = "script_tracking", "script_tracking_internal"
REPLACED = f"create or replace function {SI}.redact(p_text text) returns text language sql immutable parallel safe"

WEAKENINGS = {
    "event_trigger_et_ddl_command_start": ("alter event trigger et_ddl_command_start disable",),
    "event_trigger_et_ddl_command_end": (
        "alter event trigger et_ddl_command_end enable",
        "alter event trigger et_ddl_command_end enable replica",
    ),
    "event_trigger_et_sql_drop": (
        "drop event trigger et_sql_drop",
        "drop event trigger et_sql_drop; "
        "create event trigger et_sql_drop on sql_drop when tag in ('DROP TABLE') execute function "
        f"{S}.event_trigger_sql_drop(); "
        "alter event trigger et_sql_drop enable always",
        "drop event trigger et_sql_drop; "
        f"create event trigger et_sql_drop on sql_drop execute function {S}.event_trigger_ddl_start(); "
        "alter event trigger et_sql_drop enable always",
    ),
    "functions_as_released": (
        f"create or replace function {SI}.redact(p_text text) returns text language sql immutable "
        "parallel safe as $$ select p_text $$",
        f"create function {S}.extra() returns int language sql as 'select 1'; "
        f"revoke all on function {S}.extra() from public; "
        f"alter function {S}.extra() owner to script_tracking_owner",
        f"create function {SI}.redact(p_text varchar) returns text language sql as 'select 1'; "
        f"revoke all on function {SI}.redact(varchar) from public; "
        f"alter function {SI}.redact(varchar) owner to script_tracking_owner",
        f"drop function {S}.get_recent_errors(integer)",
        f"alter function {S}.event_trigger_ddl_end() reset search_path",
        f"alter function {S}.event_trigger_ddl_end() set search_path = evil, pg_catalog",
        f"alter function {S}.event_trigger_ddl_end() security invoker",
        f"alter function {SI}.count_loss(text, text, text) security definer",
    ),
    "row_security_forced": (
        f"alter table {S}.tenant_h no force row level security",
        f"alter table {SI}.script_execution_s_first disable row level security",
    ),
    "policies_as_released": (
        f"create policy mine on {S}.script_execution_s using (true)",
        f"alter policy read_visible on {S}.script_execution_s using (true)",
        f"drop policy owner_all on {SI}.script_execution_h_first",
    ),
    "append_only_triggers": (
        f"alter table {S}.script_execution_s disable trigger protect_updates",
        f"alter table {SI}.script_execution_h_first enable trigger protect_rows",
        f"alter table {SI}.script_execution_s_first disable trigger all",
        f"drop trigger protect_truncate on {SI}.script_execution_s_first",
        f"drop trigger protect_updates on {S}.script_execution_s; "
        f"create trigger protect_updates before update on {S}.script_execution_s for each row when "
        f"(new.load_end_date is null) execute function {SI}.protect_record('may_end'); "
        f"alter table {S}.script_execution_s enable always trigger protect_updates",
        f"drop trigger protect_rows on {S}.script_execution_h; "
        f"create trigger protect_rows before delete on {S}.script_execution_h for each row execute "
        f"function {SI}.protect_record(); "
        f"alter table {S}.script_execution_h enable always trigger protect_rows",
    ),
    "public_has_no_rights": (
        f"grant execute on function {SI}.roll_up() to public",
        f"grant select on {S}.script_execution_s to public",
        f"grant select (sql_command) on {S}.script_execution_s to public",
        f"grant usage on sequence {SI}.lost_record_seq to public",
        f"grant usage on schema {S} to public",
    ),
    "objects_belong_to_owner": (
        f"alter table {SI}.setting owner to postgres",
        f"alter function {SI}.redact(text) owner to postgres",
        f"alter sequence {SI}.lost_record_seq owner to postgres",
    ),
    "installed": (f"alter schema {S} owner to postgres",),
    "ledger_matches_program": (
        f"delete from {SI}.schema_code where path like '%roll_up.sql'",
        f"update {SI}.schema_migration set checksum = 'x' where version = 2",
    ),
}


async def test_a_weakened_installation_fails_its_check_and_no_other(installed_database: str) -> None:
    connection = await connect(Dsn(installed_database), application_name="tests")
    wrong = []
    for check, weakenings in WEAKENINGS.items():
        for weakening in weakenings:
            async with connection.transaction(force_rollback=True):
                await connection.execute(weakening.encode())
                failed = [one.name for one in await verify(connection) if not one.ok]
            if failed != [check]:
                wrong.append((weakening, failed))
    assert wrong == []
    assert all(one.ok for one in await verify(connection))
    await connection.close()


@pytest.fixture
def mallory(postgres: Server) -> Iterator[None]:
    """An ordinary role."""
    rows(postgres.dsn, "create role mallory")
    yield
    rows(postgres.dsn, "drop role mallory")


@pytest.mark.usefixtures("mallory")
async def test_a_member_of_the_owner_fails_its_check(installed_database: str) -> None:
    rows(installed_database, "grant script_tracking_owner to mallory")
    assert list(await failed_checks(installed_database)) == ["owner_has_no_members"]


async def test_a_role_with_powers_fails_its_check(installed_database: str) -> None:
    for power in ("login", "superuser", "bypassrls", "createrole"):
        rows(installed_database, f"alter role script_tracking_daemon {power}")
        failed = list(await failed_checks(installed_database))
        rows(installed_database, f"alter role script_tracking_daemon no{power}")
        assert failed == ["roles_without_powers"], power


async def test_what_differs_is_named(installed_database: str) -> None:
    rows(installed_database, f"{REPLACED} as $$ select p_text $$")
    (detail,) = (await failed_checks(installed_database)).values()
    assert detail == "every function, and no other, as released; not so: script_tracking_internal.redact"


RESTORED = (
    f"{REPLACED} as $$ select p_text $$",
    f"alter function {S}.event_trigger_ddl_end() security invoker",
    f"alter function {S}.event_trigger_ddl_end() reset all",
    f"drop function {S}.get_recent_errors(integer)",
    "alter event trigger et_sql_drop disable",
    "drop event trigger et_ddl_command_end",
    f"alter table {S}.script_execution_s disable trigger protect_updates",
    f"drop trigger protect_truncate on {SI}.script_execution_s_first",
    f"alter table {SI}.script_execution_s_first disable row level security",
    f"alter policy read_visible on {S}.script_execution_s using (true)",
    f"grant select on {S}.script_execution_s to public",
)


def test_an_upgrade_restores_what_was_changed_by_hand(installed_database: str) -> None:
    rows(installed_database, "select script_tracking.track_operation('job', 'BATCH')")
    before = dump(installed_database)
    for weakening in RESTORED:
        rows(installed_database, weakening)
    result = program("schema", "upgrade", "--dsn", installed_database)
    assert (result.returncode, result.stderr) == (0, "")
    assert "functions_as_released" in result.stdout
    assert dump(installed_database) == before
    assert "nothing changed" in program("schema", "upgrade", "--dsn", installed_database).stdout


def test_what_an_upgrade_cannot_restore_it_tells(installed_database: str) -> None:
    rows(installed_database, f"create policy mine on {S}.script_execution_s using (true)")
    result = program("schema", "upgrade", "--dsn", installed_database)
    assert (result.returncode, "not restored: policies_as_released" in result.stderr) == (1, True)
