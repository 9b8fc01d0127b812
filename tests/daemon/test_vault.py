"""The exporter derives the links and checks the vault by itself."""

from __future__ import annotations

import pytest

from tests.fix_exporter import StartExporter, eventually
from tests.fix_sessions import Session, value
from tests.vault_steps import INTERNAL

pytestmark = pytest.mark.majors

LINKED = "select count(*) from script_tracking.script_execution_object"
TAMPER = """
select pg_advisory_xact_lock(6001874101);
alter table script_tracking.script_execution_s disable trigger user;
update script_tracking.script_execution_s set sql_command = 'select 1' where script_name = 'CREATE TABLE';
alter table script_tracking.script_execution_s enable always trigger protect_updates;
"""


def test_links_are_derived_and_a_changed_row_is_found(
    installed_database: str, admin: Session, exporter: StartExporter
) -> None:
    admin.execute("create table public.t (id int)")
    with admin.transaction():
        admin.execute(TAMPER.encode())
    running = exporter(installed_database)
    violations = "script_tracking_vault_violations"
    running.wait_for_value(1, violations, check="satellite_hash_diff")
    running.wait_for_value(0, violations, check="hub_hash_key")
    eventually(lambda: value(admin, LINKED), 40)
    assert (running.value("script_tracking_links_lag_seconds") or 0) >= 0
    passed = f"select bool_and(last_pass_at is not null) from {INTERNAL}.vault_check_result"
    eventually(lambda: value(admin, passed) is True, 60)
    running.wait_for_value(0, "script_tracking_health_check_ok", check="vault_check")
