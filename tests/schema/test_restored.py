"""upgrade: what was changed by hand is as released again, and what it cannot restore it tells."""

from __future__ import annotations

import pytest

from tests.catalog_dump import dump
from tests.fix_sessions import meddling
from tests.installing import failed_checks
from tests.schema.steps import REPLACED, SI, S, program, rows

pytestmark = pytest.mark.majors

RESTORED = (
    "alter publication script_tracking_capture owner to joe",  # as a restore by an ordinary owner leaves it
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
    f"revoke execute on function {SI}.collect_operations() from script_tracking_daemon",
    f"revoke select on {S}.script_execution_s from script_tracking_auditor",
    f"revoke insert on {S}.script_execution_s from script_tracking_owner",
    f"grant insert, select on {S}.script_execution_s to joe with grant option",
    f"grant select (sql_command) on {S}.script_execution_s to joe",
    f"grant usage on schema {S} to joe",
    f"grant execute on function {S}.register_tenant(varchar, bytea) to joe",
    f"grant usage on sequence {SI}.lost_record_seq to joe",
    f"do $$ begin execute 'create or replace view {SI}.final_version as ' "
    f"|| replace(pg_get_viewdef('{SI}.final_version'::regclass), 'RUNNING', 'FAILED'); end $$",
)


@pytest.mark.usefixtures("joe")
def test_an_upgrade_restores_what_was_changed_by_hand(installed_database: str) -> None:
    rows(installed_database, "select script_tracking.track_operation('job', 'BATCH')")
    before = dump(installed_database)
    for weakening in RESTORED:
        rows(installed_database, meddling(weakening))
    result = program("schema", "upgrade", "--dsn", installed_database)
    assert (result.returncode, result.stderr) == (0, "")
    assert "functions_as_released" in result.stdout
    owner = "select p.pubowner <> to_regrole('joe') as ok from pg_publication as p"
    assert rows(installed_database, owner) == [{"ok": True}]
    assert dump(installed_database) == before
    assert "nothing changed" in program("schema", "upgrade", "--dsn", installed_database).stdout


def test_what_an_upgrade_cannot_restore_it_tells(installed_database: str) -> None:
    rows(installed_database, meddling(f"create policy mine on {S}.script_execution_s using (true)"))
    result = program("schema", "upgrade", "--dsn", installed_database)
    assert (result.returncode, "not restored: policies_as_released" in result.stderr) == (1, True)


NAMED = (
    (
        f"drop index {S}.idx_script_execution_s_timestamp",
        f"missing: table {S}.script_execution_s index idx_script_execution_s_timestamp unique using btree "
        "(execution_timestamp, script_execution_hk) where (load_end_date is null)",
    ),
    (f"drop table {SI}.operation_total_carried", f"missing: table {SI}.operation_total_carried"),
    (f"grant insert on {S}.script_execution_s to joe", f"not released: table {S}.script_execution_s grant joe insert"),
    (
        f"alter table {SI}.script_execution_s_first add constraint mine check (xid is not null)",
        f"not released: table {SI}.script_execution_s_first constraint check ((xid is not null))",
    ),
    (
        f"create event trigger mine on ddl_command_end execute function {S}.event_trigger_ddl_end()",
        "not so: mine",
    ),
)


@pytest.mark.usefixtures("joe")
@pytest.mark.parametrize(("change", "named"), NAMED, ids=[change for change, _ in NAMED])
async def test_the_object_that_differs_is_named_and_an_upgrade_does_not_hide_it(
    installed_database: str, change: str, named: str
) -> None:
    rows(installed_database, meddling(change))
    (detail,) = (await failed_checks(installed_database)).values()
    assert named in detail.lower()
    result = program("schema", "upgrade", "--dsn", installed_database)
    if "grant" in change:
        assert (result.returncode, "restored: grants_as_released" in result.stdout) == (0, True)
        assert await failed_checks(installed_database) == {}
    else:
        assert (result.returncode, "not restored: " in result.stderr) == (1, True)
        assert named in next(iter((await failed_checks(installed_database)).values())).lower()
