"""track_operation and complete_operation, tenants, and who sees what."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.rows import DictRow

from tests.fix_sessions import Login, MakeRole, Session, history, value

TRACK = "select script_tracking.track_operation(%s, %s)"
COMPLETE = "select script_tracking.complete_operation(%s, %s)"
REPORTS = (
    "get_enterprise_dashboard()",
    "get_execution_history(30)",
    "get_performance_metrics()",
    "get_recent_errors(24)",
)


def sqlstate(error: pytest.ExceptionInfo[psycopg.Error]) -> str | None:
    return error.value.sqlstate


def versions(session: Session, key: object) -> list[DictRow]:
    return session.execute(
        "select * from script_tracking.script_execution_s where script_execution_hk = %s order by load_date", (key,)
    ).fetchall()


def test_an_operation_has_a_running_and_a_final_version(admin: Session) -> None:
    key = value(admin, "select script_tracking.track_operation('nightly', 'BATCH', metadata => '{\"run\": 7}')")
    complete = "select script_tracking.complete_operation(%s, false, 'out of stock', 'P0001', 3, '{\"step\": 2}')"
    assert value(admin, complete, key) is True
    running, final = versions(admin, key)
    assert (running["execution_status"], final["execution_status"]) == ("RUNNING", "FAILED")
    assert running["load_end_date"] == final["load_date"]
    assert final["load_end_date"] is None
    assert running["execution_timestamp"] == final["execution_timestamp"]
    assert final["version_number"] > running["version_number"]
    assert final["error_message"] == "out of stock"
    metadata = final["metadata"]
    assert (metadata["run"], metadata["step"], metadata["sqlstate"], metadata["affected_rows"]) == (7, 2, "P0001", 3)
    assert metadata["evidence"] == "client"
    assert final["execution_duration_ms"] == metadata["duration_us"] // 1000


def test_a_second_and_an_unknown_completion_change_nothing(admin: Session) -> None:
    key = value(admin, TRACK, "job", "BATCH")
    assert value(admin, COMPLETE, key, True) is True
    assert value(admin, COMPLETE, key, False) is False
    assert value(admin, COMPLETE, b"\0" * 32, True) is False
    assert [row["execution_status"] for row in versions(admin, key)] == ["RUNNING", "COMPLETED"]


@pytest.mark.parametrize(
    "call",
    [
        "track_operation('', 'BATCH')",
        "track_operation('x', null)",
        "track_operation('x', repeat('t', 64))",
        "track_operation('x', 'BATCH', metadata => '[]')",
        "complete_operation('x', null)",
        "complete_operation('x', true, error_sqlstate => 'oops')",
        "register_tenant('')",
        "grant_tenant('system', 'no such role')",
        "cleanup_old_data(-1)",
    ],
)
def test_a_bad_argument_is_ST003(admin: Session, call: str) -> None:
    with pytest.raises(psycopg.Error) as error:
        admin.execute(f"select script_tracking.{call}".encode())
    assert sqlstate(error) == "ST003"


def test_secrets_of_a_declared_operation_are_withheld(admin: Session) -> None:
    key = value(
        admin,
        "select script_tracking.track_operation('x', 'BATCH', metadata => '{\"password\": \"hunter2\"}',"
        " sql_command => 'alter role r password ''hunter2''')",
    )
    admin.execute(
        "select script_tracking.complete_operation(%s, false, 'password hunter2',"
        ' metadata => \'{"token": "hunter2"}\')',
        (key,),
    )
    assert "hunter2" not in str(versions(admin, key))


def test_a_tenant_sees_and_ends_its_own_only(admin: Session, make_role: MakeRole, login: Login) -> None:
    sessions = {}
    for tenant in ("acme", "globex"):
        role = make_role("script_tracking_app", "script_tracking_reader")
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
        admin.execute("select script_tracking.grant_tenant(%s, %s)", (tenant, role))
        sessions[tenant] = login(role)
    acme, globex = sessions["acme"], sessions["globex"]
    key = value(acme, TRACK, "acme-job", "BATCH")
    assert value(globex, COMPLETE, key, True) is False, "a foreigner ended it"
    acme.execute("select script_tracking.complete_operation(%s, false, 'boom', 'P0001')", (key,))
    for report in REPORTS:
        theirs = globex.execute(f"select * from script_tracking.{report}".encode()).fetchall()
        assert "acme" not in str(theirs), report
        assert "acme" in str(acme.execute(f"select * from script_tracking.{report}".encode()).fetchall()), report
    globex.execute("set script_tracking.tenant = 'acme'")
    assert value(globex, "select count(*) from script_tracking.get_execution_history(30)") == 0
    globex.execute("reset script_tracking.tenant")
    for claim in ("acme", "no such tenant"):
        with pytest.raises(psycopg.Error) as error:
            globex.execute("select script_tracking.track_operation('x', 'BATCH', %s)", (claim,))
        assert sqlstate(error) == "ST002"
        assert "is not a member of a tenant" in str(error.value)


def test_readers_and_applications_reach_no_internals(admin: Session, make_role: MakeRole, login: Login) -> None:
    session = login(make_role("script_tracking_app", "script_tracking_reader"))
    for statement in (
        "select from script_tracking.tenant_h",
        "select from script_tracking.script_execution_h",
        "select from script_tracking.script_execution_s",
        "select from script_tracking.script_execution_pit",
        "select * from script_tracking_internal.tenant_membership",
        "select * from script_tracking_internal.script_execution_s_first",
        "select script_tracking_internal.roll_up()",
        "insert into script_tracking.tenant_h values ('x', 'x', now(), 'x')",
        "update script_tracking.script_execution_s set load_end_date = now()",
        "select script_tracking.register_tenant('mine')",
        "select script_tracking.cleanup_old_data(0)",
        "set role script_tracking_owner",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement.encode())


def test_several_memberships_need_a_claim_and_ddl_never_does(admin: Session, make_role: MakeRole, login: Login) -> None:
    role = make_role("script_tracking_app", "script_tracking_reader")
    admin.execute(f"create schema shop authorization {role}".encode())
    for tenant in ("acme", "globex"):
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
        admin.execute("select script_tracking.grant_tenant(%s, %s)", (tenant, role))
    session = login(role)
    with pytest.raises(psycopg.Error) as error:
        session.execute(TRACK, ("x", "BATCH"))
    assert sqlstate(error) == "ST002"
    session.execute("create table shop.a ()")
    session.execute("set script_tracking.tenant = 'globex'")
    session.execute(TRACK, ("x", "BATCH"))
    session.execute("create table shop.b ()")
    assert [row["tenant"] for row in history(admin) if row["db_session_user"] == role] == ["system", "globex", "globex"]
    admin.execute("select script_tracking.revoke_tenant('globex', %s)", (role,))
    with pytest.raises(psycopg.Error):
        session.execute(TRACK, ("x", "BATCH"))


def test_an_auditor_sees_every_tenant_and_writes_nothing(admin: Session, make_role: MakeRole, login: Login) -> None:
    admin.execute("select script_tracking.register_tenant('acme')")
    admin.execute("select script_tracking.track_operation('x', 'BATCH', 'acme')")
    auditor = login(make_role("script_tracking_auditor"))
    assert {row["tenant"] for row in history(auditor, "x")} == {"acme"}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        auditor.execute(TRACK, ("x", "BATCH"))


def test_register_tenant_is_idempotent_and_takes_the_hosts_key(admin: Session) -> None:
    key = b"k" * 32
    assert value(admin, "select script_tracking.register_tenant('acme', %s)", key) == key
    assert value(admin, "select script_tracking.register_tenant('acme')") == key
    with pytest.raises(psycopg.Error) as error:
        admin.execute("select script_tracking.register_tenant('other', %s)", (key,))
    assert sqlstate(error) == "ST003"


CHANGES = (
    "update script_tracking.script_execution_s set script_name = 'x'",
    "update script_tracking.script_execution_s set load_end_date = null",
    "update script_tracking.script_execution_s set load_end_date = now(), error_message = 'x'",
    "update script_tracking.script_execution_h set record_source = 'x'",
    "delete from script_tracking.script_execution_s",
    "delete from script_tracking_internal.script_execution_h_first",
    "truncate script_tracking.script_execution_s",
    "truncate script_tracking_internal.script_execution_s_first",
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("who", ["owner", "superuser", "replica"])
def test_nobody_changes_the_record(admin: Session, change: str, who: str) -> None:
    admin.execute(TRACK, ("x", "BATCH"))
    admin.execute(
        {"owner": "set role script_tracking_owner", "replica": "set session_replication_role = replica"}.get(
            who, "select 1"
        ).encode()
    )
    with pytest.raises(psycopg.Error) as error:
        admin.execute(change.encode())
    assert sqlstate(error) == "ST001"
