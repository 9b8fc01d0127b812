"""Roll-ups by time: equal to a rebuild whatever the steps, bounded, coarser after a week, kept when partitions go."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.fix_sessions import Session, one, value
from tests.rolling import rebuilt, roll_ups, rows_of
from tests.vault_steps import INTERNAL, LONG_AGO, THIS_MONTH, make_past, record, roll_up, set_setting

HOUR = datetime.now(UTC)  # see `hour`
OUTSIDE = """
select script_tracking_internal.record_outside(
  p_tenant_hk => t.tenant_hk, p_record_source => 'test', p_script_name => 'CREATE TABLE', p_script_type => 'DDL',
  p_execution_status => 'FAILED', p_started_at => %(at)s, p_duration_us => null, p_session_user => 'u',
  p_client_ip => null, p_affected_objects => null, p_sql_command => null, p_error_message => %(message)s,
  p_metadata => %(metadata)s, p_suffix => %(suffix)s)
from script_tracking.tenant_h as t where t.tenant_bk = 'system'
"""


@pytest.fixture(autouse=True)
def hour() -> None:
    """Each test reckons from the hour in which it runs, and none begins where another hour is about to."""
    global HOUR
    left = 3600 - time.time() % 3600
    if left < 60:
        time.sleep(left)
    HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def slice_of(session: Session, versions: int) -> tuple[object, object]:
    """One step of the roll-ups; how many versions were added, and whether there are more."""
    found = one(session, f"select * from {INTERNAL}.roll_up_slice(%s)", versions)
    return found["added"], found["more"]


def outside(session: Session, *, at: datetime, suffix: str, sqlstate: str | None, message: str | None) -> None:
    """Records a failure from outside its session, as the readers of the logs do; a second time it is revised."""
    metadata = Jsonb({"evidence": "wal"} | ({} if sqlstate is None else {"sqlstate": sqlstate}))
    with session.transaction():
        session.execute("set local role script_tracking_owner")
        session.execute(OUTSIDE, {"at": at, "suffix": suffix, "message": message, "metadata": metadata})


def many(session: Session, number: int, **settings: object) -> None:
    """A mixture of executions, each in a transaction of its own."""
    for turn in range(number):
        status = ("COMPLETED", "COMPLETED", "FAILED", "INTERRUPTED", "ROLLED_BACK")[turn % 5]
        at = HOUR - timedelta(hours=turn % 30, seconds=turn)
        sqlstate = "23505" if turn % 4 else None
        record(session, status=status, at=at, us=turn**3, name=f"job {turn % 7}", sqlstate=sqlstate, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("versions", [1, 7, 1000])
def test_whatever_the_steps_the_roll_ups_are_those_of_a_rebuild(admin: Session, versions: int) -> None:
    admin.execute("select script_tracking.register_tenant('acme')")
    set_setting(admin, "rollup.names_a_day", "3")
    set_setting(admin, "rollup.fingerprints_a_day", "1")
    many(admin, 25)
    many(admin, 15, tenant="acme", kind="IMPORT")
    added, turns = 0, 0
    while True:
        step, more = slice_of(admin, versions)
        added += int(str(step))
        turns += 1
        if not more:
            break
    assert added == 41, "one is the tenant's registration"
    assert turns == {1: 41, 7: 6, 1000: 1}[versions]
    before = roll_ups(admin)
    assert slice_of(admin, versions) == (0, False)
    assert rebuilt(admin) == before
    assert sum(int(str(row["operations"])) for row in rows_of(admin, "operation_hour")) == 41
    assert sum(int(str(row["executions"])) for row in rows_of(admin, "script_day")) == 41
    assert sum(int(str(row["errors"])) for row in rows_of(admin, "error_seen")) == 16
    assert sum(sum(row["counts"]) for row in rows_of(admin, "duration_sketch")) == 41, "all that have a duration"


def test_a_transaction_is_rolled_up_whole(admin: Session) -> None:
    with admin.transaction():
        for _ in range(5):
            record(admin)
    record(admin)
    assert slice_of(admin, 2) == (5, True)
    assert slice_of(admin, 2) == (1, False)
    assert roll_ups(admin) == rebuilt(admin)


def test_names_beyond_the_bound_count_as_one(admin: Session) -> None:
    set_setting(admin, "rollup.names_a_day", "2")
    for turn in range(6):
        record(admin, name=f"run {turn % 4}", at=HOUR, status="FAILED" if turn == 3 else "COMPLETED")
        if turn % 2:
            roll_up(admin)
    record(admin, name="run 9", at=HOUR - timedelta(days=1))
    roll_up(admin)
    days = rows_of(admin, "script_day")
    found = [(row["day"], row["script_name"], row["executions"], row["failures"]) for row in days]
    today = HOUR.replace(hour=0)
    assert found == [
        (today - timedelta(days=1), "run 9", 1, 0),
        (today, "", 2, 1),
        (today, "run 0", 2, 0),
        (today, "run 1", 2, 0),
    ]
    assert roll_ups(admin) == rebuilt(admin)


def test_names_that_are_unique_for_each_run_are_counted_together(admin: Session) -> None:
    for _ in range(3):
        record(admin, name=str(value(admin, "select script_tracking.generate_unique_script_name('load')")), at=HOUR)
    record(admin, name="load", at=HOUR)
    record(admin, name="etl-0b7b3c5e-8a57-4d3c-9d0e-2f1f5a3b7c11", at=HOUR)
    record(admin, name="x" * 900, at=HOUR)
    roll_up(admin)
    found = {row["script_name"]: row["executions"] for row in rows_of(admin, "script_day")}
    assert found == {"load": 4, "etl": 1, "x" * 200: 1}


def test_a_version_that_revises_moves_its_failure_to_the_right_kind(admin: Session) -> None:
    for suffix in ("a", "b", "c"):
        outside(admin, at=HOUR, suffix=suffix, sqlstate=None, message=None)
    roll_up(admin)
    assert [(row["sqlstate"], row["errors"]) for row in rows_of(admin, "error_seen")] == [("", 3)]
    for suffix in ("a", "b"):
        outside(admin, at=HOUR, suffix=suffix, sqlstate="42P07", message=f'relation "t_{suffix}" already exists')
    roll_up(admin)
    found = [(row["sqlstate"], row["errors"], row["error_message"]) for row in rows_of(admin, "error_seen")]
    assert found[0] == ("", 1, None)
    assert found[1][:2] == ("42P07", 2)
    assert sum(int(str(row["operations"])) for row in rows_of(admin, "operation_hour")) == 3, "counted once each"
    assert roll_ups(admin) == rebuilt(admin)


@pytest.mark.parametrize(
    ("one_message", "another", "same"),
    [
        ('duplicate key value violates "a_pkey"', 'duplicate key value violates "b_pkey"', True),
        ("value 17 out of range at 0x1f", "value 4 out of range at 0xABCD", True),
        ("invalid input: 'abc'", "invalid input: 'it is'", True),
        ("job 0b7b3c5e-8a57-4d3c-9d0e-2f1f5a3b7c11 lost", "job 5f1f2c9e-1a57-4d3c-9d0e-2f1f5a3b7c00 lost", True),
        ("can't open it, don't try", "can't close it, don't try", False),
        ("deadlock detected", "canceling statement due to user request", False),
        ("Wert «a» ist doppelt", "Wert «b» ist doppelt", True),
    ],
)
def test_messages_of_one_kind_have_one_fingerprint(admin: Session, one_message: str, another: str, same: bool) -> None:
    found = [value(admin, f"select {INTERNAL}.error_fingerprint(%s)", text) for text in (one_message, another)]
    assert (found[0] == found[1]) is same


def test_a_sketch_is_good_to_one_percent(admin: Session) -> None:
    found = one(
        admin,
        f"select max(abs({INTERNAL}.sketch_seconds({INTERNAL}.sketch_bucket(us)) * 1000000 - us) / us) as off,"
        f" {INTERNAL}.sketch_seconds({INTERNAL}.sketch_bucket(0)) as zero, {INTERNAL}.sketch_bucket(null) as unknown,"
        f" {INTERNAL}.sketch_bucket(9223372036854775807) as largest"
        " from (select (exp(g / 1000.0))::bigint as us from generate_series(0, 43000) as g"
        " union select generate_series(1, 5000)) as u",
    )
    assert 0.009 < found["off"] <= 0.01000001
    assert (found["zero"], found["unknown"]) == (0, None)
    assert found["largest"] < 32767


def test_after_a_week_sketches_and_errors_are_kept_by_the_day(admin: Session) -> None:
    eight = HOUR.replace(hour=0) - timedelta(days=8)
    make_past(admin)  # eight days ago may lie in either partition
    for hours in (-30, -25, -2, -1, 0, 1):
        record(admin, at=eight + timedelta(hours=hours), us=hours * hours * 1000, status="FAILED", sqlstate="23505")
    roll_up(admin)
    day = timedelta(days=1)
    since = [eight - 2 * day, eight - day, eight, eight + timedelta(hours=1)]
    assert [row["since"] for row in rows_of(admin, "error_seen")] == since
    assert [(row["since"], row["errors"]) for row in rows_of(admin, "error_seen")][1] == (since[1], 2)
    before = roll_ups(admin)
    # as if those were rolled up a week ago, by the hour
    admin.execute(f"update {INTERNAL}.rollup_state set fine_since = '-infinity'".encode())
    with admin.transaction():
        admin.execute(f"delete from {INTERNAL}.duration_sketch; delete from {INTERNAL}.error_seen".encode())
        admin.execute(f"update {INTERNAL}.rollup_state set horizon = '0'".encode())
        admin.execute(
            f"delete from {INTERNAL}.operation_hour; delete from {INTERNAL}.script_day;"
            # within the first hour of a day the sums of the week before hold some of it
            f" delete from {INTERNAL}.series_recent; delete from {INTERNAL}.operation_total".encode()
        )
        admin.execute(f"select {INTERNAL}.take_in('0'::xid8, pg_snapshot_xmin(pg_current_snapshot()))")
        admin.execute(f"update {INTERNAL}.rollup_state set horizon = pg_snapshot_xmin(pg_current_snapshot())".encode())
    assert len(rows_of(admin, "error_seen")) == 6
    roll_up(admin)
    record(admin)  # something to roll up, so that the hours of the week before become days
    roll_up(admin)
    assert [row["since"] for row in rows_of(admin, "error_seen")] == since
    assert roll_ups(admin)["error_seen"] == before["error_seen"]
    assert roll_ups(admin) == rebuilt(admin)


def test_what_a_removed_partition_held_stays(admin: Session) -> None:
    make_past(admin)
    set_setting(admin, "retention.disposable", "all")
    for number in range(6):
        record(admin, at=LONG_AGO + timedelta(hours=number), status="FAILED", us=number * 1000, name=f"old {number}")
    record(admin, at=THIS_MONTH)
    roll_up(admin)
    before = roll_ups(admin)
    assert value(admin, "select script_tracking.cleanup_old_data(0)") == 6

    def ours() -> dict[str, list[tuple[object, ...]]]:
        # the removal itself is a record
        return {key: [row for row in rows if "BATCH" in row] for key, rows in roll_ups(admin).items()}

    expected = {key: [row for row in rows if "BATCH" in row] for key, rows in before.items()}
    assert ours() == expected
    rebuilt(admin)
    assert ours() == expected


def test_transactions_that_are_held_open_prepared_or_partly_undone(installed_database: str, admin: Session) -> None:
    operation = "select script_tracking.complete_operation(script_tracking.track_operation('late', 'BATCH'), %s)"
    with (
        psycopg.connect(installed_database) as open_one,
        psycopg.connect(installed_database, autocommit=True) as prepared,
    ):
        prepared.execute("begin")
        prepared.execute(operation, (False,))
        prepared.execute("prepare transaction 'rolled-up-later'")
        open_one.execute(operation, (True,))
        open_one.execute("savepoint one")
        open_one.execute(operation, (False,))
        open_one.execute("rollback to savepoint one")
        open_one.execute("savepoint two")
        open_one.execute(operation, (True,))
        open_one.execute("release savepoint two")
        admin.execute(operation, (True,))
        assert roll_up(admin) == 0, "both hold the horizon"
        open_one.commit()
        assert roll_up(admin) == 0, "the prepared one still does"
        admin.execute("commit prepared 'rolled-up-later'")
    assert roll_up(admin) == 4
    found = {row["status"]: row["operations"] for row in rows_of(admin, "operation_hour")}
    assert found == {"COMPLETED": 3, "FAILED": 1}
    assert roll_ups(admin) == rebuilt(admin)


def test_many_who_write_and_roll_up_by_small_steps(installed_database: str, admin: Session) -> None:
    def work(number: int) -> None:
        with psycopg.connect(installed_database) as session:
            for turn in range(25):
                session.execute(
                    "select script_tracking.complete_operation(script_tracking.track_operation(%s, 'BATCH'), %s, %s)",
                    (f"job {turn % 5}", turn % 6 > 0, f"fault {turn}"),
                )
                if turn % 4 == number:
                    session.rollback()
                session.commit()

    def move(versions: int) -> None:
        with psycopg.connect(installed_database, autocommit=True) as session:
            while any(thread.is_alive() for thread in workers):
                session.execute(f"select {INTERNAL}.roll_up_slice(%s)".encode(), (versions,))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    movers = [threading.Thread(target=move, args=(versions,)) for versions in (1, 3)]
    for thread in [*workers, *movers]:
        thread.start()
    for thread in [*workers, *movers]:
        thread.join()
    roll_up(admin)
    before = roll_ups(admin)
    kept = value(admin, "select count(*) from script_tracking.script_execution_s where execution_status <> 'RUNNING'")
    assert sum(int(str(row["operations"])) for row in rows_of(admin, "operation_hour")) == kept
    assert rebuilt(admin) == before
