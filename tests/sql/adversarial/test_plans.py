"""As a tenant's role: plans, counters and messages of the server, which would tell how many rows others have."""

from __future__ import annotations

import pytest

from tests.fix_sessions import Session, value
from tests.sql.adversarial.conftest import READS, SECRET, Spy, Victim
from tests.vault_steps import INTERNAL, roll_up

pytestmark = pytest.mark.majors

S = "script_tracking"
CALLS = (
    *READS,
    f"select {S}.get_execution_history(30, 3)",
    f"select * from {S}.get_execution_history(30, only_script_name => 'mine') as h where script_type = 'BATCH' limit 1",
    f"select * from {S}.get_execution_history(30) where tenant = 'victim' or script_name = 'mine' order by script_name",
    f"select 1 where exists (select from {S}.get_execution_history(30) where script_name = 'nobody')",
    f"select * from {S}.get_execution_as_of(sha256('x'), now())",
    f"select * from {S}.get_object_history('lair.own')",
    f"select * from {S}.get_object_history('theirs.shared')",
    f"select * from {S}.get_recent_errors(1) as e join {S}.get_execution_history(1) as h using (script_name)",
)
OPTIONS = "analyze, verbose, settings, wal off, timing off, summary off, buffers off"


def plans(spy: Spy) -> dict[str, list[str]]:
    """The plan of each call: estimates, the rows that each step met, those that a filter left out."""
    found = {}
    for call in CALLS:
        rows = spy.session.execute(f"explain ({OPTIONS}) {call}".encode()).fetchall()
        found[call] = [str(row["QUERY PLAN"]) for row in rows]
    return found


def multiply(victim: Victim, admin: Session) -> None:
    """200 more operations of the victim's under the spy's names, some failed, some running; 40 more DDL statements."""
    for _ in range(4):
        begin = "select script_tracking.track_operation('mine', 'BATCH') from generate_series(1, 50)"
        keys = [next(iter(row.values())) for row in victim.session.execute(begin.encode()).fetchall()]
        for key in keys[:20]:
            victim.session.execute("select script_tracking.complete_operation(%s, true)", (key,))
        for key in keys[20:40]:
            victim.session.execute("select script_tracking.complete_operation(%s, false, 'x', '22012')", (key,))
    for number in range(40):
        victim.session.execute(f"comment on table theirs.{SECRET} is '{number}'".encode())
    admin.execute("analyze")


def test_no_plan_tells_a_count_that_hangs_on_others(spy: Spy, victim: Victim, admin: Session) -> None:
    spy.session.execute("create table lair.own (id int)")
    before = plans(spy)
    text = str(before)
    assert "Function Scan" in text and "rows=2" in text, "the spy's own are counted"
    assert "script_execution_s" not in text
    for step in ("more rows", "rolled up and linked"):
        if step == "more rows":
            multiply(victim, admin)
        else:
            roll_up(admin)
            value(admin, f"select {INTERNAL}.derive_links()")
            admin.execute("analyze")
        assert plans(spy) == before, step


@pytest.mark.parametrize("setting", ["debug_print_plan", "debug_print_rewritten", "debug_print_parse"])
def test_the_server_prints_no_plan_of_what_a_function_does(spy: Spy, victim: Victim, setting: str) -> None:
    """Whoever asks for plans as messages is told that of the own statement alone."""
    spy(f"set client_min_messages = 'log'; set {setting} = on")
    for call in ("select 1", *READS):
        spy.told.clear()
        spy(call)
        # the statement's own, as the server prints one for each
        assert len([told for told in spy.told if ":commandType 1" in told]) == 1, call


COUNTED = (
    "select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as n from pg_stat_xact_all_tables"
    " where schemaname like 'script_tracking%'"
)


def met(spy: Spy, call: str) -> dict[str, int]:
    """How many rows of each table a call met, as the transaction's own counters tell everybody."""
    with spy.session.transaction():  # since 15 the counters are those of the session, until it reports them at a commit
        before, after = ({}, {})  # type: dict[str, int], dict[str, int]
        for counted in (before, after):
            counted.update({row["relname"]: row["n"] for row in spy.session.execute(COUNTED.encode())})
            if counted is before:
                spy.session.execute(call.encode())
    return {table: n - before.get(table, 0) for table, n in after.items() if n > before.get(table, 0)}


@pytest.mark.parametrize("limit", ["null", "1", "1000"])
@pytest.mark.parametrize(
    ("argument", "theirs", "nobodys"),
    [
        ("only_script_name", SECRET, "hunter2001"),
        ("only_script_type", SECRET.upper(), "HUNTER2001"),
        ("only_tenant", "victim", "nobody"),
    ],
)
def test_a_condition_that_others_meet_is_no_other_work_than_one_that_nobody_meets(
    spy: Spy, victim: Victim, admin: Session, argument: str, theirs: str, nobodys: str, limit: str
) -> None:
    for session, name, kind in ((victim.session, SECRET, SECRET.upper()), (spy.session, "mine", "BATCH")):
        begin = f"select script_tracking.track_operation('{name}', '{kind}') as key from generate_series(1, 300)"
        keys = [row["key"] for row in session.execute(begin.encode()).fetchall()]
        session.execute("select script_tracking.complete_operation(k, true) from unnest(%s::bytea[]) as k", (keys,))
    victim.session.execute(  # and more that run
        f"select script_tracking.track_operation('{SECRET}', '{SECRET.upper()}') from generate_series(1, 500)".encode()
    )
    admin.execute("vacuum analyze")
    assert str(value(admin, "select most_common_vals from pg_stats where attname = 'script_name' limit 1")) != "None"
    found = [
        met(spy, f"select * from {S}.get_execution_history(30, {limit}, {argument} => '{name}')")
        for name in (theirs, nobodys)
    ]
    assert found[0] == found[1]
    assert sum(met(spy, f"select * from {S}.get_execution_history(30)").values()) > 0, "the counters count"


def test_an_object_of_others_is_no_other_work_than_one_that_nobody_touched(
    spy: Spy, victim: Victim, admin: Session
) -> None:
    """But for its name, which is looked up: what others did to it, however much, is not read."""
    tables = ("script_execution_s", "script_execution_h", "script_execution_object", "database_object_h")
    multiply(victim, admin)
    value(admin, f"select {INTERNAL}.derive_links()")
    value(admin, f"select {INTERNAL}.reconcile()")  # by what it saw, too, a name leads to an object
    admin.execute("analyze")
    found = []
    for name in (SECRET, "nobodys"):
        read = met(spy, f"select * from {S}.get_object_history('theirs.{name}')")
        found.append({table: n for table, n in read.items() if table.startswith(tables)})
    assert found[0] == found[1]
