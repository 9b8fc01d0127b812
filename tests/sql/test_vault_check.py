"""vault_check: silent on a sound vault, and finding each fault that it is there to find."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session, value
from tests.sql.test_changes import judge_all, unjudged
from tests.vault_steps import INTERNAL, record

HUB, SATELLITE = "script_tracking.script_execution_h", "script_tracking.script_execution_s"
LINKS, PARENTS = "script_tracking.script_execution_object", "script_tracking.script_execution_parent"
KEY = "(select script_execution_hk from script_tracking.script_execution_s where script_name = 'CREATE TABLE')"
OF_IT = f"where script_execution_hk = {KEY}"
ENDED = "where load_end_date is not null"
TENANTS, TENANT_VERSIONS = "script_tracking.tenant_h", "script_tracking.tenant_s"
JUDGEMENTS, RULES = "script_tracking.script_execution_change_s", f"{INTERNAL}.change_rules"
OF_ACME = f"where tenant_hk = (select tenant_hk from {TENANTS} where tenant_bk = 'acme-eu')"


def repeat(table: str, which: str) -> str:
    """Ends the current version, and writes the same once more."""
    return (
        f"with ended as (update {table} set load_end_date = clock_timestamp() {which}"
        " and load_end_date is null returning *)"
        f" insert into {table} select r.* from ended as e cross join lateral jsonb_populate_record(null::{table},"
        " to_jsonb(e)"
        " || jsonb_build_object('load_date', e.load_end_date, 'load_end_date', null, 'version_number', 0)) as r"
    )


FAULTS = {
    "hub_hash_key": f"update {HUB} set script_execution_bk = 'another' {OF_IT}",
    "hub_without_satellite": f"delete from {SATELLITE} {OF_IT}",
    "hub_current_versions": f"update {SATELLITE} set load_end_date = now() + interval '1 day' {OF_IT}",
    "hub_tenant_unknown": f"update {HUB} set tenant_hk = sha256('nobody') {OF_IT}",
    "satellite_without_hub": f"delete from {HUB} {OF_IT}",
    "satellite_tenant": f"update {HUB} set tenant_hk = sha256('nobody') {OF_IT}",
    "satellite_hash_diff": f"update {SATELLITE} set sql_command = 'select 1' {OF_IT}",
    "satellite_gap": f"update {SATELLITE} set load_end_date = load_end_date + interval '1 second' {ENDED}",
    "satellite_overlap": f"update {SATELLITE} set load_end_date = load_date {ENDED}",
    "satellite_repeated": repeat(SATELLITE, OF_IT),
    "object_links_missing": f"delete from {LINKS} {OF_IT}",
    "parent_links_missing": f"delete from {PARENTS}",
    "object_link_without_execution": f"delete from {HUB} {OF_IT}",
    "object_link_without_object": "delete from script_tracking.database_object_h",
    "object_link_untold": f"insert into {LINKS} select * from {LINKS}",
    "parent_link_without_execution": f"update {PARENTS} set script_execution_hk = 'x'",
    "object_hash_key": "update script_tracking.database_object_h set object_bk = 'x'",
    "object_without_name": "delete from script_tracking.database_object_name_s",
    "name_without_object": "delete from script_tracking.database_object_h",
    "tenant_current_versions": f"update {TENANT_VERSIONS} set load_end_date = now() + interval '1 day' {OF_ACME}",
    "tenant_code": f"update {TENANTS} set tenant_bk = 'another' where tenant_bk = 'acme-eu'",
    "tenant_version_without_tenant": f"delete from {TENANTS} where tenant_bk = 'acme-eu'",
    "tenant_hash_diff": f"update {TENANT_VERSIONS} set reason = 'forged', changed_by = 'nobody' {OF_ACME}",
    "tenant_gap": f"update {TENANT_VERSIONS} set load_end_date = load_end_date - interval '1 microsecond' {ENDED}",
    "tenant_overlap": f"update {TENANT_VERSIONS} set load_end_date = load_date {ENDED}",
    "tenant_repeated": repeat(TENANT_VERSIONS, OF_ACME),
    "judgement_missing": f"delete from {JUDGEMENTS} {OF_IT}",
    "judgement_without_execution": f"delete from {HUB} {OF_IT}",
    "judgement_tenant": f"update {HUB} set tenant_hk = sha256('nobody') {OF_IT}",
    "judgement_hash_diff": f"update {JUDGEMENTS} set verdict = 'inside' {OF_IT}",
    "judgement_rules": f"delete from {RULES}",
    "rules_hash": f"update {RULES} set rules = '{{}}'",
}


def checked(session: Session, seconds: float = 60) -> dict[str, tuple[str, int, int]]:
    """Status, violations and rows checked by check."""
    rows = session.execute(b"select * from script_tracking.vault_check(%s)", (seconds,)).fetchall()
    return {row["check_name"]: (row["status"], row["violations"], row["checked"]) for row in rows}


def tamper(session: Session, statement: str) -> None:
    """What a superuser can do who takes the guards away for a moment."""
    with session.transaction():
        session.execute("select pg_advisory_xact_lock(6001874101)")  # as the installer does, which may
        session.execute("set local session_replication_role = replica")
        for table in (HUB, SATELLITE, TENANTS, TENANT_VERSIONS, JUDGEMENTS, RULES):
            session.execute(f"alter table {table} disable trigger user".encode())
        session.execute(statement.encode())
        for table in (HUB, SATELLITE, TENANTS, TENANT_VERSIONS, JUDGEMENTS, RULES):
            session.execute(f"alter table {table} enable always trigger protect_truncate".encode())


@pytest.fixture
def sound(admin: Session) -> Session:
    """A superuser's session on a vault with an object, a parent with its child, all linked and judged, and a tenant of
    some versions."""
    unjudged(admin)
    admin.execute("create table public.t (id int)")
    parent = value(admin, "select script_tracking.track_operation('load', 'BATCH')")
    child = value(admin, "select script_tracking.track_operation('part', 'BATCH', parent_hk => %s)", parent)
    for key in (child, parent):
        value(admin, "select script_tracking.complete_operation(%s, true)", key)
    for change in (
        "register_tenant('acme')",
        "rename_tenant('acme', 'acme-eu', 'contract')",
        "suspend_tenant('acme-eu', 'unpaid')",
        "resume_tenant('acme-eu', 'paid')",
        "suspend_tenant('acme-eu', 'unpaid')",
    ):
        value(admin, f"select script_tracking.{change}")
    value(admin, f"select {INTERNAL}.derive_links()")
    assert judge_all(admin) == 1
    return admin


def test_a_sound_vault_has_no_violations(sound: Session) -> None:
    found = checked(sound)
    assert {name for name, (status, violations, _) in found.items() if (status, violations) != ("ok", 0)} == set()
    assert set(FAULTS) | {"parent_link_without_parent"} == set(found)
    assert all(rows > 0 for _, _, rows in found.values()), "each of them looked at something"
    assert found["satellite_hash_diff"] == ("ok", 0, 10)
    assert found["tenant_hash_diff"] == ("ok", 0, 6)
    assert found["judgement_missing"] == found["judgement_hash_diff"] == ("ok", 0, 1)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(sound: Session, name: str) -> None:
    tamper(sound, FAULTS[name])
    status, violations, _ = checked(sound)[name]
    assert (status, violations > 0) == ("critical", True)
    health = "select status, value from script_tracking.get_system_health() where check_name = 'vault_check'"
    (row,) = sound.execute(health.encode()).fetchall()
    assert (row["status"], row["value"] > 0) == ("critical", True)
    metric = f"select violations from {INTERNAL}.collect_vault_check() where check_name = %s"
    assert value(sound, metric, name) == violations


def test_a_second_version_of_the_same_time_is_found(sound: Session) -> None:
    """One that ended at the time as well, with the hash that belongs to it: of these the table's keys forbid none."""
    tamper(
        sound,
        f"insert into {SATELLITE} select r.* from {SATELLITE} as s cross join lateral jsonb_populate_record("
        f"null::{SATELLITE}, to_jsonb(s) || jsonb_build_object('script_name', 'forged', 'version_number', 0,"
        f" 'hash_diff', {INTERNAL}.hash_diff(s.tenant_hk, 'forged', s.script_type, s.execution_status,"
        " s.execution_timestamp, s.execution_duration_ms, s.db_session_user, s.client_ip, s.affected_objects,"
        " s.sql_command, s.error_message, s.metadata))) as r"
        " where s.script_name = 'load' and s.load_end_date is not null",
    )
    found = checked(sound)
    assert {name for name, (_, violations, _) in found.items() if violations} == {"satellite_overlap"}
    assert found["satellite_overlap"][:2] == ("critical", 2)


