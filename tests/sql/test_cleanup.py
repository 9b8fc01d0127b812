"""cleanup_old_data: nothing goes that is not declared disposable, by whole partitions, and no counter falls."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session, value
from tests.installing import failed_checks
from tests.vault_steps import (
    INTERNAL,
    LONG_AGO,
    THIS_MONTH,
    counted,
    counters,
    make_past,
    rebuilt,
    record,
    roll_up,
    set_setting,
)

CLEANUP = "select script_tracking.cleanup_old_data(%s)"
SATELLITE = "script_tracking.script_execution_s"


def partitions(session: Session) -> set[object]:
    """Names of the satellite's partitions."""
    found = f"select partition_name from {INTERNAL}.vault_partition where relation = 'script_execution_s'"
    return {row["partition_name"] for row in session.execute(found.encode())}


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


MISSING = f"delete from {INTERNAL}.setting where name = 'retention.{{}}'"


@pytest.mark.parametrize(
    "change",
    [
        MISSING.format("disposable"),
        f"{MISSING.format('disposable')}; {MISSING.format('archive')}",
        f"{MISSING.format('archive')}; select {INTERNAL}.ask_archive()",
    ],
)
def test_a_setting_that_is_missing_removes_nothing(disposable: Session, change: str) -> None:
    set_setting(disposable, "retention.days", "1")
    disposable.execute(change.encode())
    before = partitions(disposable)
    assert value(disposable, CLEANUP, 0) == 0
    assert value(disposable, f"select {INTERNAL}.keep_retention()") == 0
    assert partitions(disposable) == before


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


@pytest.mark.parametrize("years", [timedelta(days=365), timedelta(days=3650)])
def test_retention_is_reckoned_in_days_to_the_partitions_end(disposable: Session, years: timedelta) -> None:
    assert value(disposable, CLEANUP, years.days) == 0
    assert value(disposable, "select (now() - %s::timestamptz) < interval '32 days'", THIS_MONTH) is True
    assert value(disposable, CLEANUP, 33) == 0, "the partition ended less than 33 days ago"
