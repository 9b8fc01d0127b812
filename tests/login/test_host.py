"""The wrappers around the host's own functions: called with the caller's rights, and what they say is not on record."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.fix_sessions import Login, MakeRole, value
from tests.login.steps import ACME, LOGIN, REFUSED, REGISTER, UNAVAILABLE, Shop, everything
from tests.postgres_server import LocalServer, Server

SECRET = "xq'zw$jk\\vvk\"q%s"  # nobody else writes that


def test_the_hosts_function_gets_the_arguments_and_its_answer_goes_to_the_caller(shop: Shop) -> None:
    shop.admin.execute("create table app.seen (email text, password text, tenant bytea)")
    shop.admin.execute(f"grant insert on app.seen to {shop.role}".encode())
    shop.host(
        "begin insert into app.seen values (p_email, p_password, p_tenant);"
        " return jsonb_build_object('success', p_password = 'right', 'session', 'abc'); end"
    )
    assert shop.log_in(" Joe@Example.org", "right") == {"success": True, "session": "abc"}
    assert shop.log_in("joe@example.org", SECRET) == {"success": False, "session": "abc"}
    rows = shop.admin.execute("select *, encode(tenant, 'hex') as hk from app.seen").fetchall()
    assert [(row["email"], row["password"]) for row in rows] == [
        (" Joe@Example.org", "right"),
        ("joe@example.org", SECRET),
    ]
    assert {row["hk"] for row in rows} == {value(shop.admin, "select encode(sha256('acme'), 'hex')")}
    first, second = shop.attempts()
    assert (first["script_name"], first["script_type"], first["execution_status"]) == ("login", "LOGIN", "COMPLETED")
    assert (second["execution_status"], second["metadata"]["sqlstate"]) == ("FAILED", "28P01")
    for row in (first, second):
        assert row["tenant"] == ACME
        assert row["db_session_user"] == shop.role
        assert str(row["client_ip"]) == "127.0.0.1/32" or str(row["client_ip"]) == "127.0.0.1"
        assert row["sql_command"] is None
        assert row["metadata"]["duration_us"] > 0
    assert first["metadata"]["outcome"] == "succeeded"
    assert second["metadata"]["outcome"] == "refused"
    assert first["metadata"]["email_hmac"] == second["metadata"]["email_hmac"]


@pytest.mark.parametrize(
    ("body", "returns", "answer", "outcome"),
    [
        ("begin return true; end", "boolean", {"success": True}, "succeeded"),
        ("begin return false; end", "boolean", {"success": False}, "refused"),
        ("begin return null; end", "boolean", {"success": False}, "refused"),
        ("begin return null; end", "jsonb", {"success": False}, "refused"),
        ("begin return '{\"success\": true}'; end", "jsonb", {"success": True}, "succeeded"),
        ("begin return 'true'; end", "jsonb", {"success": True}, "succeeded"),
        ('begin return \'{"success": "true"}\'; end', "jsonb", {"success": False}, "refused"),
        ("begin return '{\"ok\": true}'; end", "jsonb", {"ok": True, "success": False}, "refused"),
        ("begin return '[true]'; end", "jsonb", {"success": False}, "refused"),
        ("begin return '\"true\"'; end", "jsonb", {"success": False}, "refused"),
    ],
)
def test_only_true_is_a_success(shop: Shop, body: str, returns: str, answer: object, outcome: str) -> None:
    shop.host(body, returns=returns)
    assert shop.log_in("joe@example.org", "x") == answer
    assert shop.last()["metadata"]["outcome"] == outcome


def test_it_runs_as_the_caller_with_the_callers_settings(shop: Shop) -> None:
    shop.host(
        "begin return jsonb_build_object('success', true, 'user', current_user, 'path', current_setting('search_path'),"
        " 'setting', current_setting('timezone')); end"
    )
    shop.app.execute("set search_path = app, public; set timezone = 'Pacific/Chatham'")
    answer = shop.log_in("joe@example.org", "x")
    assert answer == {"success": True, "user": shop.role, "path": "app, public", "setting": "Pacific/Chatham"}


@pytest.mark.parametrize(
    "attempt",
    [
        "delete from script_tracking.script_execution_s",
        "perform * from script_tracking_internal.login_key",
        "perform script_tracking_internal.end_login('{}', '{}')",
        "update script_tracking_internal.setting set value = '0'",
        "set role script_tracking_owner",
        "set session authorization postgres",
        "alter role current_user superuser",
        "create table script_tracking_internal.mine ()",
        "perform script_tracking.configure_login(null, null, 'mine')",
        "perform pg_read_file('postgresql.conf')",
    ],
)
def test_it_may_do_nothing_that_its_caller_may_not(shop: Shop, attempt: str) -> None:
    shop.host(f"begin {attempt}; return true; end", returns="boolean")
    assert shop.log_in("joe@example.org", "x") == UNAVAILABLE
    assert shop.last()["metadata"]["sqlstate"] in ("42501", "ST001")
    assert shop.last()["execution_status"] == "FAILED"


def test_who_may_not_call_it_may_not_by_way_of_the_wrapper(shop: Shop, make_role: MakeRole, login: Login) -> None:
    shop.host("begin return true; end", returns="boolean", header="security definer")
    shop.admin.execute("revoke all on function app.login(varchar, varchar, bytea) from public")
    other = make_role("script_tracking_app")
    shop.admin.execute("select script_tracking.grant_tenant('acme', %s)", (other,))
    shop.admin.execute(f"grant usage on schema app to {other}".encode())
    assert value(login(other), LOGIN, "joe@example.org", "x", ACME) == UNAVAILABLE
    assert shop.last()["metadata"]["sqlstate"] == "42501"
    assert shop.log_in("joe@example.org", "x") == {"success": True}


@pytest.mark.parametrize("returns", ["jsonb", "boolean"])
def test_what_it_raises_is_an_answer_and_a_record_without_its_text(
    shop: Shop, postgres: Server, returns: str, tmp_path: Path
) -> None:
    shop.host(
        "begin raise exception 'no % for %', p_password, p_email using detail = p_password, hint = p_password,"
        " errcode = 'XX123'; end",
        returns=returns,
    )
    before = len(postgres.log()) if isinstance(postgres, LocalServer) else 0
    assert shop.log_in("joe@example.org", SECRET) == UNAVAILABLE
    row = shop.last()
    assert (row["execution_status"], row["metadata"]["sqlstate"], row["metadata"]["outcome"]) == (
        "FAILED",
        "XX123",
        "failed",
    )
    assert "XX123" in row["error_message"]
    stored = everything(shop.admin)
    for part in (SECRET, SECRET[:8], "joe@example"):
        assert part not in stored
    if isinstance(postgres, LocalServer):
        assert SECRET[:8] not in postgres.log()[before:]


def test_a_host_that_refuses_by_its_error_has_refused(shop: Shop) -> None:
    shop.host("begin raise invalid_password using message = p_password; end")
    assert shop.log_in("joe@example.org", SECRET) == REFUSED
    assert (shop.last()["metadata"]["outcome"], shop.last()["metadata"]["sqlstate"]) == ("refused", "28P01")


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("raise serialization_failure using message = p_password", "40001"),
        ("raise deadlock_detected using message = p_password", "40P01"),
        ("raise query_canceled using message = p_password", "57014"),
    ],
)
def test_what_ends_the_transaction_is_raised_with_a_text_of_ours(shop: Shop, statement: str, sqlstate: str) -> None:
    shop.host(f"begin {statement}; end")
    with pytest.raises(psycopg.Error) as error:
        shop.log_in("joe@example.org", SECRET)
    assert error.value.sqlstate == sqlstate
    told = "\n".join(filter(None, (str(error.value), error.value.diag.message_detail, error.value.diag.context)))
    assert SECRET[:8] not in told
    assert "joe@" not in told


def test_a_failed_assertion_is_an_answer(shop: Shop) -> None:
    shop.host("begin assert false, p_password; return null; end")
    assert shop.log_in("joe@example.org", SECRET) == UNAVAILABLE
    assert shop.last()["metadata"]["sqlstate"] == "P0004"
    assert SECRET[:8] not in everything(shop.admin)


def test_a_timeout_of_the_caller_holds(shop: Shop) -> None:
    shop.host("begin perform pg_sleep(60); return null; end")
    shop.app.execute("set statement_timeout = '200ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        shop.log_in("joe@example.org", SECRET)


def test_what_a_failing_host_wrote_is_undone_and_a_refusing_one_keeps_it(shop: Shop) -> None:
    shop.admin.execute(f"create table app.trace (n int); grant all on app.trace to {shop.role}".encode())
    shop.host("begin insert into app.trace values (1); raise exception 'x'; end")
    shop.log_in("joe@example.org", "x")
    shop.host("begin insert into app.trace values (2); return null; end")
    shop.log_in("joe@example.org", "x")
    assert value(shop.admin, "select array_agg(n) from app.trace") == [2]


def test_a_registration_gets_the_whole_object_and_none_of_it_is_on_record(shop: Shop) -> None:
    shop.admin.execute(
        f"create table app.users (data jsonb); grant insert on app.users to {shop.role};"
        " create function app.register(jsonb) returns jsonb language sql as "
        "$$ insert into app.users values ($1) returning jsonb_build_object('success', true, 'id', 7) $$".encode()
    )
    shop.configure(None, "app.register")
    data = {"email": "Joe@Example.org", "password": SECRET, "name": "Joe Unmistakable"}
    assert shop.register(**data) == {"success": True, "id": 7}
    assert value(shop.admin, "select data from app.users") == data
    row = shop.last()
    assert (row["script_name"], row["script_type"], row["tenant"]) == ("register", "REGISTRATION", ACME)
    shop.admin.execute("drop table app.users cascade")
    stored = everything(shop.admin)
    assert all(part not in stored for part in (SECRET[:8], "Unmistakable", "xample.org"))
    assert shop.log_in("joe@example.org", "x") == UNAVAILABLE, "no function is configured for it"


@pytest.mark.parametrize("data", ["null", "[]", '"text"', "1", None])
def test_user_data_that_is_no_object_is_refused_without_a_call(shop: Shop, data: str | None) -> None:
    shop.admin.execute("create function app.register(jsonb) returns boolean language sql return true")
    shop.configure(None, "app.register")
    answer = value(shop.app, "select auth.register_user_tracking(%s::jsonb)", data)
    assert isinstance(answer, dict)
    assert (answer["success"], answer["error"]) == (False, "invalid_data")


def test_a_callers_own_functions_and_types_change_no_step(shop: Shop) -> None:
    shop.host("begin return p_password = 'right'; end", returns="boolean", header="set search_path = pg_catalog")
    shop.admin.execute(f"create schema evil authorization {shop.role}".encode())
    shop.app.execute(
        "create type evil.text as (a int); create domain evil.jsonb as pg_catalog.int4;"
        "create function evil.format(pg_catalog.text) returns pg_catalog.text language sql as $$ select 'evil' $$;"
        "create function evil.eq(pg_catalog.text, pg_catalog.text) returns boolean language sql as 'select true';"
        "create operator evil.= (leftarg = pg_catalog.text, rightarg = pg_catalog.text, function = evil.eq);"
        "create operator evil.~ (leftarg = pg_catalog.text, rightarg = pg_catalog.text, function = evil.eq);"
        "create temp table login_function (script_type pg_catalog.text);"
        "set search_path = evil, pg_temp, pg_catalog"
    )
    assert shop.log_in("joe@example.org", "wrong")["success"] is False
    assert shop.last()["metadata"]["outcome"] == "refused"


def test_concurrent_attempts_do_not_wait_for_each_other(shop: Shop, login: Login) -> None:
    shop.host("begin return p_password = 'right'; end", returns="boolean")
    other = login(shop.role)
    with shop.app.transaction():
        shop.log_in("joe@example.org", "wrong")
        done = threading.Event()

        def attempt() -> None:
            value(other, LOGIN, "joe@example.org", "right", ACME)
            done.set()

        thread = threading.Thread(target=attempt)
        thread.start()
        assert done.wait(120), "an open transaction holds nobody up"
    thread.join()


def test_hostile_values_are_refused_and_recorded(shop: Shop) -> None:
    shop.host("begin return p_password = 'right'; end", returns="boolean")
    for email in ("'; drop table x; --", "%s", "a" * 300_000, "\n", "", None, "é@example.org", "\\x00", "{}"):
        assert shop.log_in(email, SECRET)["success"] is False
        assert shop.last()["metadata"]["outcome"] == "refused"
    assert shop.log_in("joe@example.org", None)["success"] is False
    assert shop.log_in("joe@example.org", "p" * 1_000_000)["success"] is False
    assert shop.log_in(None, None, None) == REFUSED
    assert value(shop.app, REGISTER, Jsonb({"email": ["x"], "password": {"a": 1}, "tenant_hk": 7})) == REFUSED
    assert SECRET[:8] not in everything(shop.admin)
