"""Fail-closed policies: DDL whose record cannot be written does not go through, where a superuser says so."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session, meddling, value
from tests.sql.deciding import INTERNAL, counted, rules

BREAK = meddling("alter table script_tracking.script_execution_s rename to elsewhere")


def refused(session: Session, statement: str) -> psycopg.Error | None:
    """The error of a statement, None where it goes through."""
    try:
        session.execute(statement.encode())
    except psycopg.Error as error:
        return error
    return None


def test_fail_closed_refuses_ddl_whose_record_cannot_be_written(admin: Session) -> None:
    with admin.transaction():
        admin.execute(f"{BREAK}; alter table script_tracking.elsewhere rename to script_execution_s".encode())
    warnings: list[tuple[str | None, ...]] = []
    admin.add_notice_handler(lambda told: warnings.append((told.severity, told.sqlstate, told.message_hint)))
    admin.execute("select script_tracking.set_capture_policy(null, 'CREATE TABLE', true)")
    assert [told[:2] for told in warnings] == [("WARNING", "ST005")]
    assert "set_capture_policy(NULL, 'CREATE TABLE', false)" in str(warnings[0][2])
    assert refused(admin, "create table public.fine ()") is None
    admin.execute(BREAK.encode())
    lost = counted(admin)
    error = refused(admin, "create table public.t ()")
    assert error is not None
    assert error.sqlstate == "ST005"
    assert "CREATE TABLE refused" in str(error.diag.message_primary)
    assert "fail-closed for CREATE TABLE of every tenant" in str(error.diag.message_primary)
    assert "42P01" in str(error.diag.message_detail)
    assert value(admin, "select to_regclass('public.t') is null") is True
    assert (counted(admin), rules(admin)["refused_ddl_total"]) == (lost, 1)
    assert refused(admin, "comment on table public.fine is 'other commands go through'") is None
    assert counted(admin) == lost + 1
    # and how to get out
    admin.execute(meddling("alter table script_tracking.elsewhere rename to script_execution_s").encode())
    admin.execute("select script_tracking.set_capture_policy(null, 'CREATE TABLE', false)")
    admin.execute(BREAK.encode())
    assert refused(admin, "create table public.t ()") is None


def test_only_the_installer_passes_a_policy_that_fails_closed(admin: Session, etl: Session) -> None:
    admin.execute("select script_tracking.set_capture_policy(null, 'CREATE TABLE', true)")
    admin.execute(BREAK.encode())
    for session, schema, passes in ((etl, "shop", False), (admin, "public", True)):
        session.execute("set script_tracking_internal.installing = 'on'")
        error = refused(session, f"create table {schema}.t ()")
        assert (None if error is None else error.sqlstate) == (None if passes else "ST005")


def test_fail_closed_holds_for_drops(admin: Session) -> None:
    admin.execute("create table public.t (); select script_tracking.set_capture_policy(null, 'DROP TABLE', true)")
    admin.execute(meddling(f"drop function {INTERNAL}.state_mac cascade").encode())
    error = refused(admin, "drop table public.t")
    assert error is not None
    assert (error.sqlstate, value(admin, "select to_regclass('public.t') is not null")) == ("ST005", True)
    assert rules(admin)["refused_ddl_total"] == 1


def test_the_most_precise_policy_decides(admin: Session, make_role: MakeRole, login: Login) -> None:
    acme, other = make_role(), make_role()
    for tenant, role in (("acme", acme), ("other", other)):
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
        admin.execute("select script_tracking.grant_tenant(%s, %s)", (tenant, role))
        admin.execute(f"create schema {tenant} authorization {role}".encode())
    sessions = {tenant: login(role) for tenant, role in (("acme", acme), ("other", other))}
    policies = (("acme", None, True), ("acme", "COMMENT", False), (None, "CREATE VIEW", True))
    for policy in policies:
        admin.execute("select script_tracking.set_capture_policy(%s, %s, %s)", policy)
    assert rules(admin)["fail_closed_policies"] == 2
    assert [(row["tenant"], row["tag"], row["fail_closed"]) for row in listed(admin)] == [
        (None, "CREATE VIEW", True),
        ("acme", None, True),
        ("acme", "COMMENT", False),
    ]
    for session in sessions.values():
        session.execute("select 1")
    admin.execute(BREAK.encode())
    outcome = {
        (tenant, statement.split()[1]): refused(session, statement.format(tenant)) is not None
        for tenant, session in sessions.items()
        for statement in ("create table {}.t ()", "create view {}.v as select 1 as one")
    }
    comment = {tenant: refused(session, f"comment on schema {tenant} is 'x'") for tenant, session in sessions.items()}
    assert outcome == {
        ("acme", "table"): True,
        ("acme", "view"): True,
        ("other", "table"): False,
        ("other", "view"): True,
    }
    assert comment == {"acme": None, "other": None}


def listed(session: Session) -> list[dict[str, object]]:
    return session.execute("select * from script_tracking.get_capture_policies()").fetchall()


@pytest.mark.parametrize(
    "breakage",
    [
        f"alter table {INTERNAL}.capture_policy rename to elsewhere_too",
        f"revoke all on {INTERNAL}.capture_policy from script_tracking_owner",
    ],
)
def test_policies_that_cannot_be_read_fail_open_and_are_counted(admin: Session, breakage: str) -> None:
    admin.execute("select script_tracking.set_capture_policy(null, null, true)")
    admin.execute(meddling(breakage).encode())
    before = counted(admin)
    admin.execute(BREAK.encode())
    assert refused(admin, "create table public.t ()") is None
    unread = value(admin, f"select last_value from {INTERNAL}.unreadable_policy_seq")
    assert (counted(admin) - before, unread) == (2, 2)


def test_a_tenant_that_cannot_be_told_fails_open_only_where_it_matters(admin: Session) -> None:
    admin.execute("select script_tracking.register_tenant('acme')")
    admin.execute("select script_tracking.set_capture_policy('acme', 'CREATE TABLE', true)")
    admin.execute("select script_tracking.set_capture_policy(null, 'CREATE VIEW', true)")
    admin.execute(meddling(f"drop function {INTERNAL}.session_identity cascade").encode())
    assert refused(admin, "create table public.t ()") is None
    assert value(admin, f"select last_value from {INTERNAL}.unreadable_policy_seq") == 1
    assert refused(admin, "create view public.v as select 1 as one") is not None
