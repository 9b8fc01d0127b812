"""What the daemon publishes of the login wrappers: counters that agree with the record, and what tells guessing."""

from __future__ import annotations

from contextlib import suppress

import psycopg
import pytest
from psycopg.rows import DictRow

from tests.fix_exporter import StartExporter
from tests.fix_sessions import Session, value
from tests.login.steps import GLOBEX, Shop

SI = "script_tracking_internal"
COUNTED = f"select script_type, outcome, attempts_total from {SI}.collect_logins() where tenant = 'acme'"
FAILURES = f"select * from {SI}.collect_login_failures() where tenant = 'acme'"
ADDRESS = "select set_config('script_tracking.client_address', %s, false)"


def counted(admin: Session) -> dict[tuple[str, str], int]:
    """Attempts of acme that are not zero, by type and outcome."""
    rows = admin.execute(COUNTED.encode()).fetchall()
    return {(row["script_type"], row["outcome"]): row["attempts_total"] for row in rows if row["attempts_total"]}


def failures(admin: Session) -> DictRow:
    """What tells guessing, of acme."""
    (row,) = admin.execute(FAILURES.encode()).fetchall()
    return row


@pytest.mark.parametrize("rolled_up", [False, True])
def test_attempts_count_by_outcome_and_each_outcome_from_zero(shop: Shop, rolled_up: bool) -> None:
    assert len(shop.admin.execute(COUNTED.encode()).fetchall()) == 8
    assert counted(shop.admin) == {}
    shop.host("begin if p_email = 'x' then raise 'no'; end if; return p_password = 'right'; end", returns="boolean")
    for password in ("right", "wrong", "wrong"):
        shop.log_in("joe@example.org", password)
    shop.log_in("x", "right")
    shop.log_in("joe@example.org", "right", GLOBEX)
    shop.register(email="x")
    if rolled_up:
        shop.admin.execute(f"select {SI}.roll_up()".encode())
    assert counted(shop.admin) == {
        ("LOGIN", "succeeded"): 1,
        ("LOGIN", "refused"): 3,
        ("LOGIN", "failed"): 1,
        ("REGISTRATION", "failed"): 1,
    }


def test_lock_outs_and_registrations_again_count_as_such(reference: Shop) -> None:
    for _ in range(2):
        reference.register(email="joe@example.org", password="long enough")
    for _ in range(7):
        reference.log_in("joe@example.org", "wrong")
    assert counted(reference.admin) == {
        ("REGISTRATION", "succeeded"): 1,
        ("REGISTRATION", "unchanged"): 1,
        ("LOGIN", "refused"): 5,
        ("LOGIN", "locked"): 2,
    }
    assert failures(reference.admin)["locked_accounts"] == 1
    assert failures(reference.admin)["worst_account"] == 7


def test_what_tells_guessing_within_the_window(shop: Shop) -> None:
    shop.host("begin return p_password = 'right'; end", returns="boolean")
    for address, emails in (("203.0.113.1", "abc"), ("203.0.113.2", "aa"), ("203.0.113.3", "")):
        shop.app.execute(ADDRESS, (address,))
        for email in emails:
            shop.log_in(email, "wrong")
        shop.log_in("z", "right")
    assert failures(shop.admin) == {
        "tenant": "acme",
        "failures": 5,
        "accounts": 3,
        "addresses": 2,
        "worst_account": 3,
        "worst_address": 3,
        "locked_accounts": 0,
    }
    shop.admin.execute(f"update {SI}.login_attempt set attempted_at = attempted_at - interval '16 minutes'".encode())
    assert {key: one for key, one in failures(shop.admin).items() if one} == {"tenant": "acme"}
    shop.admin.execute(f"update {SI}.setting set value = '3600' where name = 'login.window_seconds'".encode())
    assert failures(shop.admin)["failures"] == 5


def test_an_address_that_tries_the_e_mails_of_several_tenants_is_seen_for_each(shop: Shop) -> None:
    shop.host("begin return false; end", returns="boolean")
    shop.admin.execute("select script_tracking.grant_tenant('globex', %s)", (shop.role,))
    shop.app.execute(ADDRESS, ("203.0.113.1",))
    shop.log_in("a", "x")
    shop.log_in("a", "x", GLOBEX)
    shop.log_in("b", "x", GLOBEX)
    rows = shop.admin.execute(f"select tenant, worst_address from {SI}.collect_login_failures()".encode()).fetchall()
    assert {row["tenant"]: row["worst_address"] for row in rows} == {"acme": 3, "globex": 3, "system": 0}