def test_a_replica_session_alone_changes_nothing(sound: Session) -> None:
    sound.execute("set session_replication_role = replica")
    with pytest.raises(psycopg.Error) as refused:
        sound.execute(FAULTS["satellite_hash_diff"].encode())
    assert refused.value.sqlstate == "ST001"


def test_links_that_are_wrong_are_mended_by_a_rebuild(sound: Session) -> None:
    sound.execute(f"delete from {LINKS}".encode())
    assert checked(sound)["object_links_missing"][0] == "critical"
    sound.execute(f"select {INTERNAL}.rebuild_links()".encode())
    assert checked(sound)["object_links_missing"] == ("ok", 0, 1)


def test_links_are_not_missed_before_they_are_due(sound: Session) -> None:
    sound.execute("create table public.u (id int)")
    assert checked(sound)["object_links_missing"] == ("ok", 0, 1)


def test_judgements_are_not_missed_before_they_are_due_nor_of_what_is_not_judged(sound: Session) -> None:
    sound.execute("create table public.u (id int)")
    record(sound, kind="DDL", name="declared")
    assert checked(sound)["judgement_missing"] == ("ok", 0, 1)
    assert judge_all(sound) == 1
    assert checked(sound)["judgement_missing"] == ("ok", 0, 2)


def test_a_pass_goes_on_where_the_last_call_left_it(sound: Session) -> None:
    for _ in range(3000):
        record(sound)
    before = checked(sound)["satellite_hash_diff"][2]
    assert before == 3010
    place = f"select relation, block from {INTERNAL}.vault_check_place"
    calls, places = 0, set()
    tamper(sound, FAULTS["satellite_hash_diff"])
    while not value(sound, f"select {INTERNAL}.advance_vault_check(0, p_rest_seconds => 0)"):
        calls += 1
        places.add(tuple(sound.execute(place.encode()).fetchall()[0].values()))
    assert calls > 10
    assert len(places) > 8
    result = f"select last_checked, last_violations from {INTERNAL}.vault_check_result"
    rows = result + " where check_name = 'satellite_hash_diff'"
    versions = value(sound, f"select count(*) from {SATELLITE}")
    assert tuple(sound.execute(rows.encode()).fetchall()[0].values()) == (versions, 1)


