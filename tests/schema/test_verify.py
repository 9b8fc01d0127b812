"""verify: every way of weakening an installation that it knows has a check that fails, and only that one."""

from __future__ import annotations

import os
import shutil
import subprocess
from difflib import unified_diff
from pathlib import Path

import pytest

from exporter import sqlfiles
from exporter.demo.server import embedded_binaries
from exporter.schema.drift import read_standing, render
from tests.fix_sessions import meddling
from tests.installing import as_program, failed_checks
from tests.schema.steps import REPLACED, SI, S, rows, seen_wrongly

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
    "event_trigger_et_table_rewrite": ("drop event trigger et_table_rewrite",),
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
        f"alter function {SI}.redact(text) volatile",
        f"alter function {SI}.redact(text) parallel unsafe",
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
        f"grant execute on function {S}.register_tenant(varchar, bytea) to public",
    ),
    "partitions_and_no_children": (
        f"create table public.child () inherits ({S}.tenant_h)",
        f"create table public.child partition of {S}.script_execution_s default",
        "set allow_system_table_mods = on; update pg_inherits set inhdetachpending = true "
        f"where inhrelid = '{SI}.script_execution_s_first'::regclass",
    ),
    "objects_belong_to_owner": (
        f"alter table {SI}.setting owner to postgres",
        f"alter function {SI}.redact(text) owner to postgres",
        f"alter sequence {SI}.lost_record_seq owner to postgres",
        f"alter function {SI}.log_files() owner to script_tracking_auditor",
    ),
    "objects_as_released": (
        f"drop index {S}.idx_script_execution_s_timestamp",
        f"drop index {S}.idx_script_execution_s_xid",
        f"create index mine on {S}.script_execution_s (script_name)",
        f"create index mine on {SI}.script_execution_s_first (script_name)",
        f"alter index {S}.idx_script_execution_s_timestamp rename to mine",
        f"alter table {SI}.rollup_state drop constraint rollup_state_singleton_check",
        f"alter table {S}.script_execution_s drop constraint script_execution_s_pkey",
        f"alter table {SI}.script_execution_h_first add constraint mine check (record_source <> 'x')",
        f"alter table {SI}.running_operation drop constraint running_operation_pkey",
        f"alter table {SI}.tenant_membership drop constraint tenant_membership_tenant_hk_fkey",
        f"alter table {SI}.setting add column mine text",
        f"alter table {SI}.running_operation drop column pid",
        f"alter table {S}.script_execution_s alter column version_number drop default",
        f"alter table {SI}.script_execution_s_first alter column db_session_user drop default",
        f"alter table {S}.script_execution_s alter column affected_objects type varchar[]",
        f"alter table {SI}.setting set unlogged",
        f"alter sequence {SI}.execution_version_seq cycle",
        f"drop sequence {SI}.temporary_ddl_seq",
        f"drop table {SI}.operation_total_carried",
        f"create view {S}.mine as select 1 as one; alter view {S}.mine owner to script_tracking_owner",
        f"create rule mine as on insert to {S}.script_execution_s do instead nothing",
        f"create trigger mine before insert on {S}.script_execution_s for each row "
        "execute function suppress_redundant_updates_trigger()",
        f"create or replace view {SI}.vault_partition as select null::name as relation, null::regclass as partition, "
        "null::name as partition_name, now() as lower_bound, now() as upper_bound, 1 as place, "
        "null::name as time_column, true as append_only",
        f"do $$ begin execute 'create or replace view {SI}.ended_version as ' "
        f"|| replace(pg_get_viewdef('{SI}.ended_version'::regclass), 'RUNNING', 'FAILED'); end $$",
    ),
    "grants_as_released": (
        f"revoke execute on function {SI}.collect_operations() from script_tracking_daemon",
        f"revoke usage on schema {S} from script_tracking_app",
        f"revoke select on {S}.script_execution_s from script_tracking_auditor",
        f"revoke select on {S}.tenant_h from script_tracking_auditor",
        f"revoke insert on {S}.script_execution_s from script_tracking_owner",
        f"grant insert on {S}.script_execution_s to joe",
        f"grant select (sql_command) on {S}.script_execution_s to joe",
        f"grant select on {SI}.script_execution_s_first to joe",
        f"grant select on {S}.script_execution_s to script_tracking_reader with grant option",
        f"grant execute on function {S}.register_tenant(varchar, bytea) to joe",
        f"grant update on sequence {SI}.execution_version_seq to joe",
        f"grant create on schema {SI} to joe",
    ),
    "event_triggers_call_ours_once": (
        f"create event trigger mine on ddl_command_end execute function {S}.event_trigger_ddl_end()",
        "create event trigger mine on sql_drop when tag in ('DROP TABLE') "
        f"execute function {S}.event_trigger_sql_drop()",
    ),
    "publication_is_empty": (
        "drop publication script_tracking_capture",
        f"alter publication script_tracking_capture add table {SI}.setting",
        "alter publication script_tracking_capture owner to joe",
    ),
    "installed": (f"alter schema {S} owner to postgres",),
    "ledger_matches_program": (
        f"delete from {SI}.schema_code where path like '%roll_up.sql'",
        f"update {SI}.schema_migration set checksum = 'x' where version = 2",
    ),
}


