"""Checks of get_system_health(): each bad for a while, and good again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fix_sessions import MakeRole, Session, one, value
from tests.vault_steps import INTERNAL, record

ROOT = Path(__file__).parents[2]
SATELLITE = "script_tracking.script_execution_s"
HEALTH = "select status, value, threshold from script_tracking.get_system_health() where check_name = %s"
# time passes for what is prepared, and nobody waits
HOURS_AGO = (
    "set allow_system_table_mods = on",
    "create or replace view pg_catalog.pg_prepared_xacts as select p.transaction, p.gid,"
    " p.prepared - interval '2 hours' as prepared, u.rolname as owner, d.datname as database"
    " from pg_prepared_xact() as p left join pg_authid as u on p.ownerid = u.oid"
    " left join pg_database as d on p.dbid = d.oid",
    "begin; select pg_current_xact_id(); prepare transaction 'forgotten'",
)
PASSES = (f"select {INTERNAL}.reconcile()",) * 2
UNTRACKED = (
    f"update {INTERNAL}.setting set value = 'off' where name = 'reconcile.cluster_objects'",
    *PASSES,
    "explain analyze create table public.sly as select 1 as n",
    *PASSES,
)
ACKNOWLEDGED = (
    "select script_tracking.acknowledge_change(change_id, 'test') from script_tracking.get_untracked_changes()",
)
LATE = (
    f"insert into {SATELLITE} select r.* from {SATELLITE} as s cross join lateral jsonb_populate_record("
    f"null::{SATELLITE}, to_jsonb(s) || jsonb_build_object('script_execution_hk', sha256('x'),"
    " 'version_number', 0, 'load_date', s.load_date - interval '11 minutes')) as r where s.script_name = 'job'",
)


@dataclass(frozen=True)
class Case:
    """Statements that make a check bad, and those that make it good again; which is what it is before, or unknown."""

    status: str
    worse: tuple[str, ...]
    better: tuple[str, ...]


CASES = {
    "owner_role_members": Case(
        "critical", ("grant script_tracking_owner to {role}",), ("revoke script_tracking_owner from {role}",)
    ),
    "roles_with_powers": Case(
        "critical", ("alter role script_tracking_reader createdb",), ("alter role script_tracking_reader nocreatedb",)
    ),
    "capture_slot_lag": Case(
        "warning",
        (f"select {INTERNAL}.create_slot()", f"update {INTERNAL}.capture_state set slot_bound = 0"),
        (f"select {INTERNAL}.drop_slot()",),
    ),
    "catalog_compared": Case(
        "warning",
        (*PASSES, f"update {INTERNAL}.reconcile_state set passed_at = passed_at - interval '11 minutes'"),
        PASSES,
    ),
    "untracked_changes": Case("critical", UNTRACKED, ACKNOWLEDGED),
    "catalog_coverage": Case("warning", UNTRACKED, ACKNOWLEDGED),
    "archive": Case(
        "warning",
        (f"update {INTERNAL}.setting set value = 'on' where name = 'retention.archive'",),
        (f"select {INTERNAL}.ask_archive()",),
    ),
    "partitions_overdue": Case(
        "warning",
        (
            f"insert into {INTERNAL}.partition_kept"
            " values (now() - interval '4 days', now() - interval '2 days', 'due', 'nothing')",
        ),
        (f"select {INTERNAL}.look_at_partitions()",),
    ),
    "rollup_lag": Case("warning", LATE, (f"select {INTERNAL}.roll_up()",)),
    "links_lag": Case("warning", LATE, (f"select {INTERNAL}.derive_links()",)),
    "horizon_holder": Case("warning", HOURS_AGO, ("rollback prepared 'forgotten'",)),
    "oldest_prepared_transaction": Case("warning", HOURS_AGO, ("rollback prepared 'forgotten'",)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_check_is_bad_and_good_again(admin: Session, make_role: MakeRole, name: str) -> None:
    case, role = CASES[name], make_role()
    record(admin)
    assert one(admin, HEALTH, name)["status"] in ("ok", "unknown")
    try:
        for statement in case.worse:
            admin.execute(statement.format(role=role).encode())
        found = one(admin, HEALTH, name)
    finally:
        for statement in case.better:
            admin.execute(statement.format(role=role).encode())
    assert found["status"] == case.status
    beyond = found["value"] < found["threshold"] if name == "catalog_coverage" else found["value"] > found["threshold"]
    assert beyond
    assert one(admin, HEALTH, name)["status"] == "ok"


@pytest.mark.parametrize(
    ("change", "back", "is_bad"),
    [
        ("set event_triggers = off", "reset event_triggers", True),
        ("alter database {database} set event_triggers = off", "alter database {database} reset all", True),
        ("alter role {role} set event_triggers = 'No'", "alter role {role} reset all", True),
        (
            "alter role all in database {database} set event_triggers = 0",
            "alter role all in database {database} reset all",
            True,
        ),
        (
            "alter role {role} in database postgres set event_triggers = off",
            "alter role {role} in database postgres reset all",
            False,
        ),
        ("alter role {role} set event_triggers = on", "alter role {role} reset all", False),
    ],
)
def test_a_setting_that_keeps_event_triggers_from_firing_shows(
    admin: Session, make_role: MakeRole, change: str, back: str, is_bad: bool
) -> None:
    if admin.info.server_version < 170000:
        assert value(admin, "select current_setting('event_triggers', true)") is None
        return
    names = {"role": make_role(), "database": f'"{admin.info.dbname}"'}
    metric = f"select min(enabled) from {INTERNAL}.collect_event_triggers()"
    for statement, bad in ((change, is_bad), (back, False)):
        admin.execute(statement.format(**names).encode())
        found = one(admin, HEALTH, "event_triggers_enabled")
        assert (found["status"], found["value"]) == (("critical", 0) if bad else ("ok", 4))
        assert value(admin, metric) == (0 if bad else 1)


def test_storage_is_what_upkeep_found_and_is_measured_where_it_does_not_look(admin: Session) -> None:
    """So that a check every few seconds does not measure each of many partitions."""
    measured = value(admin, f"select sum(storage_bytes) from {INTERNAL}.collect_storage()")
    assert one(admin, HEALTH, "storage")["value"] == measured
    value(admin, f"select {INTERNAL}.look_at_partitions()")
    assert value(admin, f"select storage_bytes from {INTERNAL}.retention_state") == measured
    assert one(admin, HEALTH, "storage")["value"] == measured
    admin.execute(f"update {INTERNAL}.retention_state set storage_bytes = 42".encode())
    assert one(admin, HEALTH, "storage")["value"] == 42
    admin.execute(f"update {INTERNAL}.retention_state set looked_at = now() - interval '2 hours'".encode())
    assert one(admin, HEALTH, "storage")["value"] == measured


def test_legal_holds_are_counted_and_are_nothing_bad(admin: Session) -> None:
    hold = value(admin, "select script_tracking.place_hold(null, now(), null, 'a suit')")
    assert one(admin, HEALTH, "legal_holds") == {"status": "ok", "value": 1, "threshold": None}
    value(admin, "select script_tracking.release_hold(%s, 'settled')", hold)
    assert one(admin, HEALTH, "legal_holds")["value"] == 0


def test_every_check_is_documented_and_tested(admin: Session) -> None:
    checks = {row["check_name"] for row in admin.execute("select check_name from script_tracking.get_system_health()")}
    assert len(checks) > 20
    reference = (ROOT / "docs/sql.md").read_text("utf-8")
    assert {name for name in checks if f"| `{name}` |" not in reference} == set()
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in checks if f'"{name}"' not in tests and f"'{name}'" not in tests} == set()
