"""Statements with secrets, run for real: nothing of them in a row, a message of the write-ahead log or a metric."""

from __future__ import annotations

import os
from contextlib import suppress

import psycopg
import pytest
from hypothesis import given, settings

from tests.capture.slot import open_slot
from tests.fix_sessions import Session, history
from tests.sql.redact_places import EXAMPLES, SECRET, conninfo_of, dollars, escaped, plain, unicoded

COLLECTED = (
    "select p.proname from pg_proc as p where p.pronamespace = 'script_tracking_internal'::regnamespace"
    " and p.proname like 'collect%' and p.pronargs = 0 order by 1"
)


@pytest.mark.majors
def test_no_secret_survives_anywhere(admin: Session) -> None:
    cores: list[str] = []

    @given(SECRET)
    @settings(EXAMPLES, max_examples=int(os.environ.get("REDACT_EXAMPLES", "6")))  # each is a hundred statements
    def run(example: tuple[str, str]) -> None:
        secret, core = example
        cores.append(core)
        for quote in (plain, escaped, unicoded, dollars):
            literal = quote(secret)
            admin.execute(
                f"create role r_redacted password {literal}; drop role r_redacted;"
                f" create table public.t (password text default {literal});"
                f" comment on table public.t is {quote(conninfo_of(secret))};"
                f" do $do$ begin execute {quote('create role r_redacted password ' + plain(secret))};"
                " execute 'create view public.v as select 1'; drop role r_redacted; end $do$;"
                " drop table public.t; drop view public.v".encode()
            )
            with suppress(psycopg.errors.UndefinedTable):
                admin.execute(f"create table public.t (password text default {literal}) inherits (nowhere)".encode())
        with admin.transaction():
            key = admin.execute(
                "select script_tracking.track_operation('job', 'BATCH', sql_command => %s,"
                " metadata => jsonb_build_object('token', %s::text)) as k",
                (f"alter role joe password {plain(secret)}", secret),
            ).fetchone()
            assert key is not None
            admin.execute(
                "select script_tracking.complete_operation(%s, false, %s)", (key["k"], f"bad {conninfo_of(secret)}")
            )

    admin.execute("set password_encryption = 'md5'")  # quicker by far than SCRAM, of which nothing is tested here
    with open_slot(admin) as slot:
        run()
        messages = slot.contents()
    rows = history(admin)
    functions = [row["proname"] for row in admin.execute(COLLECTED.encode()).fetchall()]
    assert len(functions) > 15
    collected = [
        admin.execute(f"select * from script_tracking_internal.{function}()".encode()).fetchall()
        for function in functions
    ]
    assert len(rows) > 10 * len(cores)
    assert messages
    everything = str(rows) + str(messages) + str(collected)
    for core in cores:
        assert core not in everything


def test_secrets_of_other_servers_in_a_batch_with_other_ddl(admin: Session) -> None:
    """As they are run for real: each statement of the string has a record of its own, with the whole string."""
    batch = (
        "create table public.t (); create foreign data wrapper w; create server s foreign data wrapper w;"
        " create user mapping for current_user server s options (user 'joe', password 'hunter2a');"
        " create subscription copy connection 'host=h password=hunter2b' publication p"
        " with (connect = false, enabled = false, create_slot = false, slot_name = none);"
        " alter user mapping for current_user server s options (set password 'hunter2c');"
        " create role r_redacted password 'hunter2d'; drop role r_redacted; drop table public.t"
    )
    with open_slot(admin) as slot:
        admin.execute(batch.encode())
        messages = slot.messages()
        admin.execute("drop subscription copy")
    rows = [row for row in history(admin) if row["sql_command"].startswith("create table")]
    assert [row["script_name"] for row in rows] == [
        *("CREATE TABLE", "CREATE FOREIGN DATA WRAPPER", "CREATE SERVER", "CREATE USER MAPPING"),
        *("CREATE SUBSCRIPTION", "ALTER USER MAPPING", "DROP TABLE"),
    ]
    assert {row["sql_command"].count("[redacted]") for row in rows} == {5}
    assert len(messages) == 2 * len(rows)
    assert "hunter2" not in str(rows) + str(messages)
