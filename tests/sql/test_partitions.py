"""Partitions of the record: the same of every partitioned table, made ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.fix_sessions import Session, meddling, one, value
from tests.installing import failed_checks
from tests.vault_steps import INTERNAL, LONG_AGO, THIS_MONTH, make_past, record, set_setting

FURTHER = f"""
set role script_tracking_owner;
create table script_tracking.further_l (execution_timestamp timestamptz not null, n integer)
  partition by range (execution_timestamp);
create or replace function {INTERNAL}.partitioned_tables()
returns table (place integer, relation name, time_column name, append_only boolean) language sql immutable
as $$ values (1, 'script_execution_h'::name, 'load_date'::name, true), (2, 'script_execution_s', 'execution_timestamp',
  true), (3, 'further_l', 'execution_timestamp', false) $$;
reset role;
"""


def bounds(session: Session, relation: str) -> list[tuple[object, ...]]:
    """Suffix and bounds of a table's partitions, in order."""
    rows = session.execute(
        f"select replace(partition_name, relation, '') as suffix, lower_bound::text as low, upper_bound::text as high"
        f" from {INTERNAL}.vault_partition where relation = %s order by lower_bound".encode(),
        (relation,),
    )
    return [tuple(row.values()) for row in rows]


def test_a_further_table_takes_a_line_and_gets_the_same_partitions(admin: Session) -> None:
    make_past(admin)
    admin.execute(meddling(FURTHER).encode())
    made = value(admin, f"select {INTERNAL}.ensure_partitions()")
    assert made == len(bounds(admin, "script_execution_s")) == 5
    assert bounds(admin, "further_l") == bounds(admin, "script_execution_s")
    assert value(admin, f"select {INTERNAL}.ensure_partitions()") == 0
    set_setting(admin, "partitions.ahead", "5")
    assert value(admin, f"select {INTERNAL}.ensure_partitions()") == 6
    assert bounds(admin, "further_l") == bounds(admin, "script_execution_h") == bounds(admin, "script_execution_s")
    secured = (
        "select bool_and(c.relrowsecurity and c.relforcerowsecurity and exists ("
        " select from pg_policy as p where p.polrelid = c.oid and p.polname = 'owner_all')"
        " and p.append_only = exists (select from pg_trigger as t where t.tgrelid = c.oid and t.tgenabled = 'A'"
        " and t.tgname = 'protect_truncate'))"
        f" from {INTERNAL}.vault_partition as p join pg_class as c on c.oid = p.partition"
    )
    assert value(admin, secured) is True
    record(admin, at=LONG_AGO)
    admin.execute("insert into script_tracking.further_l values (%s, 1)", (LONG_AGO,))
    set_setting(admin, "retention.disposable", "all")
    assert value(admin, "select script_tracking.cleanup_old_data(0)") == 1
    assert value(admin, "select count(*) from script_tracking.further_l") == 0
    assert bounds(admin, "further_l") == bounds(admin, "script_execution_s")


DAY = timedelta(days=1)
CUT = f"select done, more from {INTERNAL}.cut_newest()"
ENSURE = f"select {INTERNAL}.ensure_partitions()"
WIDE = """
alter table script_tracking.{0} detach partition {1}.{0}_first;
select {1}.attach_partition('{0}', '{1}.{0}_first', '{2}', 'infinity');
"""


def neglected(session: Session) -> None:
    """The layout after months without upkeep: the newest partition began in the past, and reaches to MAXVALUE."""
    make_past(session)
    with session.transaction():
        session.execute(meddling("set local script_tracking_internal.installing = 'on'").encode())
        session.execute("set local role script_tracking_owner")
        for row in session.execute(
            f"select partition from {INTERNAL}.vault_partition where lower_bound > now()".encode()
        ):
            session.execute(f"drop table {row['partition']}".encode())
        for row in session.execute(f"select relation from {INTERNAL}.partitioned_tables()".encode()).fetchall():
            session.execute(WIDE.format(row["relation"], INTERNAL, THIS_MONTH).encode())


def month_after(when: datetime) -> datetime:
    return (when.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)


def names(session: Session) -> list[object]:
    return [row[0] for row in bounds(session, "script_execution_s")]


