"""As a tenant's role: nothing of another tenant is written, ended, blocked or taken over."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_sessions import Session, history, value
from tests.sql.adversarial.conftest import Spy, Victim

S, SI = "script_tracking", "script_tracking_internal"


@pytest.mark.parametrize("claim", ["'victim'", "'VICTIM'", "'nobody'"])
def test_no_operation_is_declared_for_another_tenant(spy: Spy, claim: str) -> None:
    operations = f"""'[{{"script_name": "x", "script_type": "B", "tenant": {claim.replace("'", '"')}}}]'"""
    told = spy(
        f"select {S}.track_operation('forged', 'BATCH', {claim})",
        f"select {S}.track_operations({operations})",
        f"set script_tracking.tenant = {claim}; select {S}.track_operation('forged', 'BATCH')",
    )
    assert told.count("st002") == 3
    assert "is not a member of a tenant" in told


def test_a_foreign_and_a_random_key_get_the_same_answer(spy: Spy, victim: Victim, admin: Session) -> None:
    answers = []
    for key in (victim.running.hex(), victim.ended.hex(), "ab" * 32, "", "00"):
        many = f"""'[{{"execution_hk": "{key}", "success": true}}]'"""
        answers.append(
            spy(
                f"select {S}.complete_operation('\\x{key}', true, 'forged', 'P0001', 1, '{{}}') as c",
                f"select {S}.heartbeat('\\x{key}') as h",
                f"select count(*) as n from {S}.get_execution_history(30) where execution_hk = '\\x{key}'",
                f"select * from {S}.get_execution_as_of('\\x{key}', now())",
                f"select * from {S}.get_execution_as_of('\\x{key}', 'infinity')",
            )
            + (spy(f"select {S}.complete_operations({many})") if len(key) == 64 else "")
        )
    assert answers[0] == answers[1] == answers[2]
    assert answers[3] == answers[4]
    rows = {row["execution_hk"]: row["execution_status"] for row in history(admin)}
    assert (rows[victim.running], rows[victim.ended]) == ("RUNNING", "FAILED")
    beat = f"select heartbeat_at = execution_timestamp from {SI}.running_operation where script_execution_hk = %s"
    assert value(admin, beat, victim.running) is True
    assert value(victim.session, f"select {S}.complete_operation(%s, true)", victim.running) is True


def test_an_operation_recorded_again_is_only_ones_own(spy: Spy, victim: Victim) -> None:
    """The id of track_operations is looked for among one's own: nobody learns of or takes over a foreign one."""
    started = value(spy.session, "select clock_timestamp()::text")
    given = f'[{{"script_name": "x", "script_type": "B", "id": "{"ab" * 16}", "started_at": "{started}"}}]'
    call = f"select {S}.track_operations(%s)"
    assert value(spy.session, call, given) != value(victim.session, call, given)
    assert value(spy.session, call, given) == value(spy.session, call, given)


STATEMENTS = (
    f"insert into {S}.script_execution_s select * from {S}.script_execution_s",
    f"insert into {SI}.running_operation select * from {SI}.running_operation",
    f"update {SI}.running_operation set started_by = current_user",
    f"delete from {SI}.running_operation",
    f"insert into {SI}.tenant_membership (tenant_hk, role) values (sha256('victim'), current_user::regrole)",
    f"update {S}.tenant_h set tenant_bk = 'acme'",
    f"select {S}.grant_tenant('victim', current_user)",
    f"select {S}.rename_tenant('victim', 'gone', 'x')",
    f"select {S}.offboard_tenant('victim', 'x')",
    f"select {S}.suspend_tenant('victim', 'x')",
    f"select {S}.register_tenant('mine')",
    f"select {S}.cleanup_old_data(0)",
    f"select {SI}.record_execution(null, 1, 'x', 'x', 'x', 'x', now(), 1, null, null, '{{}}', null)",
    f"select {SI}.add_version(null)",
    f"select {SI}.end_operation(null, null, 'COMPLETED', now(), null, null, null, null, null)",
    f"select {SI}.interrupt_operations()",
    f"select nextval('{SI}.execution_version_seq')",
    f"select currval('{SI}.execution_version_seq')",
    f"select setval('{SI}.lost_record_seq', 1)",
    f"select last_value from {SI}.execution_version_seq",
    f"select * from {S}.script_execution_s for update",
    f"select * from {S}.tenant_h for key share",
    f"do $$ begin lock table {S}.script_execution_s in row exclusive mode; end $$",
    f"do $$ begin lock table {SI}.schema_migration in access share mode; end $$",
    f"create trigger t before insert on {S}.script_execution_s for each row execute function lair.f()",
    f"create rule r as on select to {S}.tenant_h do instead select 1",
    f"create table lair.fk (tenant bytea references {S}.tenant_h)",
    f"create table lair.child () inherits ({S}.tenant_h)",
    f"create table lair.p partition of {S}.script_execution_s default",
    f"create table lair.typed (r {S}.tenant_h)",
    f"create policy p on {S}.tenant_h using (true)",
    f"alter table {S}.tenant_h disable row level security",
    f"comment on table {S}.tenant_h is 'x'",
    f"create statistics lair.s on tenant_hk, script_name from {S}.script_execution_s",
    f"analyze {S}.script_execution_s",
    f"truncate {S}.script_execution_s",
    f"copy {S}.script_execution_s from stdin",
    f"create index i on {S}.script_execution_s (script_name)",
    f"create publication p for table {S}.script_execution_s",
    "drop event trigger et_ddl_command_end",
    "alter event trigger et_ddl_command_end disable",
)


def test_no_statement_changes_anything_of_the_tracker(spy: Spy, admin: Session) -> None:
    spy("create function lair.f() returns trigger language plpgsql as 'begin return null; end'")
    before = value(admin, f"select count(*) from {S}.script_execution_s")
    went = []
    for statement in STATEMENTS:
        try:
            with spy.session.transaction():
                spy.session.execute(statement.encode())
                went.append(statement)
        except psycopg.errors.InsufficientPrivilege:
            pass
        except psycopg.Error as error:
            went.append(f"{statement}: {error.sqlstate}")
    assert went == [f"analyze {S}.script_execution_s"]  # skipped, with a warning
    assert value(admin, f"select count(*) from {S}.script_execution_s") == before
    assert value(admin, f"select count(*) from {S}.tenant_h") == 3


def test_nobody_is_kept_waiting_by_a_reader(spy: Spy, victim: Victim) -> None:
    """Whatever locks a reader can take, others write on."""
    spy("begin", "select * from script_tracking.get_execution_history(30)", "select pg_advisory_lock(6001874101)")
    victim.session.execute("set statement_timeout = '60s'")
    key = value(victim.session, f"select {S}.track_operation('job', 'BATCH')")
    assert value(victim.session, f"select {S}.complete_operation(%s, true)", key) is True
    victim.session.execute("create table theirs.t ()")
    spy("rollback", "select pg_advisory_unlock_all()")
