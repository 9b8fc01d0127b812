"""Removal of partitions while others read, write, prepare and die: no counter loses anything, nothing stays locked."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.fix_sessions import Session, opened, value
from tests.vault_steps import INTERNAL, LONG_AGO, RECORD, make_past, record, roll_up, set_setting

CLEANUP = "select script_tracking.cleanup_old_data(0)"
COUNTED = f"select sum(operations_total)::int from {INTERNAL}.collect_operations() where script_type = 'BATCH'"
STANDS = f"select to_regclass('{INTERNAL}.script_execution_s_past') is not null"
WAITING = "select exists (select from pg_locks where not granted and mode = 'AccessExclusiveLock')"
BEGAN = f"""
insert into {INTERNAL}.running_operation
  (script_execution_hk, tenant_hk, script_type, execution_timestamp, started_by, heartbeat_at)
select %s, tenant_hk, 'BATCH', %s, current_user, now() from script_tracking.tenant_h where tenant_bk = 'system'
"""


@pytest.fixture
def past(admin: Session) -> Session:
    """A superuser's session on a record, declared disposable, with ten jobs in its past partition."""
    make_past(admin)
    set_setting(admin, "retention.disposable", "all")
    for _ in range(10):
        record(admin, at=LONG_AGO)
    roll_up(admin)
    return admin


def late(session: Session) -> None:
    """Records a job of the past within the session's transaction."""
    session.execute("set local role script_tracking_owner")
    values = {"name": "job", "type": "BATCH", "status": "COMPLETED", "at": LONG_AGO, "us": 1, "tenant": "system"}
    session.execute(RECORD, {**values, "metadata": '{"duration_us": 1}'})


def beside(dsn: str, statement: str) -> tuple[threading.Thread, list[object]]:
    """Runs a statement in a session of its own; its value or its error."""
    found: list[object] = []

    def work() -> None:
        with opened(dsn) as session:
            try:
                found.append(value(session, statement))
            except psycopg.Error as error:
                found.append(error.sqlstate)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, found


def until(ready: Callable[[], object]) -> None:
    end = time.monotonic() + 180
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("ending", ["commit", "rollback", "prepared"])
def test_who_writes_into_it_meanwhile_keeps_it(installed_database: str, past: Session, ending: str) -> None:
    with psycopg.connect(installed_database, row_factory=dict_row) as writer:
        late(writer)
        if ending == "prepared":
            writer.execute("reset role; prepare transaction 'late'")
        thread, found = beside(installed_database, CLEANUP)
        if ending != "prepared":
            until(lambda: value(past, WAITING) or not thread.is_alive())
            getattr(writer, ending)()
        thread.join()
    if ending == "rollback":
        assert found in (["55P03"], [10])
    else:
        assert (found, value(past, STANDS)) == (["55P03"], True)
    if ending == "prepared":
        past.execute("commit prepared 'late'")
    total = 10 if ending == "rollback" else 11
    assert value(past, COUNTED) == total
    if found != [10]:
        assert value(past, CLEANUP) == total
    assert value(past, COUNTED) == total
    past.execute(f"select {INTERNAL}.rebuild_totals()".encode())
    assert value(past, COUNTED) == total


def test_an_operation_that_began_in_it_keeps_it_until_it_ends(past: Session) -> None:
    key = record(past, at=LONG_AGO, status="RUNNING", us=None)
    past.execute(BEGAN.encode(), (key, LONG_AGO))
    notices: list[str] = []
    past.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    assert (value(past, CLEANUP), value(past, STANDS)) == (0, True)
    assert "stays: an operation that runs" in notices[0]
    assert value(past, "select script_tracking.complete_operation(%s, true)", key) is True
    assert (value(past, CLEANUP), value(past, COUNTED)) == (11, 11)


def test_a_prepared_transaction_with_rows_in_it_keeps_it_and_blocks_nobody(
    installed_database: str, past: Session
) -> None:
    with psycopg.connect(installed_database, row_factory=dict_row) as writer:
        late(writer)
        writer.execute("reset role; prepare transaction 'forgotten'")
    took = []
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            past.execute(CLEANUP)
        took.append(time.monotonic() - began)
        record(past)
    assert min(took) < 5
    assert value(past, COUNTED) == 13
    past.execute("rollback prepared 'forgotten'")
    assert (value(past, CLEANUP), value(past, COUNTED)) == (10, 13)


def test_a_cleanup_that_is_killed_leaves_all_as_it_was(installed_database: str, past: Session) -> None:
    with psycopg.connect(installed_database) as reader:
        reader.execute("select count(*) from script_tracking.script_execution_s")  # cleanup waits for this
        thread, found = beside(installed_database, f"set lock_timeout = 0; {CLEANUP}".split("; ")[1])
        until(lambda: value(past, WAITING) or not thread.is_alive())
        past.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query like '%%cleanup_old_data%%'"
            " and pid <> pg_backend_pid()"
        )
        thread.join()
    assert found in (["57P01"], ["55P03"], [None])
    assert (value(past, STANDS), value(past, COUNTED)) == (True, 10)
    assert value(past, f"select count(*) from {INTERNAL}.operation_total_carried") == 0
    assert (value(past, CLEANUP), value(past, COUNTED)) == (10, 10)


def test_a_reader_that_waited_for_the_removal_counts_no_less(installed_database: str, past: Session) -> None:
    late_key = record(past, at=LONG_AGO)  # not in the totals yet
    assert late_key
    with psycopg.connect(installed_database, row_factory=dict_row) as cleaner:
        cleaner.execute("lock table only script_tracking.script_execution_s in access exclusive mode")
        thread, found = beside(installed_database, COUNTED)
        waiting = "select exists (select from pg_locks where not granted and mode = 'AccessShareLock')"
        until(lambda: value(past, waiting))
        assert value(cleaner, CLEANUP) == 11
        cleaner.commit()
    thread.join()
    assert found == [11]


def test_an_old_snapshot_removes_nothing(installed_database: str, past: Session) -> None:
    with psycopg.connect(installed_database, row_factory=dict_row) as cleaner:
        cleaner.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            cleaner.execute(CLEANUP)
    assert value(past, STANDS) is True


def test_counters_never_fall_while_many_write_into_what_goes(installed_database: str, past: Session) -> None:
    written: list[int] = []

    def work() -> None:
        with psycopg.connect(installed_database, row_factory=dict_row) as session:
            for _ in range(20):
                try:
                    late(session)
                except psycopg.errors.CheckViolation:  # it is gone
                    return
                session.commit()
                written.append(1)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for thread in workers:
        thread.start()
    seen, removed = [value(past, COUNTED)], 0
    while value(past, STANDS):
        with contextlib.suppress(psycopg.errors.LockNotAvailable):
            removed += int(str(value(past, CLEANUP)))
        seen.append(value(past, COUNTED))
    for thread in workers:
        thread.join()
    assert seen == sorted(seen, key=lambda number: int(str(number)))
    assert removed == value(past, COUNTED) == 10 + len(written)
