"""The reference implementation: users of a tenant, bcrypt, lock-out, and answers that tell nothing of who exists."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.fix_sessions import value
from tests.login.steps import ACME, GLOBEX, LOGIN, REFERENCE, REFUSED, REGISTER, UNAVAILABLE, Shop, everything
from tests.vault_steps import set_setting

PASSWORD = "correct horse ' \" \\ battery"
JOE = "joe@example.org"
HASH = "select password_hash from script_tracking_internal.login_user_s where load_end_date is null"


@pytest.fixture
def joes(reference: Shop) -> Shop:
    """One user is registered."""
    answer = reference.register(email=JOE, password=PASSWORD, name="not kept")
    assert answer["success"] is True
    return reference


def test_who_is_registered_logs_in(joes: Shop) -> None:
    answer = joes.log_in(" JOE@example.org", PASSWORD)
    assert answer == {"success": True, "user_hk": joes.log_in(JOE, PASSWORD)["user_hk"]}
    user = joes.admin.execute("select * from script_tracking_internal.login_user_h").fetchall()
    assert [row["user_hk"].hex() for row in user] == [answer["user_hk"]]
    assert str(value(joes.admin, HASH)).startswith("$2a$04$")
    stored = everything(joes.admin)
    assert PASSWORD[:13] not in stored
    assert "not kept" not in stored
    assert "joe@" not in stored
    assert [row["metadata"]["outcome"] for row in joes.attempts()] == ["succeeded"] * 3


@pytest.mark.parametrize(
    ("email", "password", "tenant"),
    [
        (JOE, "wrong", ACME),
        (JOE, PASSWORD + " ", ACME),
        (JOE, PASSWORD.upper(), ACME),
        (JOE, "", ACME),
        (JOE, None, ACME),
        (JOE, PASSWORD + "x" * 60, ACME),
        ("nobody@example.org", PASSWORD, ACME),
        ("", PASSWORD, ACME),
        (None, PASSWORD, ACME),
        (JOE, PASSWORD, GLOBEX),
        (JOE, PASSWORD, "nobody"),
        (JOE, PASSWORD, None),
        ("' or true --", "' or true --", ACME),
    ],
)
def test_whatever_is_wrong_the_answer_is_the_same(
    joes: Shop, email: str | None, password: str | None, tenant: str | None
) -> None:
    assert joes.log_in(email, password, tenant) == REFUSED
    assert joes.last()["metadata"]["sqlstate"] == "28P01"


def test_users_are_of_one_tenant(joes: Shop) -> None:
    joes.admin.execute("select script_tracking.grant_tenant('globex', %s)", (joes.role,))
    assert joes.log_in(JOE, PASSWORD, GLOBEX) == REFUSED
    globex = value(joes.admin, "select encode(sha256('globex'), 'hex')")
    other = value(joes.app, REGISTER, Jsonb({"email": JOE, "password": "another one", "tenant_hk": globex}))
    assert isinstance(other, dict)
    assert joes.log_in(JOE, "another one", GLOBEX) == other
    assert joes.log_in(JOE, PASSWORD)["user_hk"] != other["user_hk"]


def test_to_register_again_changes_nothing_and_tells_nothing(joes: Shop) -> None:
    first = joes.log_in(JOE, PASSWORD)
    assert joes.register(email="Joe@example.org ", password="quite another one") == first
    assert (joes.last()["execution_status"], joes.last()["metadata"]["outcome"]) == ("NOOP", "unchanged")
    assert joes.log_in(JOE, "quite another one") == REFUSED
    assert joes.log_in(JOE, PASSWORD) == first


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"email": JOE},
        {"email": "", "password": PASSWORD},
        {"email": None, "password": PASSWORD},
        {"email": [JOE], "password": PASSWORD},
        {"email": "new@example.org", "password": "short"},
        {"email": "new@example.org", "password": "\u00e9" * 37},
        {"email": "new@example.org", "password": 12345678},
        {"email": "new@example.org", "password": "p" * 100_000},
    ],
)
def test_data_that_does_not_do_is_refused_alike_whether_the_email_exists(joes: Shop, data: dict[str, object]) -> None:
    answer = joes.register(**data)
    assert (answer["success"], answer["error"]) == (False, "invalid_data")
    if "password" in data:
        known = JOE if data["email"] == "new@example.org" else data["email"]
        assert answer == joes.register(**{**data, "email": known})
    assert value(joes.admin, "select count(*) from script_tracking_internal.login_user_h") == 1


def test_too_many_failures_lock_an_email_whether_it_exists_or_not(joes: Shop) -> None:
    for email in (JOE, "nobody@example.org"):
        for _ in range(5):
            assert joes.log_in(email, "wrong") == REFUSED
        answer = joes.log_in(email, PASSWORD)
        assert (answer["success"], answer["error"]) == (False, "too_many_attempts")
        assert 800 < answer["retry_after_seconds"] <= 900
        assert joes.last()["metadata"]["sqlstate"] == "ST007"
    assert joes.register(email="jane@example.org", password=PASSWORD)["success"]
    assert joes.log_in("jane@example.org", PASSWORD)["success"], "nobody else is locked"


def age(shop: Shop, seconds: int) -> None:
    """Makes all attempts so much older."""
    shop.admin.execute(
        "update script_tracking_internal.login_attempt set attempted_at = attempted_at - make_interval(secs => %s)",
        (seconds,),
    )


def test_a_lock_ends_with_the_window_and_is_not_prolonged_by_attempts_while_it_lasts(joes: Shop) -> None:
    for _ in range(5):
        joes.log_in(JOE, "wrong")
    age(joes, 500)
    for _ in range(3):
        assert joes.log_in(JOE, PASSWORD)["error"] == "too_many_attempts"
    age(joes, 450)
    assert joes.log_in(JOE, PASSWORD)["success"]


@pytest.mark.parametrize(
    ("kind", "outcome", "is_locked"),
    [("LOGIN", "locked", True), ("REGISTRATION", "refused", True), ("LOGIN", "refused", False)],
)
def test_an_attempt_reads_none_of_those_of_its_email_that_do_not_count(
    joes: Shop, kind: str, outcome: str, is_locked: bool
) -> None:
    """However often somebody tries a locked e-mail, tries to register it, or tried it before its last success."""
    many = (
        "insert into script_tracking_internal.login_attempt (tenant_hk, script_type, outcome, email_hmac)"
        " select a.tenant_hk, %s, %s, a.email_hmac"
        " from (select * from script_tracking_internal.login_attempt limit 1) as a, generate_series(1, 3000)"
    )
    read = (
        "select coalesce(sum(seq_tup_read), 0)::integer + coalesce(sum(idx_tup_fetch), 0)::integer"
        " from pg_stat_xact_all_tables where relname = 'login_attempt'"
    )
    if is_locked:
        for _ in range(5):
            joes.log_in(JOE, "wrong")
    for _ in range(8):
        joes.log_in("nobody@example.org", "x")  # the session keeps plans that were made while there were few
    joes.admin.execute(many.encode(), (kind, outcome))
    if not is_locked:
        set_setting(joes.admin, "login.lockout_failures", "0")
        assert joes.log_in(JOE, PASSWORD)["success"]
        set_setting(joes.admin, "login.lockout_failures", "5")
    with joes.app.transaction():
        before = value(joes.app, read)
        assert joes.log_in(JOE, PASSWORD)["success"] is not is_locked
        after = value(joes.app, read)
    assert isinstance(before, int) and isinstance(after, int)
    assert after - before < 100


def test_a_success_begins_anew(joes: Shop) -> None:
    for _ in range(3):
        for _ in range(4):
            assert joes.log_in(JOE, "wrong") == REFUSED
        assert joes.log_in(JOE, PASSWORD)["success"]


def test_failures_without_the_right_to_the_tenant_lock_nobody(joes: Shop) -> None:
    """They are recorded for the role's own tenant, where the same e-mail may be somebody's."""
    for _ in range(10):
        assert joes.log_in(JOE, "wrong", GLOBEX) == REFUSED
    assert joes.last()["tenant"] == ACME
    assert joes.log_in(JOE, PASSWORD)["success"]


def test_lock_out_is_tuned_by_settings_and_a_typing_error_locks_nobody_out(joes: Shop) -> None:
    set_setting(joes.admin, "login.lockout_failures", "2")
    for _ in range(2):
        joes.log_in(JOE, "wrong")
    assert joes.log_in(JOE, PASSWORD)["error"] == "too_many_attempts"
    set_setting(joes.admin, "login.lockout_failures", "0")
    for _ in range(7):
        assert joes.log_in(JOE, "wrong") == REFUSED
    set_setting(joes.admin, "login.lockout_failures", "many")
    assert joes.log_in(JOE, PASSWORD)["error"] == "too_many_attempts", "the default counts"


def test_a_changed_cost_reaches_a_user_with_the_next_login(joes: Shop) -> None:
    set_setting(joes.admin, "login.bcrypt_cost", "5")
    assert joes.log_in(JOE, "wrong") == REFUSED
    assert str(value(joes.admin, HASH)).startswith("$2a$04$")
    for _ in range(2):
        assert joes.log_in(JOE, PASSWORD)["success"]
    assert str(value(joes.admin, HASH)).startswith("$2a$05$")
    versions = "select count(*) from script_tracking_internal.login_user_s"
    assert value(joes.admin, versions) == 2, "the former version stays, ended"


def test_without_pgcrypto_the_reference_implementation_alone_is_refused(shop: Shop) -> None:
    with pytest.raises(psycopg.Error, match="pgcrypto") as error:
        shop.admin.execute(REFERENCE)
    assert error.value.sqlstate == "ST008"
    shop.host("begin return true; end", returns="boolean")
    assert shop.log_in(JOE, "x") == {"success": True}


def test_pgcrypto_that_went_away_is_a_failure_that_names_it(joes: Shop) -> None:
    joes.admin.execute("drop extension pgcrypto")
    assert joes.log_in(JOE, PASSWORD) == UNAVAILABLE
    assert joes.register(email="new@example.org", password=PASSWORD) == UNAVAILABLE
    assert "pgcrypto" in joes.last()["error_message"]


def test_nothing_but_pgcryptos_own_c_functions_runs_as_the_owner(joes: Shop) -> None:
    """Who owns the extension may take a function out of it and put one of his own into it."""
    joes.admin.execute(
        f"create schema evil authorization {joes.role}; grant usage on schema evil to script_tracking_owner;"
        "create function evil.crypt(text, text) returns text language sql as $$ select 'x' || current_user $$;"
        f"alter function evil.crypt(text, text) owner to {joes.role};"
        "alter extension pgcrypto drop function public.crypt(text, text);"
        "alter extension pgcrypto add function evil.crypt(text, text)".encode()
    )
    assert joes.log_in(JOE, PASSWORD) == UNAVAILABLE
    assert value(joes.admin, "select script_tracking_internal.pgcrypto_function('pg_crypt')") is None
    joes.admin.execute(
        "alter extension pgcrypto drop function evil.crypt(text, text);"
        "alter extension pgcrypto add function public.crypt(text, text);"
        "revoke usage on schema evil from script_tracking_owner"
    )
    assert joes.log_in(JOE, PASSWORD)["success"]


def test_pgcrypto_is_found_in_whatever_schema_it_is(joes: Shop) -> None:
    joes.admin.execute('create schema "the ex"; alter extension pgcrypto set schema "the ex"')
    assert joes.log_in(JOE, PASSWORD) == UNAVAILABLE, "script_tracking_owner may not use that schema"
    joes.admin.execute('grant usage on schema "the ex" to script_tracking_owner')
    assert joes.log_in(JOE, PASSWORD)["success"]
    joes.admin.execute('revoke usage on schema "the ex" from script_tracking_owner')


def test_an_administrators_login_for_any_tenant(joes: Shop) -> None:
    answer = value(joes.admin, LOGIN, JOE, PASSWORD, ACME)
    assert isinstance(answer, dict)
    assert answer["success"] is True
