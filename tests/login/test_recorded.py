"""What is kept of an attempt, who may read it, whose it is, and what becomes of it when the caller rolls back."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from tests.fix_sessions import HOSTILE, Login, MakeRole, Session, opened, value
from tests.login.steps import ACME, GLOBEX, LOGIN, REFUSED, REGISTER, Shop, everything

YES = "begin return jsonb_build_object('success', true); end"
PRIVATE = ("login_key", "login_user_h", "login_user_s", "login_attempt", "login_function")


@pytest.fixture
def open_shop(shop: Shop) -> Shop:
    """One whose function lets everybody in."""
    shop.host(YES)
    return shop


def test_an_email_is_its_hmac_after_trimming_and_small_letters(open_shop: Shop) -> None:
    row = open_shop.admin.execute("select * from script_tracking_internal.login_key").fetchone()
    assert row is not None
    key = bytes(byte ^ 0x36 for byte in row["inner_key"])
    assert key == bytes(byte ^ 0x5C for byte in row["outer_key"])
    assert len(set(key[:32])) > 10
    assert key[32:] == bytes(32)
    expected = hmac.new(key[:32], b"joe@example.org", hashlib.sha256).hexdigest()
    for email in ("joe@example.org", " Joe@EXAMPLE.org\t", "\njoe@example.org "):
        open_shop.log_in(email, "x")
    open_shop.log_in("joe@example.com", "x")
    open_shop.log_in("  ", "x")
    found = [row["metadata"].get("email_hmac") for row in open_shop.attempts()]
    assert found[:3] == [expected] * 3
    assert found[3] not in (expected, None)
    assert found[4] is None
    stored = everything(open_shop.admin)
    assert "joe@" not in stored.lower()
    assert hashlib.sha256(b"joe@example.org").hexdigest() not in stored


def test_the_key_differs_between_databases_and_outlives_opting_in_again(open_shop: Shop) -> None:
    before = value(open_shop.admin, "select inner_key from script_tracking_internal.login_key")
    open_shop.admin.execute("select script_tracking_internal.make_login_key()")
    assert value(open_shop.admin, "select inner_key from script_tracking_internal.login_key") == before


@pytest.mark.parametrize("table", PRIVATE)
def test_neither_key_nor_users_are_read_by_whoever_reads_all_data(
    open_shop: Shop, make_role: MakeRole, login: Login, table: str
) -> None:
    open_shop.log_in("joe@example.org", "x")
    reader = login(make_role("pg_read_all_data"))
    assert reader.execute(f"select from script_tracking_internal.{table}".encode()).fetchall() == []
    for role in ("app", "reader", "auditor", "daemon"):
        session = login(make_role(f"script_tracking_{role}"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"select from script_tracking_internal.{table}".encode())


def test_the_steps_cannot_be_called_but_by_the_wrappers(open_shop: Shop) -> None:
    for call in (
        "script_tracking_internal.begin_login('a', 'b', null)",
        "script_tracking_internal.begin_registration('{}')",
        "script_tracking_internal.end_login('{}', null)",
        "script_tracking_internal.call_login_function('{}', null, null, null, null)",
        "script_tracking_internal.email_hmac('a')",
        "script_tracking_internal.check_password('{}', 'x')",
        "script_tracking_internal.make_login_key()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            open_shop.app.execute(f"select {call}".encode())


@pytest.mark.parametrize("role", [None, "script_tracking_reader", "script_tracking_auditor", "script_tracking_daemon"])
def test_only_applications_may_call_the_wrappers(
    open_shop: Shop, make_role: MakeRole, login: Login, role: str | None
) -> None:
    session = login(make_role(*([role] if role else [])))
    for call in ("auth.login_user_tracking('a', 'b', null)", "auth.register_user_tracking('{}')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"select {call}".encode())


def test_a_tenant_that_is_unknown_and_one_of_others_get_the_answer_of_a_wrong_password(open_shop: Shop) -> None:
    """The host's function is not asked; the attempt goes to the role's own tenant, with the key that was claimed.

    A foreign key and one that is nobody's look the same in the record, too, which the role's tenant reads.
    """
    assert open_shop.log_in("joe@example.org", "x", GLOBEX) == REFUSED
    assert open_shop.log_in("joe@example.org", "x", "nobody") == REFUSED
    assert open_shop.log_in("joe@example.org", "x", None) == REFUSED
    rows = open_shop.attempts()
    assert [row["tenant"] for row in rows] == [ACME] * 3
    claims = [row["metadata"]["refused_tenant_claim"] for row in rows]
    keys = [hashlib.sha256(code.encode()).hexdigest() for code in (GLOBEX, "nobody")]
    assert claims == [*({"claim": key, "reason": "not_a_member"} for key in keys), {"reason": "not_a_member"}]
    assert GLOBEX not in str(rows)
    same = [{**row["metadata"], "refused_tenant_claim": None, "duration_us": 0} for row in rows]
    assert {name for name in same[0] if same[0][name] != same[1].get(name)} <= {"tracking_us", "claimed_at"}
    assert [row["error_message"] for row in rows] == [rows[0]["error_message"]] * 3
    assert open_shop.log_in("joe@example.org", "x") == {"success": True}


def test_a_registrations_tenant_is_the_one_named_or_the_sessions(open_shop: Shop) -> None:
    open_shop.admin.execute(
        "create function app.register(jsonb) returns boolean language plpgsql as 'begin return true; end'"
    )
    open_shop.configure("app.login", "app.register")
    acme, globex = (value(open_shop.admin, "select encode(sha256(%s::bytea), 'hex')", code) for code in (ACME, GLOBEX))
    assert open_shop.register(email="a@b", password="x", tenant_hk=acme) == {"success": True}
    assert open_shop.register(email="a@b", password="x") == {"success": True}
    for refused in (globex, "zz", "", None, 5):
        assert open_shop.register(email="a@b", password="x", tenant_hk=refused) == REFUSED
        assert open_shop.last()["metadata"]["refused_tenant_claim"] == {
            **({"claim": globex} if refused == globex else {}),
            "reason": "not_a_member",
        }
    open_shop.app.execute("set script_tracking.tenant = 'globex'")
    assert open_shop.register(email="a@b", password="x") == REFUSED
    open_shop.admin.execute("select script_tracking.grant_tenant('globex', %s)", (open_shop.role,))
    assert open_shop.register(email="a@b", password="x") == {"success": True}
    assert open_shop.last()["tenant"] == GLOBEX
    open_shop.app.execute("reset script_tracking.tenant")
    assert open_shop.register(email="a@b", password="x") == REFUSED, "two tenants, and none is named"


def test_a_refused_login_does_not_raise_so_its_record_is_committed(open_shop: Shop) -> None:
    open_shop.host("begin return null; end")
    with open_shop.app.transaction():
        assert open_shop.log_in("joe@example.org", "x") == {"success": False}
    assert len(open_shop.attempts()) == 1


def test_a_rollback_takes_the_record_and_leaves_the_count_of_calls(open_shop: Shop) -> None:
    calls = "select last_value from script_tracking_internal.login_call_seq"
    open_shop.log_in("joe@example.org", "x")
    before = value(open_shop.admin, calls)
    assert isinstance(before, int)
    with open_shop.app.transaction(force_rollback=True):
        open_shop.log_in("joe@example.org", "x")
    assert len(open_shop.attempts()) == 1
    assert value(open_shop.admin, calls) == before + 1


def test_the_address_that_is_claimed_is_recorded_as_claimed(open_shop: Shop) -> None:
    for claimed, recorded in (("203.0.113.7", "203.0.113.7"), ("2001:db8::1", "2001:db8::1"), ("password=x", None)):
        open_shop.app.execute("select set_config('script_tracking.client_address', %s, false)", (claimed,))
        open_shop.log_in("joe@example.org", "x")
        row = open_shop.last()
        assert row["metadata"].get("claimed_client_address") == recorded
        assert str(row["client_ip"]).startswith("127.0.0.1")


def test_nothing_that_a_session_sets_changes_the_record(open_shop: Shop) -> None:
    open_shop.log_in("joe@example.org", "x")
    plain = open_shop.last()
    open_shop.admin.execute("create schema evil")
    for setting in HOSTILE:
        if "session_replication_role" not in setting:  # a superuser's
            open_shop.app.execute(setting.encode())
    assert open_shop.log_in("joe@example.org", "x") == {"success": True}
    hostile = open_shop.last()
    changing = {"duration_us", "pid"}
    assert {k: v for k, v in hostile["metadata"].items() if k not in changing} == {
        k: v for k, v in plain["metadata"].items() if k not in changing
    }


def test_a_serializable_transaction_works(open_shop: Shop) -> None:
    with open_shop.app.transaction():
        open_shop.app.execute("set transaction isolation level serializable")
        assert open_shop.log_in("joe@example.org", "x") == {"success": True}
    assert len(open_shop.attempts()) == 1


def test_a_superuser_and_a_role_without_tenants_may_as_in_track_operation(
    open_shop: Shop, make_role: MakeRole, login: Login
) -> None:
    assert value(open_shop.admin, LOGIN, "joe@example.org", "x", GLOBEX) == {"success": True}
    assert open_shop.last()["tenant"] == GLOBEX
    stranger = login(make_role("script_tracking_app"))
    assert value(stranger, LOGIN, "joe@example.org", "x", "system") == REFUSED
    assert open_shop.last()["tenant"] == "system"
    assert value(stranger, REGISTER, Jsonb({"email": "a"})) == {"success": False, "error": "unavailable"}


def test_attempts_that_no_longer_count_go_by_themselves(open_shop: Shop) -> None:
    for _ in range(3):
        open_shop.log_in("joe@example.org", "x")
    open_shop.admin.execute(
        "update script_tracking_internal.login_attempt set attempted_at = attempted_at - interval '1 day'"
    )
    open_shop.log_in("joe@example.org", "x")
    assert value(open_shop.admin, "select count(*) from script_tracking_internal.login_attempt") == 1
    assert len(open_shop.attempts()) == 4, "the record keeps them"


def test_an_attempt_reads_none_of_those_before_it_that_count(open_shop: Shop) -> None:
    """However many somebody who guesses has made within the window."""
    read = (
        "select coalesce(sum(seq_tup_read), 0)::integer + coalesce(sum(idx_tup_fetch), 0)::integer"
        " from pg_stat_xact_all_tables where relname = 'login_attempt'"
    )
    open_shop.admin.execute(
        "insert into script_tracking_internal.login_attempt (tenant_hk, script_type, outcome, email_hmac)"
        " select sha256('acme'), 'LOGIN', 'refused', sha256(n::text::bytea) from generate_series(1, 3000) as n"
    )
    open_shop.admin.execute("analyze script_tracking_internal.login_attempt")
    with open_shop.app.transaction():
        before = value(open_shop.app, read)
        open_shop.log_in("joe@example.org", "x")
        after = value(open_shop.app, read)
    assert isinstance(before, int) and isinstance(after, int)
    assert after - before < 100


def test_an_old_encoding_and_its_bytes_are_no_error(admin: Session, installed_database: str, open_shop: Shop) -> None:
    dsn = make_conninfo(installed_database, user=open_shop.role, client_encoding="LATIN1")
    assert urlsplit(installed_database).path
    with opened(dsn) as session:
        assert value(session, LOGIN, "jos\u00e9@example.org", "x", ACME) == {"success": True}
    first = open_shop.last()["metadata"]["email_hmac"]
    open_shop.log_in("jos\u00e9@example.org", "x")
    assert open_shop.last()["metadata"]["email_hmac"] == first
