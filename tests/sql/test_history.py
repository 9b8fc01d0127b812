"""get_execution_history: what its arguments leave out, in what order, and how little of the record it reads."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.fix_sessions import HOSTILE, Login, MakeRole, Session, value
from tests.vault_steps import INTERNAL, LONG_AGO, THIS_MONTH, make_past, record

HISTORY = "select * from script_tracking.get_execution_history(%s)"
ALL = "script_tracking.get_execution_history(20000{})"
PAST, PRESENT = "script_execution_s_past", "script_execution_s_first"
METER = (
    "select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as n from pg_stat_xact_all_tables"
    " where relname like 'script_execution_s%'"
)


def rows_read(session: Session, arguments: str, call: str = ALL) -> dict[str, int]:
    """How many rows of each partition a call reads."""
    statement = f"select count(*) from {call.format(arguments)}".encode()
    session.execute("set enable_seqscan = off")  # as of a table that is not nearly empty
    with session.transaction():  # since 15 the counters are those of the session, until it reports them at a commit
        before = {row["relname"]: row["n"] for row in session.execute(METER.encode())}
        session.execute(statement)
        after = {row["relname"]: row["n"] for row in session.execute(METER.encode())}
    return {table: n - before.get(table, 0) for table, n in after.items() if n > before.get(table, 0)}


@pytest.fixture
def told(admin: Session) -> Session:
    """A superuser's session on a past partition and the present one, with records of a rare and a common tenant."""
    make_past(admin)
    for tenant in ("acme", "rare"):
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
    tell(admin, range(200))
    return admin


def tell(admin: Session, minutes: range) -> None:
    """Records an execution a minute in both partitions: one of 50 of the rare tenant, one of 20 failed."""
    with admin.transaction():
        for minute in minutes:
            tenant = "rare" if minute % 50 == 25 else "acme"
            status = "FAILED" if minute % 20 == 5 else "COMPLETED"
            for start in (LONG_AGO, THIS_MONTH):
                record(admin, at=start + timedelta(minutes=minute), tenant=tenant, status=status)
    admin.execute("vacuum analyze script_tracking.script_execution_s")
    admin.execute("analyze")


@pytest.fixture
def reader(told: Session, make_role: MakeRole, login: Login) -> Session:
    """Who reads acme's record."""
    role = make_role("script_tracking_reader")
    told.execute("select script_tracking.grant_tenant('acme', %s)", (role,))
    return login(role)


def test_partitions_of_another_time_are_not_read(told: Session, reader: Session) -> None:
    days = (datetime.now(UTC) - THIS_MONTH).days
    for session in (told, reader):
        assert set(rows_read(session, "", f"script_tracking.get_execution_history({days})")) <= {PRESENT}
        assert set(rows_read(session, "")) == {PAST, PRESENT}
        assert set(rows_read(session, f", before => '{THIS_MONTH}'")) == {PAST}


def test_a_limit_reads_the_newest_and_no_more(told: Session, reader: Session) -> None:
    read = rows_read(reader, ", 5")
    assert set(read) == {PRESENT} and read[PRESENT] <= 20
    newest = value(told, f"select count(*) from {ALL.format(', 5')}")
    assert newest == 5
    before = f", 5, '{THIS_MONTH}'"
    read = rows_read(reader, before)
    assert set(read) == {PAST} and read[PAST] <= 20
    assert sum(rows_read(reader, "").values()) >= 300


def test_a_rare_tenant_and_a_rare_status_are_found_by_their_index(told: Session, reader: Session) -> None:
    tell(told, range(200, 1000))  # in less all indexes are as good
    assert set(rows_read(told, ", 2, only_tenant => 'rare'")) == {PRESENT}
    assert sum(rows_read(told, ", only_tenant => 'rare'").values()) <= 100, "of 2000, among them 40"
    assert sum(rows_read(reader, ", only_execution_status => 'FAILED'").values()) <= 200, "of 2000, among them 100"
    assert rows_read(told, ", only_tenant => 'nobody'") == {}
    ends = "the planner looks at both ends of the times"
    assert sum(rows_read(told, ", only_execution_status => 'RUNNING'").values()) <= 10, ends


