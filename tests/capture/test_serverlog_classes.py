"""By which SQLSTATE a failure is counted, where the server's log is read later than its attempt."""

from __future__ import annotations

from tests.capture.fix_readers import SI, Readers, admin, fails, failures, readers
from tests.capture.fix_serverlog import log_database, log_server
from tests.fix_sessions import Session, value
from tests.vault_steps import pass_horizon, roll_up

__all__ = ["admin", "log_database", "log_server", "readers"]

OLDER = f"update {SI}.attempt set judged_at = judged_at - interval '{{}} seconds' where payload ->> 'sql' like %s"
UNKNOWN = "select sum(errors) from script_tracking.get_recent_errors(1) where error_class = 'unknown'"
READ = f"update {SI}.log_position set read_at = clock_timestamp() - interval '{{}} seconds', bytes_behind = 0"


def classes(admin: Session) -> dict[str, int]:
    """How many failures of DDL are counted, by class."""
    pass_horizon(admin)
    roll_up(admin)
    rows = admin.execute(f"select * from {SI}.collect_errors() where script_type = 'DDL'".encode()).fetchall()
    return {row["error_class"]: row["errors_total"] for row in rows}


def judged(admin: Session, readers: Readers, like: str) -> None:
    """Has the attempt read and judged, and none of the server's log."""
    wanted = f"select count(*) from {SI}.attempt where verdict is not null and payload ->> 'sql' like %s"
    for _ in range(50):
        assert readers.loop.run_until_complete(readers.wal.round())
        if value(admin, wanted, like):
            return
    raise AssertionError("it was not judged")


def grown(admin: Session, before: dict[str, int]) -> dict[str, int]:
    """By how much the counters of the classes have grown."""
    return {name: count - before.get(name, 0) for name, count in classes(admin).items() if count != before.get(name)}


def test_a_failure_waits_until_the_log_was_read_after_it(admin: Session, readers: Readers) -> None:
    """However long ago it was judged, below a minute: the log may have been read to its end, but before that."""
    before = classes(admin)
    fails(admin, "create table known (i int) /* not read */")
    judged(admin, readers, "%/* not read */")
    admin.execute(OLDER.format(5).encode(), ("%/* not read */",))
    admin.execute(READ.format(6).encode())
    assert readers.loop.run_until_complete(readers.wal.round())
    assert grown(admin, before) == {}
    admin.execute(OLDER.format(-5).encode(), ("%/* not read */",))  # or the error would be taken for another one's
    (row,) = failures(admin, readers, 1, "%/* not read */")
    assert row["metadata"]["sqlstate"] == "42P07"
    assert grown(admin, before) == {"42": 1}


def test_a_failure_waits_for_its_error_to_be_handed_over(admin: Session, readers: Readers) -> None:
    """It is known, and waits for the write-ahead log to be read to where it was noted."""
    before = classes(admin)
    fails(admin, "create table known (i int) /* not settled */")
    noted = f"select count(*) from {SI}.log_error where entry ->> 'statement' like '%/* not settled */'"
    while not value(admin, noted):
        assert readers.loop.run_until_complete(readers.log.round())
    admin.execute(f"update {SI}.log_error set noted_lsn = 'FFFFFFFF/0' where settled_at is null".encode())
    judged(admin, readers, "%/* not settled */")
    admin.execute(OLDER.format(100).encode(), ("%/* not settled */",))
    admin.execute(READ.format(0).encode())
    assert readers.loop.run_until_complete(readers.wal.round())
    assert grown(admin, before) == {}
    admin.execute(OLDER.format(-100).encode(), ("%/* not settled */",))
    admin.execute(f"update {SI}.log_error set noted_lsn = '0/0' where settled_at is null".encode())
    (row,) = failures(admin, readers, 1, "%/* not settled */")
    assert row["metadata"]["sqlstate"] == "42P07"
    assert grown(admin, before) == {"42": 1}


def test_what_the_log_tells_a_minute_too_late_stays_counted_as_unknown(admin: Session, readers: Readers) -> None:
    """A counter does not fall; the record has it."""
    before, unknown = classes(admin), value(admin, UNKNOWN)
    fails(admin, "create table known (i int) /* too late */")
    judged(admin, readers, "%/* too late */")
    admin.execute(OLDER.format(61).encode(), ("%/* too late */",))
    assert readers.loop.run_until_complete(readers.wal.round())
    assert grown(admin, before) == {"unknown": 1}
    admin.execute(OLDER.format(-61).encode(), ("%/* too late */",))
    (row,) = failures(admin, readers, 1, "%/* too late */")
    assert row["metadata"]["sqlstate"] == "42P07"
    assert grown(admin, before) == {"unknown": 1}
    assert value(admin, UNKNOWN) == unknown, "but the list of errors has it"


def test_an_error_that_was_caught_is_recorded_once_the_silent_log_was_read(admin: Session, readers: Readers) -> None:
    before = classes(admin)
    admin.execute(
        "do $$ begin execute 'create table known (i int) /* caught */';"
        " exception when duplicate_table then null; end $$"
    )
    (row,) = failures(admin, readers, 1, "%/* caught */%")
    assert row["metadata"].get("sqlstate") is None
    assert grown(admin, before) == {"unknown": 1}
