"""The life of a tenant: register, grant, rename, suspend, resume, revoke, offboard; each of it on record."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session, history, one, refusal, value

TRACK = "select script_tracking.track_operation('job', 'BATCH')"


@pytest.fixture
def acme(admin: Session, make_role: MakeRole, login: Login) -> Session:
    """A member of the tenant acme who declares, reads and may create in schema shop."""
    role = make_role("script_tracking_app", "script_tracking_reader")
    admin.execute("select script_tracking.register_tenant('acme')")
    admin.execute("select script_tracking.grant_tenant('acme', %s)", (role,))
    admin.execute(f"create schema shop authorization {role}".encode())
    return login(role)


def tenant(admin: Session, code: str) -> dict[str, object]:
    return one(admin, "select * from script_tracking.get_tenants() where tenant = %s", code)


def labels(admin: Session) -> set[object]:
    rows = admin.execute("select tenant from script_tracking_internal.collect_operations()").fetchall()
    return {row["tenant"] for row in rows}


def test_a_renamed_tenant_keeps_its_key_and_its_record(admin: Session, acme: Session) -> None:
    key = value(acme, TRACK)
    acme.execute("select script_tracking.complete_operation(%s, true)", (key,))
    before = tenant(admin, "acme")
    counted = "select sum(operations_total) from script_tracking_internal.collect_operations() where tenant = %s"
    total = value(admin, counted, "acme")
    assert value(admin, "select script_tracking.rename_tenant('acme', 'acme-eu', 'contract')") is True
    assert value(admin, "select script_tracking.rename_tenant('acme-eu', 'acme-eu', 'contract')") is False
    after = tenant(admin, "acme-eu")
    assert (after["tenant_hk"], after["former_codes"], after["members"]) == (
        before["tenant_hk"],
        ["acme"],
        [acme.info.user],
    )
    assert (after["state"], after["reason"], after["changed_by"]) == ("active", "contract", admin.info.user)
    assert after["state_since"] == before["registered_at"], "another code is no other state"
    assert [(row["execution_hk"], row["tenant"]) for row in history(acme, "job")] == [(key, "acme-eu")]
    assert (labels(admin), value(admin, counted, "acme-eu")) == ({"system", "acme-eu"}, total)
    acme.execute("set script_tracking.tenant = 'acme'")
    assert refusal(acme, TRACK) == "ST002"
    versions = admin.execute(
        "select tenant_code, load_end_date is null as present, hash_diff = script_tracking_internal.tenant_hash_diff("
        "tenant_hk, tenant_code, tenant_state, reason, changed_by) as hashed from script_tracking.tenant_s"
        " where tenant_code <> 'system' order by load_date"
    ).fetchall()
    assert [tuple(row.values()) for row in versions] == [("acme", False, True), ("acme-eu", True, True)]
    assert value(
        admin,
        "select bool_and(load_end_date = next) from (select load_end_date, lead(load_date) over (order by load_date)"
        " as next from script_tracking.tenant_s where tenant_code like 'acme%%') as v where next is not null",
    )


def test_writers_look_memberships_up_from_the_first_on(admin: Session, make_role: MakeRole, login: Login) -> None:
    role = make_role("script_tracking_app")
    admin.execute(f"create schema shop authorization {role}".encode())
    noted = "select memberships from script_tracking_internal.installation"
    session = login(role)
    session.execute("create table shop.before ()")
    operations = [value(session, TRACK)]
    assert value(admin, noted) is False
    admin.execute("select script_tracking.register_tenant('acme')")
    admin.execute("select script_tracking.grant_tenant('acme', %s)", (role,))
    assert value(admin, noted) is True
    session.execute("create table shop.during ()")
    operations.append(value(session, TRACK))
    admin.execute("select script_tracking.revoke_tenant('acme', %s)", (role,))
    session.execute("create table shop.after ()")
    operations.append(value(session, TRACK))
    assert value(admin, noted) is True, "another membership may be on its way"
    tenants = {row["execution_hk"]: row["tenant"] for row in history(admin)}
    assert [tenants[key] for key in operations] == ["system", "acme", "system"]
    assert [row["tenant"] for row in history(admin, "CREATE TABLE")] == ["system", "acme", "system"]


def test_a_code_is_one_tenants_for_good(admin: Session) -> None:
    admin.execute("select script_tracking.register_tenant('acme'), script_tracking.register_tenant('other', 'k')")
    admin.execute("select script_tracking.rename_tenant('acme', 'new', 'x')")
    for statement in (
        "select script_tracking.register_tenant('acme')",
        "select script_tracking.register_tenant('acme', 'own key')",
        "select script_tracking.register_tenant('third', 'k')",
        "select script_tracking.rename_tenant('other', 'acme', 'x')",
        "select script_tracking.rename_tenant('other', 'new', 'x')",
        "select script_tracking.rename_tenant('other', E'a\\nb', 'x')",
        "select script_tracking.rename_tenant('other', null, 'x')",
        "select script_tracking.rename_tenant('other', 'fine', ' ')",
        "select script_tracking.rename_tenant('system', 'fine', 'x')",
        "select script_tracking.suspend_tenant('system', 'x')",
        "select script_tracking.offboard_tenant('system', 'x')",
    ):
        assert refusal(admin, statement) == "ST003", statement
    for statement in ("rename_tenant('nobody', 'x', 'x')", "suspend_tenant('acme', 'x')", "offboard_tenant('', 'x')"):
        assert refusal(admin, f"select script_tracking.{statement}") == "ST002", statement
    assert value(admin, "select script_tracking.rename_tenant('new', 'acme', 'back')") is True
    assert tenant(admin, "acme")["former_codes"] == ["new"]


def test_a_suspended_tenant_begins_nothing_and_hides_nothing(admin: Session, acme: Session) -> None:
    running = value(acme, TRACK)
    assert value(admin, "select script_tracking.suspend_tenant('acme', 'incident')") is True
    assert value(admin, "select script_tracking.suspend_tenant('acme', 'incident')") is False
    many = """select script_tracking.track_operations('[{"script_name": "job", "script_type": "BATCH"}]')"""
    for session in (acme, admin):
        session.execute("set script_tracking.tenant = 'acme'")
        assert {refusal(session, TRACK), refusal(session, many)} == {"ST006"}
        session.execute("reset script_tracking.tenant")
    assert refusal(acme, TRACK) == "ST006", "its only membership, without any claim"
    assert value(acme, "select script_tracking.complete_operation(%s, true)", running) is True
    acme.execute("create table shop.t ()")
    acme.execute("set script_tracking.tenant = 'acme'; create table shop.u ()")
    acme.execute("reset script_tracking.tenant")
    rows = history(acme, "CREATE TABLE")
    assert [(row["tenant"], row["metadata"]["tenant_state"]) for row in rows] == [("acme", "suspended")] * 2
    assert not any("refused_tenant_claim" in row["metadata"] for row in rows)
    assert value(admin, "select script_tracking.resume_tenant('acme', 'closed')") is True
    assert value(admin, "select script_tracking.resume_tenant('acme', 'closed')") is False
    assert refusal(acme, TRACK) is None
    assert value(admin, "select restricted_tenants from script_tracking_internal.installation") is False


def test_a_suspension_holds_although_another_one_ends_meanwhile(admin: Session, login: Login) -> None:
    """Whether any tenant is suspended is noted once for all of them, so that writers need not ask of theirs."""
    for code in ("acme", "other"):
        admin.execute("select script_tracking.register_tenant(%s)", (code,))
    admin.execute("select script_tracking.suspend_tenant('other', 'incident')")
    resume = "select script_tracking.resume_tenant('other', 'closed')"
    thread = threading.Thread(target=login().execute, args=(resume,))
    waits = "select exists (select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid)))"
    with admin.transaction():
        admin.execute("select script_tracking.suspend_tenant('acme', 'incident')")
        thread.start()
        end = time.monotonic() + 60
        while thread.is_alive() and not value(admin, waits):
            assert time.monotonic() < end
            time.sleep(0.01)
    thread.join()
    states = {row["tenant"]: row["state"] for row in admin.execute("select * from script_tracking.get_tenants()")}
    assert states == {"system": "active", "acme": "suspended", "other": "active"}
    assert value(admin, "select restricted_tenants from script_tracking_internal.installation") is True
    assert refusal(admin, f"set script_tracking.tenant = 'acme'; {TRACK}") == "ST006"


def test_whoever_is_no_member_does_not_learn_that_a_tenant_is_suspended(
    admin: Session, acme: Session, make_role: MakeRole, login: Login
) -> None:
    admin.execute("select script_tracking.suspend_tenant('acme', 'incident')")
    stranger = login(make_role("script_tracking_app"))
    for code in ("acme", "nobody"):
        stranger.execute(f"set script_tracking.tenant = '{code}'".encode())
        with pytest.raises(psycopg.Error) as error:
            stranger.execute(TRACK.encode())
        assert error.value.sqlstate == "ST002"
        assert str(error.value.diag.message_primary).endswith(f"is not a member of a tenant '{code}'")


def test_an_offboarded_tenant_gets_no_new_records_and_keeps_its_own(
    admin: Session, acme: Session, make_role: MakeRole, login: Login
) -> None:
    key = value(acme, TRACK)
    assert value(admin, "select script_tracking.offboard_tenant('acme', 'contract ended')") is True
    assert value(admin, "select script_tracking.offboard_tenant('acme', 'contract ended')") is False
    found = tenant(admin, "acme")
    assert (found["state"], found["members"]) == ("offboarded", [])
    auditor = login(make_role("script_tracking_auditor"))
    (row,) = history(auditor, "job")
    assert (row["execution_hk"], row["tenant"], row["execution_status"]) == (key, "acme", "INTERRUPTED")
    assert row["metadata"]["interrupted_because"] == "tenant_offboarded"
    assert value(acme, "select script_tracking.complete_operation(%s, true)", key) is False
    assert history(acme) == []
    counted = "select count(*) from script_tracking.script_execution_s where tenant_hk = %s"
    before = value(admin, counted, found["tenant_hk"])
    for session in (acme, admin):
        session.execute("set script_tracking.tenant = 'acme'")
        assert refusal(session, TRACK) == ("ST006" if session is admin else "ST002")
        schema = "public" if session is admin else "shop"
        session.execute(f"create table {schema}.t ()".encode())
        session.execute("reset script_tracking.tenant")
    claims = [row["metadata"]["refused_tenant_claim"] for row in history(admin, "CREATE TABLE")]
    assert [claim["reason"] for claim in claims] == ["not_a_member", "offboarded"]
    assert before == value(admin, counted, found["tenant_hk"])
    for call in ("register_tenant('acme')", "suspend_tenant('acme', 'x')", "resume_tenant('acme', 'x')"):
        assert refusal(admin, f"select script_tracking.{call}") == "ST006", call
    assert refusal(admin, f"select script_tracking.grant_tenant('acme', '{acme.info.user}')") == "ST006"


def test_each_step_is_on_record_with_before_and_after(admin: Session, acme: Session) -> None:
    role = acme.info.user
    for call in (
        "register_tenant('acme')",  # again, without effect
        f"grant_tenant('acme', '{role}')",
        f"revoke_tenant('acme', '{role}')",
        f"revoke_tenant('acme', '{role}')",
        "rename_tenant('acme', 'new', 'why 1')",
        "suspend_tenant('new', 'why 2')",
        "resume_tenant('new', 'why 3')",
        "offboard_tenant('new', 'why 4')",
    ):
        admin.execute(f"select script_tracking.{call}".encode())
    rows = [row for row in history(admin) if row["script_type"] == "ADMINISTRATION"]
    assert {(row["tenant"], row["db_session_user"]) for row in rows} == {("system", admin.info.user)}
    told = [
        (row["script_name"], *(row["metadata"].get(name) for name in ("reason", "before", "after"))) for row in rows
    ]
    member = {"tenant": "acme", "role": role}
    named = {"tenant": "acme", "state": "active"}
    active, suspended = {"tenant": "new", "state": "active"}, {"tenant": "new", "state": "suspended"}
    gone = {"tenant": "new", "state": "offboarded", "members_revoked": [], "operations_interrupted": 0}
    assert told[0][:3] == ("register_tenant", None, None)
    assert told[0][3]["tenant"] == "acme"
    assert told[1:] == [
        ("grant_tenant", None, None, member),
        ("revoke_tenant", None, member, None),
        ("rename_tenant", "why 1", named, active),
        ("suspend_tenant", "why 2", active, suspended),
        ("resume_tenant", "why 3", suspended, active),
        ("offboard_tenant", "why 4", active, gone),
    ]


def test_the_applications_own_key_is_the_tenants(admin: Session) -> None:
    assert value(admin, "select script_tracking.register_tenant('acme', '\\x0102')") == b"\x01\x02"
    admin.execute("select script_tracking.rename_tenant('acme', 'other', 'x')")
    assert value(admin, "select script_tracking.register_tenant('other', '\\x0102')") == b"\x01\x02"
    assert tenant(admin, "other")["tenant_hk"] == b"\x01\x02"


@pytest.mark.parametrize("member_of", [(), ("script_tracking_daemon", "script_tracking_app", "script_tracking_reader")])
def test_who_may(make_role: MakeRole, login: Login, member_of: tuple[str, ...]) -> None:
    session = login(make_role(*member_of))
    auditor = login(make_role("script_tracking_auditor"))
    for call in (
        "register_tenant('x')",
        "grant_tenant('system', 'x')",
        "revoke_tenant('system', 'x')",
        "rename_tenant('x', 'y', 'z')",
        "suspend_tenant('x', 'y')",
        "resume_tenant('x', 'y')",
        "offboard_tenant('x', 'y')",
    ):
        assert {refusal(s, f"select script_tracking.{call}") for s in (session, auditor)} == {"42501"}, call
    assert refusal(session, "select * from script_tracking.get_tenants()") == "42501"
    assert value(auditor, "select array_agg(tenant) from script_tracking.get_tenants()") == ["system"]


@pytest.mark.parametrize("role", ["postgres", "script_tracking_owner"])
def test_what_is_said_of_a_tenant_cannot_be_changed_but_for_its_code(admin: Session, role: str) -> None:
    admin.execute("select script_tracking.register_tenant('acme')")
    told = "select array_agg(t::text order by tenant_bk) from script_tracking.tenant_h as t"
    before = value(admin, told)
    if role != "postgres":
        admin.execute(f"set role {role}".encode())
    for setting in ("origin", "replica"):
        if role == "postgres":
            admin.execute(f"set session_replication_role = {setting}".encode())
        for statement in (
            "update {}.tenant_h set tenant_hk = 'x'",
            "update {}.tenant_h set tenant_bk = 'x', load_date = now() where tenant_bk = 'acme'",
            "delete from {}.tenant_h",
            "truncate {}.tenant_h cascade",
            "update {}.tenant_s set tenant_code = 'x'",
            "update {}.tenant_s set reason = 'x'",
            "delete from {}.tenant_s",
            "truncate {}.tenant_s",
        ):
            refused = refusal(admin, statement.format("script_tracking"))
            # whoever pretends to be an apply worker is not stopped, and changes nothing
            ignored = setting == "replica" and role == "postgres" and statement.startswith("update {}.tenant_h")
            assert refused in ("ST001", "0A000") or (ignored and refused is None), statement
    admin.execute("reset role")
    assert value(admin, told) == before
