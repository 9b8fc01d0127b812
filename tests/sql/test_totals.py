"""Cumulative totals: each final version once, never falling; and what cleanup_old_data removes."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session, value
from tests.installing import failed_checks
from tests.vault_steps import INTERNAL, LONG_AGO, THIS_MONTH, counted, counters, make_past, record, roll_up, set_setting

CLEANUP = "select script_tracking.cleanup_old_data(%s)"
OPERATION = "select script_tracking.complete_operation(script_tracking.track_operation('late', 'BATCH'), true)"
SATELLITE = "script_tracking.script_execution_s"


def rebuilt(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """The counters after the totals were built anew from what was carried and what is there."""
    session.execute(f"select {INTERNAL}.rebuild_totals()".encode())
    return counters(session)


def partitions(session: Session) -> set[object]:
    """Names of the satellite's partitions."""
    found = f"select partition_name from {INTERNAL}.vault_partition where relation = 'script_execution_s'"
    return {row["partition_name"] for row in session.execute(found.encode())}


@pytest.fixture
def disposable(admin: Session) -> Session:
    """A superuser's session on a record with a past partition, which a setting declares disposable."""
    make_past(admin)
    set_setting(admin, "retention.disposable", "all")
    for number in range(6):
        record(
            admin, at=LONG_AGO, us=number * 400_000, status="COMPLETED" if number % 3 else "FAILED", sqlstate="23505"
        )
    admin.execute("select script_tracking.register_tenant('acme')")
    record(admin, at=LONG_AGO, tenant="acme", kind="IMPORT", status="INTERRUPTED")
    record(admin, at=THIS_MONTH, tenant="acme", kind="IMPORT")
    return admin


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


@pytest.mark.parametrize("days", [0, 30, 100000])
def test_by_default_nothing_is_removed_and_a_notice_names_the_setting(admin: Session, days: int) -> None:
    make_past(admin)
    record(admin, at=LONG_AGO)
    notices: list[str] = []
    admin.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    assert value(admin, CLEANUP, days) == 0
    assert len(notices) == 1
    assert "retention.disposable is none" in notices[0]
    assert value(admin, f"select count(*) from {SATELLITE} where script_name = 'job'") == 1


async def test_what_is_declared_disposable_goes_by_the_partition(installed_database: str, disposable: Session) -> None:
    before, names = counters(disposable), partitions(disposable)
    assert value(disposable, CLEANUP, 3650) == 0
    assert partitions(disposable) == names
    assert value(disposable, CLEANUP, 0) == 7
    assert partitions(disposable) == names - {"script_execution_s_past"}
    assert value(disposable, f"select count(*) from {SATELLITE} where script_name = 'job'") == 1
    assert value(disposable, "select to_regclass('script_tracking_internal.script_execution_h_past') is null") is True
    after = counters(disposable)
    ours = ("BATCH", "IMPORT")
    for function in before:
        assert [row for row in after[function] if row[1] in ours] == [row for row in before[function] if row[1] in ours]
    assert rebuilt(disposable) == after
    assert value(disposable, CLEANUP, 0) == 0
    assert await failed_checks(installed_database) == {}


async def test_a_partition_stays_while_the_totals_have_not_all_of_it(
    installed_database: str, disposable: Session
) -> None:
    disposable.execute("create table public.elsewhere (id int)")
    disposable.execute("begin; insert into public.elsewhere values (1); prepare transaction 'forgotten'")
    record(disposable, at=LONG_AGO)
    before, names = counters(disposable), partitions(disposable)
    assert value(disposable, CLEANUP, 0) == 0
    assert partitions(disposable) == names
    assert await failed_checks(installed_database) == {}
    assert [row for row in counters(disposable)["collect_operations"] if row[1] == "BATCH"] == [
        row for row in before["collect_operations"] if row[1] == "BATCH"
    ]
    disposable.execute("commit prepared 'forgotten'")
    assert value(disposable, CLEANUP, 0) == 8
    total = counted(disposable)
    roll_up(disposable)
    assert counted(disposable) == total


def test_a_partition_stays_while_an_operation_of_it_runs(disposable: Session) -> None:
    key = record(disposable, at=LONG_AGO, status="RUNNING", us=None)
    disposable.execute(
        f"insert into {INTERNAL}.running_operation"
        " (script_execution_hk, tenant_hk, script_type, execution_timestamp, started_by, heartbeat_at)"
        " select %s, tenant_hk, 'BATCH', %s, current_user, now() from script_tracking.tenant_h"
        " where tenant_bk = 'system'".encode(),
        (key, LONG_AGO),
    )
    assert value(disposable, CLEANUP, 0) == 0
    assert value(disposable, "select script_tracking.complete_operation(%s, true)", key) is True
    assert value(disposable, CLEANUP, 0) == 8


def test_cleanup_gives_a_lock_up_and_removes_nothing(installed_database: str, disposable: Session) -> None:
    names = partitions(disposable)
    with psycopg.connect(installed_database) as reader:
        reader.execute(f"select count(*) from {SATELLITE}".encode())
        with pytest.raises(psycopg.errors.LockNotAvailable):
            disposable.execute(CLEANUP, (0,))
    assert partitions(disposable) == names
    assert value(disposable, CLEANUP, 0) == 7


def test_nobody_but_a_superuser_cleans_up(admin: Session, make_role: MakeRole, login: Login) -> None:
    roles = ("script_tracking_app", "script_tracking_reader", "script_tracking_auditor", "script_tracking_daemon")
    session = login(make_role(*roles))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(CLEANUP, (0,))


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


@pytest.mark.parametrize("years", [timedelta(days=365), timedelta(days=3650)])
def test_retention_is_reckoned_in_days_to_the_partitions_end(disposable: Session, years: timedelta) -> None:
    assert value(disposable, CLEANUP, years.days) == 0
    assert value(disposable, "select (now() - %s::timestamptz) < interval '32 days'", THIS_MONTH) is True
    assert value(disposable, CLEANUP, 33) == 0, "the partition ended less than 33 days ago"


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