@pytest.mark.majors  # one weakness after the other
@pytest.mark.usefixtures("joe")
async def test_a_weakened_installation_fails_its_check_and_no_other(installed_database: str) -> None:
    assert await seen_wrongly(installed_database, WEAKENINGS) == []
    assert await failed_checks(installed_database) == {}


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
    rows(installed_database, meddling(f"{REPLACED} as $$ select p_text $$"))
    (detail,) = (await failed_checks(installed_database)).values()
    assert detail == "every function, and no other, as released; not so: script_tracking_internal.redact"


@pytest.mark.usefixtures("joe")
async def test_what_a_superuser_may_rightly_do_is_no_drift(installed_database: str) -> None:
    for statement in (
        f"select {S}.register_tenant('acme'); select {S}.grant_tenant('acme', 'joe')",
        f"update {SI}.setting set value = '7' where name = 'partitions.ahead'; select {SI}.ensure_partitions()",
        "grant script_tracking_reader, script_tracking_app to joe",
        meddling(f"alter table {SI}.running_operation set (autovacuum_vacuum_scale_factor = 0.01)"),
        f"select nextval('{SI}.lost_record_seq'); analyze",
        f"create view public.mine as select * from {S}.script_execution_s; grant select on public.mine to joe",
        "create function public.noted() returns event_trigger language plpgsql as 'begin end'",
        "create event trigger other on ddl_command_end execute function public.noted()",
    ):
        rows(installed_database, statement)
    assert await failed_checks(installed_database) == {}


def pg_dump_for(major: int) -> Path | None:
    """The oldest pg_dump that reads a server of this major: a newer one may write what the server does not know."""
    found: dict[int, Path] = {}
    installed = shutil.which("pg_dump")
    wheel = [folder / "pg_dump" for folder in embedded_binaries().values()]
    for candidate in [*([Path(installed)] if installed else []), *wheel]:
        told = subprocess.run([str(candidate), "--version"], capture_output=True, text=True, check=True).stdout
        found.setdefault(int(told.split()[2].partition(".")[0]), candidate)
    return found.get(min((version for version in found if version >= major), default=0))


async def test_a_restored_dump_is_no_drift(installed_database: str, database: str) -> None:
    major = int(rows(installed_database, "show server_version_num")[0]["server_version_num"]) // 10000
    pg_dump = pg_dump_for(major)
    if pg_dump is None:
        pytest.skip(f"a pg_dump that reads PostgreSQL {major} is missing")
    command = [str(pg_dump), "-d", installed_database]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    restored = subprocess.run(["psql", "-X", "-q", "-d", database], input=script, capture_output=True, text=True)
    assert restored.returncode == 0
    assert await failed_checks(database) == {}


async def test_the_database_knows_the_event_triggers_that_verify_asks_for(installed_database: str) -> None:
    known = rows(installed_database, f"select name from {SI}.event_triggers()")
    for row in known:
        rows(installed_database, f"drop event trigger {row['name']}")
    assert set(await failed_checks(installed_database)) == {f"event_trigger_{row['name']}" for row in known}
    rows(installed_database, f"select {SI}.make_event_triggers()")
    assert await failed_checks(installed_database) == {}


RELEASED = sqlfiles.root() / "released.txt"


async def test_the_release_says_what_stands(installed_database: str) -> None:
    """WRITE_GOLDEN=1 writes the list anew, and fails, so that no run both writes and passes."""
    async with as_program(installed_database) as connection:
        found = render(await read_standing(connection))
    if os.environ.get("WRITE_GOLDEN"):
        RELEASED.write_text(found, encoding="utf-8")
        pytest.fail("sql/released.txt was written: read the difference, then run again without WRITE_GOLDEN")
    difference = list(unified_diff(sqlfiles.released().splitlines(), found.splitlines(), n=0, lineterm=""))
    assert not difference, "WRITE_GOLDEN=1 takes over what is meant:\n" + "\n".join(difference)