def test_newest_first_whatever_is_asked(told: Session) -> None:
    """Against the record itself, over random arguments."""
    dice = random.Random(7)
    told.execute("select script_tracking.track_operation('now', 'BATCH', 'acme')")
    columns = {
        "only_tenant": ("tenant_bk", ("acme", "rare", "nobody", None, None)),
        "only_script_name": ("script_name", ("job", "now", "JOB", None, None, None)),
        "only_script_type": ("script_type", ("BATCH", "DDL", None, None)),
        "only_execution_status": ("execution_status", ("FAILED", "COMPLETED", "RUNNING", None, None)),
    }
    found_any = 0
    for _ in range(150):
        asked = {name: dice.choice(choices) for name, (_, choices) in columns.items()}
        before = dice.choice([None, THIS_MONTH, LONG_AGO + timedelta(minutes=dice.randrange(200)), LONG_AGO])
        rows = dice.choice([None, 0, 1, 7, 150, 1000])
        days = dice.choice([0, 1, 39, 60, 400, 20000])
        call = (
            "select execution_hk from script_tracking.get_execution_history(%(days)s, %(rows)s, %(before)s,"
            " %(only_tenant)s, %(only_script_name)s, %(only_script_type)s, %(only_execution_status)s)"
        )
        conditions = "".join(
            f" and ({column} = %({name})s or %({name})s::text is null)" for name, (column, _) in columns.items()
        )
        exact = (
            "select script_execution_hk as execution_hk from script_tracking.script_execution_s"
            " join script_tracking.tenant_h using (tenant_hk) where load_end_date is null"
            " and execution_timestamp >= now() - make_interval(days => %(days)s)"
            " and execution_timestamp < coalesce(%(before)s, timestamptz 'infinity')"
            f"{conditions} order by execution_timestamp desc, script_execution_hk desc limit %(rows)s"
        )
        values = {**asked, "before": before, "rows": rows, "days": days}
        with told.transaction():
            expected = told.execute(exact, values).fetchall()
            assert told.execute(call, values).fetchall() == expected, values
        found_any += bool(expected)
    assert found_any > 10


def test_what_is_asked_for_wrongly(told: Session) -> None:
    with pytest.raises(psycopg.Error) as error:
        told.execute("select * from script_tracking.get_execution_history(1, -1)")
    assert error.value.sqlstate == "ST003"
    for arguments in ("-1", "1, before => '-infinity'", "1, 0", "1, only_tenant => ''"):
        assert value(told, f"select count(*) from script_tracking.get_execution_history({arguments})") == 0, arguments
    for days in ("null", "2147483647"):
        call = f"select count(*) from script_tracking.get_execution_history({days})"
        assert value(told, call) == value(told, f"select count(*) from {ALL.format('')}"), days


def test_every_operation_that_runs_has_its_state_row(told: Session) -> None:
    """By it the history finds what the index of tenant and status leaves out."""
    keys = told.execute("select script_tracking.track_operation('x', 'BATCH') from generate_series(1, 5)").fetchall()
    told.execute("select script_tracking.complete_operation(%s, true)", tuple(keys[0].values()))
    running = "select count(*) from script_tracking.get_execution_history(1, only_execution_status => 'RUNNING')"
    assert value(told, running) == value(told, f"select count(*) from {INTERNAL}.running_operation") == 4


def test_a_shorter_retention_hides_here_too(told: Session, reader: Session, make_role: MakeRole, login: Login) -> None:
    auditor = login(make_role("script_tracking_auditor"))
    before_this_month = f", before => '{THIS_MONTH}'"
    old = f"select count(*) from {ALL.format(before_this_month)}"
    for who, before, hidden, held in ((reader, 196, 0, 0), (auditor, 200, 4, 5)):
        assert value(who, old) == before
        told.execute("select script_tracking.set_retention('acme', 35, 'agreed')")
        assert value(who, old) == hidden
        hold = value(told, "select script_tracking.place_hold('acme', null, %s, 'x')", LONG_AGO + timedelta(minutes=1))
        assert value(who, old) == held
        told.execute("select script_tracking.release_hold(%s, 'x')", (hold,))
        told.execute("select script_tracking.set_retention('acme', null, 'x')")


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
        *HOSTILE,
    ):
        if "replica" not in statement and "bytea_output" not in statement:
            hostile.execute(statement.encode())
    hostile.execute("set timezone = 'UTC'")  # as the answer is printed in the caller's
    hostile.execute("set datestyle = 'ISO, YMD'")
    plain.execute("set timezone = 'UTC'")
    expected = plain.execute(HISTORY.encode(), (20000,)).fetchall()
    assert len([row for row in expected if row["script_type"] == "BATCH"]) == 392
    assert {row["tenant"] for row in expected} == {"acme"}
    assert hostile.execute(b"select * from script_tracking.get_execution_history(20000)").fetchall() == expected


def test_pages_by_time_and_key_leave_nothing_out_and_repeat_nothing(told: Session) -> None:
    """Where many began in the same microsecond, over any conditions."""
    for _ in range(30):
        record(told, at=THIS_MONTH + timedelta(minutes=5), tenant="acme", status="FAILED")
    call = (
        "select execution_hk, execution_timestamp from script_tracking.get_execution_history("
        "20000, %s, %s, before_hk => %s, only_execution_status => 'FAILED')"
    )
    whole = told.execute(call, (None, None, None)).fetchall()
    paged, last = [], {"execution_timestamp": None, "execution_hk": None}
    while page := told.execute(call, (7, last["execution_timestamp"], last["execution_hk"])).fetchall():
        paged += page
        last = page[-1]
    assert paged == whole and len(whole) > 40
    with pytest.raises(psycopg.Error) as caught:
        told.execute(call, (7, None, b"x"))
    assert caught.value.sqlstate == "ST003"