async def test_a_newest_partition_that_was_filled_is_ended_and_others_follow(
    installed_database: str, admin: Session
) -> None:
    neglected(admin)
    record(admin)
    admin.execute("select script_tracking.track_operation('running', 'BATCH')")
    ahead = f"select partitions_ahead from {INTERNAL}.collect_capture()"
    assert (value(admin, ENSURE), value(admin, ahead)) == (0, 0)
    told: list[str] = []
    admin.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
    admin.execute("set client_min_messages = debug1")
    steps = []
    while True:
        record(admin)  # who writes goes on
        steps.append(one(admin, CUT))
        assert await failed_checks(installed_database) == {}
        if not steps[-1]["more"]:
            break
    admin.execute("reset client_min_messages")
    tables = int(str(value(admin, f"select count(*) from {INTERNAL}.partitioned_tables()")))
    assert [tuple(step.values()) for step in steps] == [(0, True)] * (tables + 1) + [(tables, False)]
    implied = [line for line in told if "is implied by existing constraints" in line]
    assert len(implied) == tables, "nothing is read under the lock"
    bound = month_after(datetime.now(UTC) + timedelta(days=30))
    for relation in ("script_execution_h", "script_execution_s"):
        shown = [(low, high) for _, low, high in bounds(admin, relation)]
        day = f"{bound:%Y-%m-%d} 00:00:00+00"
        assert shown[-2:] == [(f"{THIS_MONTH:%Y-%m-%d} 00:00:00+00", day), (day, "infinity")]
    whole = bound == month_after(THIS_MONTH)  # on the first of a month of 31 days
    assert names(admin)[-2] == f"_{THIS_MONTH:%Y%m}" + ("" if whole else f"{THIS_MONTH:%d}_{bound - DAY:%Y%m%d}")
    assert value(admin, "select count(*) from pg_constraint where conname = 'partition_cut'") == 0
    assert value(admin, ahead) == 1
    wanted = month_after(month_after(month_after(datetime.now(UTC))))
    missing = (wanted.year - bound.year) * 12 + wanted.month - bound.month
    assert value(admin, ENSURE) == tables * missing
    jobs = "select count(*) from script_tracking.script_execution_s where script_name = 'job'"
    assert value(admin, jobs) == 1 + len(steps)
    assert one(admin, CUT) == {"done": 0, "more": False}
    assert await failed_checks(installed_database) == {}


def test_records_far_ahead_keep_the_newest_partition_wide(admin: Session) -> None:
    neglected(admin)
    record(admin, at=THIS_MONTH + timedelta(days=4000))
    assert one(admin, CUT) == {"done": 0, "more": False}
    assert (value(admin, ENSURE), len(names(admin))) == (0, 2)


def test_a_cut_that_was_left_half_done_is_given_up_before_it_refuses_records(admin: Session) -> None:
    neglected(admin)
    record(admin)
    assert one(admin, CUT)["more"] is True
    with admin.transaction():
        admin.execute(meddling("set local script_tracking_internal.installing = 'on'").encode())
        soon = datetime.now(UTC) + timedelta(days=6)
        wide = f"select partition, time_column from {INTERNAL}.vault_partition where upper_bound = 'infinity'"
        for row in admin.execute(wide.encode()).fetchall():
            admin.execute(f"alter table {row['partition']} drop constraint partition_cut".encode())
            admin.execute(
                f"alter table {row['partition']} add constraint partition_cut check ({row['time_column']} >="
                f" '{THIS_MONTH}' and {row['time_column']} < '{soon}') not valid".encode()
            )
    with pytest.raises(psycopg.errors.CheckViolation):
        record(admin, at=datetime.now(UTC) + timedelta(days=7))
    assert one(admin, CUT)["more"] is True
    record(admin, at=datetime.now(UTC) + timedelta(days=7))
    while one(admin, CUT)["more"]:
        pass
    assert len(names(admin)) == 3


def test_partitions_may_hold_a_day_and_a_change_applies_to_those_made_from_then_on(admin: Session) -> None:
    before = bounds(admin, "script_execution_s")
    set_setting(admin, "partitions.interval", "day")
    assert value(admin, ENSURE) == 0, "months are ready ahead"
    newest = datetime.fromisoformat(str(before[-1][1]))
    set_setting(admin, "partitions.ahead", str((newest - datetime.now(UTC)).days + 3))
    assert value(admin, ENSURE) == 10  # two of each of the five tables
    after = bounds(admin, "script_execution_s")
    assert after[:-3] == before[:-1]
    assert [suffix for suffix, _, _ in after[-3:]] == [f"_{newest + timedelta(days=day):%Y%m%d}" for day in range(3)]
    assert bounds(admin, "script_execution_h") == after
    set_setting(admin, "partitions.interval", "month")
    set_setting(admin, "partitions.ahead", "6")
    assert value(admin, ENSURE) != 0
    last = newest + timedelta(days=2)
    assert f"_{last:%Y%m%d}_{month_after(last) - timedelta(days=1):%Y%m%d}" in names(admin)
    assert f"_{month_after(last):%Y%m}" in names(admin)
    assert bounds(admin, "script_execution_h") == bounds(admin, "script_execution_s")


def test_a_daily_record_is_ready_some_days_ahead_and_goes_by_the_day(admin: Session) -> None:
    neglected(admin)
    set_setting(admin, "partitions.interval", "day")
    assert value(admin, ENSURE) == 15, "nothing was recorded, so it is split though it lies in the past"
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert names(admin)[-3:] == [f"_{tomorrow + timedelta(days=day):%Y%m%d}" for day in range(3)]
