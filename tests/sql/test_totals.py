"""Cumulative totals: each final version once, never falling."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests.fix_sessions import Session, value
from tests.vault_steps import (
    INTERNAL,
    LONG_AGO,
    THIS_MONTH,
    counted,
    counters,
    rebuilt,
    record,
    roll_up,
)

CLEANUP = "select script_tracking.cleanup_old_data(%s)"
OPERATION = "select script_tracking.complete_operation(script_tracking.track_operation('late', 'BATCH'), true)"
SATELLITE = "script_tracking.script_execution_s"


def test_each_final_version_counts_once(admin: Session) -> None:
    for _ in range(3):
        admin.execute(OPERATION)
    admin.execute("select script_tracking.track_operation('running', 'BATCH')")
    before = counters(admin)
    assert counted(admin) == 3
    assert roll_up(admin) == 3
    assert roll_up(admin) == 0, "a second time there is nothing to add"
    assert counters(admin) == before
    assert rebuilt(admin) == before
    assert roll_up(admin) == 0


def test_the_histogram_has_its_bounds_inside_and_everything_in_the_last(admin: Session) -> None:
    for us in (0, 1000, 1001, 5000, 3_600_000_000, 3_600_000_001):
        record(admin, us=us)
    for _ in range(2):  # before and after the roll-up
        rows = admin.execute(
            f"select le, operations_bucket as n, duration_seconds_sum as seconds"
            f" from {INTERNAL}.collect_operation_durations() where script_type = 'BATCH'".encode()
        ).fetchall()
        buckets = {row["le"]: row["n"] for row in rows}
        assert (buckets[0.001], buckets[0.005], buckets[0.01]) == (2, 4, 4)
        assert (buckets[1800.0], buckets[3600.0], buckets[float("inf")]) == (4, 5, 6)
        assert {row["seconds"] for row in rows} == {7200.007002}
        roll_up(admin)


def test_an_unknown_duration_is_counted_and_is_in_no_bucket(disposable: Session) -> None:
    for at in (LONG_AGO, THIS_MONTH):
        record(disposable, at=at, us=None, kind="DDL", status="FAILED")
        record(disposable, at=at, us=2000, kind="DDL", status="FAILED")

    def durations() -> tuple[dict[float, int], set[float]]:
        rows = disposable.execute(
            f"select le, operations_bucket as n, duration_seconds_sum as seconds"
            f" from {INTERNAL}.collect_operation_durations() where script_type = 'DDL'".encode()
        ).fetchall()
        return {row["le"]: row["n"] for row in rows}, {row["seconds"] for row in rows}

    total = (
        f"select sum(operations_total) from {INTERNAL}.collect_operations()"
        " where script_type = 'DDL' and status = 'FAILED'"
    )
    for step in (None, "roll_up()", "rebuild_totals()", "cleanup"):
        if step == "cleanup":
            value(disposable, CLEANUP, 30)
        elif step is not None:
            disposable.execute(f"select {INTERNAL}.{step}".encode())
        buckets, seconds = durations()
        assert (buckets[0.001], buckets[0.005], buckets[float("inf")]) == (0, 2, 2), step
        assert seconds == {0.004}, step
        assert value(disposable, total) == 4, step


def test_errors_are_counted_by_class(admin: Session) -> None:
    for status, sqlstate in (
        ("FAILED", "23505"),
        ("FAILED", "23503"),
        ("FAILED", None),
        ("INTERRUPTED", "57P01"),
        ("COMPLETED", "23505"),
        ("ROLLED_BACK", None),
    ):
        record(admin, status=status, sqlstate=sqlstate)
    for _ in range(2):
        rows = admin.execute(
            f"select error_class, errors_total from {INTERNAL}.collect_errors() where script_type = 'BATCH'".encode()
        ).fetchall()
        assert {row["error_class"]: row["errors_total"] for row in rows} == {"23": 2, "57": 1, "unknown": 1}
        roll_up(admin)


def test_an_error_class_names_its_newest_execution_once_it_is_rolled_up(admin: Session) -> None:
    newest = (
        "select error_class, last_execution_hk, last_execution_timestamp_seconds"
        f" from {INTERNAL}.collect_errors() where script_type = 'BATCH' and last_execution_hk is not null"
    ).encode()
    for sqlstate in ("23505", "23503", "40001", None):
        record(admin, status="FAILED", sqlstate=sqlstate)
    assert admin.execute(newest).fetchall() == [], "what is not rolled up costs too much to look for"
    roll_up(admin)
    told = {row["error_class"]: (row["last_execution_hk"], row["last_execution_timestamp_seconds"])
            for row in admin.execute(newest)}  # fmt: skip
    expected = {}
    for row in admin.execute(
        "select distinct on (1) coalesce(left(metadata ->> 'sqlstate', 2), 'unknown') as error_class,"
        " encode(script_execution_hk, 'hex') as key, extract(epoch from execution_timestamp)::float8 as at"
        " from script_tracking.script_execution_s where execution_status = 'FAILED'"
        " order by 1, execution_timestamp desc, script_execution_hk desc"
    ):
        expected[row["error_class"]] = (row["key"], row["at"])
    assert told == expected
    assert set(told) == {"23", "40", "unknown"}


def test_what_commits_late_is_counted_once(installed_database: str, admin: Session) -> None:
    with psycopg.connect(installed_database) as late:
        late.execute(OPERATION)
        admin.execute(OPERATION)
        admin.execute(OPERATION)
        assert roll_up(admin) == 0, "the late transaction holds the horizon"
        assert counted(admin) == 2
        late.commit()
        assert counted(admin) == 3
    assert roll_up(admin) == 3
    assert counted(admin) == 3
    assert roll_up(admin) == 0


def test_a_forgotten_prepared_transaction_hides_nothing(installed_database: str, admin: Session) -> None:
    with psycopg.connect(installed_database, autocommit=True) as other:
        other.execute(b"begin; " + OPERATION.encode() + b"; prepare transaction 'forgotten'")
    for number in range(1, 4):
        admin.execute(OPERATION)
        roll_up(admin)
        assert counted(admin) == number
    lag = f"select rollup_lag_seconds > 0 from {INTERNAL}.collect_capture()"
    assert value(admin, lag) is True
    admin.execute("commit prepared 'forgotten'")
    assert counted(admin) == 4
    assert roll_up(admin) == 4
    assert counted(admin) == 4
    assert value(admin, f"select rollup_lag_seconds from {INTERNAL}.collect_capture()") == 0


def test_a_rolled_back_operation_is_not_counted(installed_database: str, admin: Session) -> None:
    with psycopg.connect(installed_database) as other:
        other.execute(OPERATION)
        other.rollback()
    with admin.transaction():
        admin.execute(OPERATION)
        with pytest.raises(psycopg.errors.DivisionByZero), admin.transaction():
            admin.execute(OPERATION)
            admin.execute("select 1 / 0")
    assert (counted(admin), roll_up(admin), counted(admin)) == (1, 1, 1)


def test_counters_never_fall_while_many_write_and_roll_up(installed_database: str, admin: Session) -> None:
    def work(number: int) -> None:
        with psycopg.connect(installed_database) as session:
            for turn in range(25):
                session.execute(OPERATION)
                if turn % 3 == number % 3:
                    session.rollback()
                    session.execute(OPERATION)
                session.commit()

    def move() -> None:
        with psycopg.connect(installed_database, autocommit=True) as session:
            while any(thread.is_alive() for thread in workers):
                session.execute(f"select {INTERNAL}.roll_up()".encode())

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    movers = [threading.Thread(target=move) for _ in range(2)]
    for thread in [*workers, *movers]:
        thread.start()
    seen = [counted(admin)]
    while any(thread.is_alive() for thread in workers):
        seen.append(counted(admin))
    for thread in [*workers, *movers]:
        thread.join()
    assert seen == sorted(seen, key=lambda number: int(str(number)))
    before = counters(admin)
    assert counted(admin) == 100
    roll_up(admin)
    assert counters(admin) == before
    assert rebuilt(admin) == before


def test_a_copy_in_another_cluster_starts_a_new_incarnation_and_counts_on(admin: Session) -> None:
    for _ in range(3):
        admin.execute(OPERATION)
    roll_up(admin)
    before = counters(admin)
    admin.execute(f"update {INTERNAL}.installation set system_identifier = 'elsewhere'".encode())
    assert value(admin, f"select {INTERNAL}.ensure_incarnation()") == 2
    assert counters(admin) == before
    # a restore whose transaction counter lies far below the horizon and below what the rows carry
    admin.execute(f"update {INTERNAL}.rollup_state set horizon = '999999999999'::xid8".encode())
    assert value(admin, f"select {INTERNAL}.ensure_incarnation()") == 3
    assert counters(admin) == before
    admin.execute(OPERATION)
    assert value(admin, f"select max(incarnation) from {SATELLITE}") == 3
    assert counted(admin) == 4
    assert roll_up(admin) == 1
    assert counted(admin) == 4
    assert value(admin, f"select {INTERNAL}.ensure_incarnation()") == 3


def test_rows_of_another_cluster_with_higher_transaction_ids_are_counted_and_done_with(admin: Session) -> None:
    """As after a restore into a younger cluster: their xids mean nothing there, and must not stay past the horizon."""
    admin.execute(OPERATION.encode())
    admin.execute("set role script_tracking_owner")
    admin.execute(
        f"insert into {SATELLITE} (script_execution_hk, load_date, hash_diff, script_name, script_type,"
        " execution_status, execution_timestamp, execution_duration_ms, metadata, record_source, tenant_hk, xid,"
        " incarnation) select sha256('restored'), load_date, hash_diff, script_name, script_type, execution_status,"
        " execution_timestamp, execution_duration_ms, metadata, record_source, tenant_hk, '99999999999'::xid8,"
        f" incarnation from {SATELLITE} where execution_status = 'COMPLETED'".encode()
    )
    admin.execute("reset role")
    admin.execute(f"update {INTERNAL}.installation set system_identifier = 'another'".encode())
    assert value(admin, f"select {INTERNAL}.ensure_incarnation()") == 2
    before = counters(admin)
    lag = f"select rollup_lag_seconds from {INTERNAL}.collect_capture()"
    assert value(admin, lag) == 0, "what was restored stays past the horizon"
    completed = (
        f"select operations_total from {INTERNAL}.collect_operations()"
        " where script_type = 'BATCH' and status = 'COMPLETED'"
    )
    assert value(admin, completed) == 2
    admin.execute(OPERATION.encode())
    roll_up(admin)
    assert value(admin, completed) == 3
    assert counters(admin) != before
    assert counters(admin) == rebuilt(admin)
