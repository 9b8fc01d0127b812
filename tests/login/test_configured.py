"""Which of the host's functions the login wrappers call: what fits, who may say so, and that it is on record."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from tests.login.steps import UNAVAILABLE, Shop


@pytest.mark.parametrize(
    "name",
    [
        "app.missing",
        "login",
        "app.text_argument_missing",
        "app.returns_text",
        "app.returns_set",
        "app.a_procedure",
        "app.ambiguous",
        "other.app.login",
        "app.login(varchar, varchar, bytea)",
        "app.login; drop table app.t",
        'app."login',
        "",
        "auth.login_user_tracking",
        "script_tracking.track_operation",
        "script_tracking_internal.begin_login",
        "pg_catalog.version",
        "pg_temp.login",
    ],
)
def test_a_function_that_does_not_fit_is_refused_when_it_is_named(shop: Shop, name: str) -> None:
    shop.admin.execute(
        "create function app.text_argument_missing(varchar, bytea) returns jsonb language sql return null::jsonb;"
        "create function app.returns_text(varchar, varchar, bytea) returns text language sql return null::text;"
        "create function app.returns_set(varchar, varchar, bytea) returns setof jsonb language sql return null::jsonb;"
        "create procedure app.a_procedure(varchar, varchar, bytea) language sql as '';"
        "create function app.ambiguous(varchar, varchar, bytea) returns jsonb language sql return null::jsonb;"
        "create function app.ambiguous(text, text, bytea) returns jsonb language sql return null::jsonb;"
    )
    with pytest.raises(psycopg.Error) as error:
        shop.configure(name)
    assert error.value.sqlstate == "ST003"


def test_names_are_read_and_written_with_their_quotes(shop: Shop) -> None:
    name = sql.Identifier('a "schema"', "Lo'gin; drop table x --").as_string(shop.admin)
    shop.admin.execute(f"create schema {name.rpartition('.')[0]}".encode())
    shop.admin.execute(f"grant usage on schema {name.rpartition('.')[0]} to {shop.role}".encode())
    shop.host("begin return p_password = 'right'; end", name, returns="boolean")
    assert shop.log_in("joe@example.org", "right") == {"success": True}


def test_a_function_that_went_away_is_a_failure_on_record(shop: Shop) -> None:
    shop.host("begin return true; end", returns="boolean")
    shop.admin.execute("drop function app.login")
    assert shop.log_in("joe@example.org", "x") == UNAVAILABLE
    assert shop.last()["metadata"]["sqlstate"] == "42883"


def test_configuring_is_a_superusers_and_on_record(shop: Shop) -> None:
    shop.host("begin return true; end", returns="boolean")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.app.execute("select script_tracking.configure_login('app.login', null, 'mine')")
    with pytest.raises(psycopg.Error) as error:
        shop.admin.execute("select script_tracking.configure_login('app.login', null, ' ')")
    assert error.value.sqlstate == "ST003"
    (row,) = shop.admin.execute(
        "select metadata from script_tracking.script_execution_s where script_name = 'configure_login'"
    ).fetchall()
    assert row["metadata"]["after"] == {"LOGIN": "app.login"}