def test_the_exporter_rests_between_passes(sound: Session) -> None:
    advance = f"select {INTERNAL}.advance_vault_check(60)"
    assert value(sound, advance) is True
    assert value(sound, advance) is False
    assert value(sound, f"select {INTERNAL}.advance_vault_check(60, p_rest_seconds => 0)") is True


def test_a_missing_parent_is_told_and_is_no_fault(admin: Session) -> None:
    child = value(admin, "select script_tracking.track_operation('part', 'BATCH', parent_hk => sha256('nobody'))")
    value(admin, "select script_tracking.complete_operation(%s, true)", child)
    value(admin, f"select {INTERNAL}.derive_links()")
    assert checked(admin)["parent_link_without_parent"] == ("ok", 1, 1)
    health = "select status from script_tracking.get_system_health() where check_name = 'vault_check'"
    assert value(admin, health) == "ok"


def test_the_check_is_for_auditors(sound: Session, make_role: MakeRole, login: Login) -> None:
    assert checked(login(make_role("script_tracking_auditor")))["hub_hash_key"][0] == "ok"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        checked(login(make_role("script_tracking_reader", "script_tracking_daemon")))


@pytest.mark.parametrize("seconds", ["null", "-1", "'nan'"])
def test_the_time_must_be_one(admin: Session, seconds: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        admin.execute(f"select script_tracking.vault_check({seconds})".encode())
    assert refused.value.sqlstate == "ST003"
