"""get_execution_history is merged into the caller's query: partitions are pruned, and limits reach the indexes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.fix_sessions import HOSTILE, Login, MakeRole, Session, one, value
from tests.vault_steps import LONG_AGO, THIS_MONTH, make_past, record

HISTORY = "select * from script_tracking.get_execution_history(%s)"
ALL = "select * from script_tracking.get_execution_history(20000)"


def plan(session: Session, statement: str) -> str:
    """The plan of a statement, as text."""
    session.execute("set enable_seqscan = off")  # as of a table that is not nearly empty
    return json.dumps(value(session, f"explain (format json) {statement}"))


@pytest.fixture
def told(admin: Session) -> Session:
    """A superuser's session on a past partition with records, and the present one with more."""
    make_past(admin)
    admin.execute("select script_tracking.register_tenant('acme')")
    with admin.transaction():
        for minute in range(50):
            record(admin, at=LONG_AGO + timedelta(minutes=minute), tenant="acme")
            record(admin, at=THIS_MONTH + timedelta(minutes=minute), tenant="acme" if minute % 2 else "system")
    admin.execute("analyze script_tracking.script_execution_s, script_tracking.tenant_h")
    return admin


@pytest.mark.parametrize("as_reader", [False, True])
def test_it_is_inlined_and_other_partitions_are_left_out(
    told: Session, make_role: MakeRole, login: Login, as_reader: bool
) -> None:
    session = told
    if as_reader:
        role = make_role("script_tracking_reader")
        told.execute("select script_tracking.grant_tenant('acme', %s)", (role,))
        session = login(role)
    found = plan(session, "select * from script_tracking.get_execution_history(0)")
    assert "Function Scan" not in found
    assert "script_execution_s_past" not in found
    everything = plan(session, ALL)
    assert "script_execution_s_past" in everything


def test_a_limit_reads_the_newest_by_the_index_and_sorts_nothing(told: Session) -> None:
    found = plan(told, f"{ALL} limit 5")
    assert "Function Scan" not in found and '"Sort"' not in found
    assert "Backward" in found
    newest = told.execute("select execution_timestamp from script_tracking.get_execution_history(20000) limit 5")
    exact = told.execute(
        "select execution_timestamp from script_tracking.script_execution_s where load_end_date is null"
        " order by 1 desc limit 5"
    )
    assert newest.fetchall() == exact.fetchall()


def test_conditions_reach_the_indexes(told: Session) -> None:
    found = plan(
        told,
        f"{ALL} where execution_timestamp >= now() - interval '1 hour'",
    )
    assert "script_execution_s_past" not in found
    found = plan(
        told,
        f"{ALL} where tenant = 'acme' and execution_status = 'FAILED'",
    )
    assert "execution_status" in found and "Function Scan" not in found
    assert "tenant_hk_execution_status" in found, "the index of tenant and status"


def test_nothing_of_the_caller_changes_what_it_says(told: Session, make_role: MakeRole, login: Login) -> None:
    role = make_role("script_tracking_reader")
    told.execute("select script_tracking.grant_tenant('acme', %s)", (role,))
    plain, hostile = login(role), login(role)
    told.execute("create schema evil")
    told.execute(f"grant usage, create on schema evil to {role}")
    for statement in (
        "create function evil.now() returns timestamptz language sql as 'select ''infinity''::timestamptz'",
        "create function evil.make_interval(days integer) returns interval language sql as 'select ''1 s''::interval'",
        "create function evil.eq(bytea, bytea) returns boolean language sql as 'select true'",
        "create operator evil.= (leftarg = bytea, rightarg = bytea, function = evil.eq)",
        "create function evil.pick(jsonb, text) returns text language sql as 'select ''forged'''",
        "create operator evil.->> (leftarg = jsonb, rightarg = text, function = evil.pick)",
        "create domain evil.text as integer",
        "set search_path = evil, pg_catalog",
    ):
        hostile.execute(statement.encode())
    for setting in HOSTILE:
        if not any(name in setting for name in ("search_path", "replica", "row_security", "datestyle")):
            hostile.execute(setting.encode())
    expected = plain.execute(HISTORY.encode(), (20000,)).fetchall()
    assert len([row for row in expected if row["script_type"] == "BATCH"]) == 75
    assert {row["tenant"] for row in expected} == {"acme"}
    assert hostile.execute(HISTORY.encode(), (20000,)).fetchall() == expected
    assert one(hostile, "select count(*) as n from script_tracking.get_execution_history(0)") == {"n": 0}