def test_many_attempts_are_added_up_in_time(shop: Shop) -> None:
    """Else the metrics would go when they are needed; the collector has five seconds."""
    shop.admin.execute(
        f"insert into {SI}.login_attempt (tenant_hk, script_type, outcome, email_hmac, address)"
        " select sha256('acme'), 'LOGIN', case when n % 2 = 0 then 'locked' else 'refused' end,"
        " sha256((n % 500)::text::bytea), '10.0.0.0'::inet + n % 250 from generate_series(1, 200000) as n".encode()
    )
    shop.admin.execute("set statement_timeout = '5s'")
    found = None
    for _ in range(3):  # as what else the machine does may hold one up
        with suppress(psycopg.errors.QueryCanceled):
            found = failures(shop.admin)
            break
    assert found == {
        "tenant": "acme",
        "failures": 200000,
        "accounts": 500,
        "addresses": 250,
        "worst_account": 400,
        "worst_address": 2,
        "locked_accounts": 250,
    }


def test_calls_count_whatever_becomes_of_the_transaction(shop: Shop) -> None:
    shop.host("begin return false; end", returns="boolean")
    with shop.app.transaction(force_rollback=True):
        shop.log_in("a", "x")
    shop.log_in("a", "x")
    assert value(shop.admin, f"select calls_total from {SI}.collect_login_calls()") == 2
    assert counted(shop.admin) == {("LOGIN", "refused"): 1}


def test_the_exporter_serves_them_with_no_label_but_tenant_type_and_outcome(
    shop: Shop, installed_database: str, exporter: StartExporter
) -> None:
    shop.host("begin return p_password = 'right'; end", returns="boolean")
    shop.log_in("joe@example.org", "wrong")
    running = exporter(installed_database)
    attempts = "script_tracking_login_attempts_total"
    running.wait_for_value(1, attempts, tenant="acme", script_type="LOGIN", outcome="refused")
    running.wait_for_value(0, attempts, tenant="globex", script_type="LOGIN", outcome="succeeded")
    running.wait_for_value(1, "script_tracking_login_recent_failures", tenant="acme")
    running.wait_for_value(1, "script_tracking_login_failing_accounts", tenant="acme")
    running.wait_for_value(1, "script_tracking_login_failing_addresses", tenant="acme")
    running.wait_for_value(1, "script_tracking_login_worst_account_failures", tenant="acme")
    running.wait_for_value(1, "script_tracking_login_worst_address_accounts", tenant="acme")
    running.wait_for_value(0, "script_tracking_login_locked_accounts", tenant="acme")
    running.wait_for_value(1, "script_tracking_login_calls_total")
    running.wait_for_value(900, "script_tracking_login_window_seconds")
    body = running.get("/metrics").body.decode()
    assert "example.org" not in body
    assert shop.last()["metadata"]["email_hmac"] not in body


@pytest.mark.parametrize("rolled_up", [False, True])
def test_wrong_passwords_do_not_spoil_the_verdict_on_the_tenant(shop: Shop, rolled_up: bool) -> None:
    shop.host("begin return false; end", returns="boolean")
    for _ in range(12):
        shop.log_in("joe@example.org", "x")
    if rolled_up:
        shop.admin.execute(f"select {SI}.roll_up()".encode())
    dashboard = "select * from script_tracking.get_enterprise_dashboard() where tenant = 'acme'"
    (row,) = shop.admin.execute(dashboard.encode()).fetchall()
    assert (row["verdict"], row["failing_checks"], row["failed_24h"], row["operations_24h"]) == ("ok", [], 12, 12)
    failing = "script_tracking.track_operation('job', 'BATCH', 'acme')"
    shop.admin.execute(f"select script_tracking.complete_operation({failing}, false)".encode())
    (row,) = shop.admin.execute(dashboard.encode()).fetchall()
    assert (row["verdict"], row["failing_checks"], row["failed_24h"]) == ("warning", ["failures"], 13)
