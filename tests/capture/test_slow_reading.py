"""More to read than there is time for: each step takes what it can, and the next goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import psycopg
import pytest
from structlog.testing import capture_logs

from exporter.capture import serverlog
from exporter.sqlfiles import query
from tests.capture.failing import reading, recorded
from tests.capture.fix_readers import SI, Readers, admin, fails, failures, readers
from tests.capture.fix_serverlog import log_database, log_server
from tests.fix_exporter import eventually
from tests.fix_logs import told
from tests.fix_sessions import Session, opened, value

__all__ = ["admin", "log_database", "log_server", "readers"]


def late(session: Session, step: str, seconds: float) -> None:
    """Runs a step in a statement that has taken so long already."""
    session.execute(f"do $$ begin perform pg_sleep({seconds}); perform {SI}.{step}(); end $$".encode())


@pytest.mark.majors  # waits for half a minute
async def test_messages_and_verdicts(shared_database: str, client: Session) -> None:
    taken = f"select count(*) from {SI}.attempt where tag = 'DROP VIEW'"
    async with reading(shared_database) as reader:
        with opened(shared_database) as failing:
            for number in range(3):
                with pytest.raises(psycopg.errors.UndefinedTable):
                    failing.execute(f"drop view never_made_{number}".encode())
            client.execute(f"select {SI}.note_activity(), {SI}.flush_messages()".encode())
            counts = [0]
            while counts[-1] < 3 and len(counts) < 30:  # 14 hands out empty transactions as well
                late(client, "read_messages", 5.1)
                counts.append(int(str(value(client, taken))))
                client.execute(f"select {SI}.advance_messages()".encode())
            assert counts[-1] == 3
            assert {later - earlier for earlier, later in pairwise(counts)} <= {0, 1}
            # which of them are over, and read up to there
            client.execute(f"select {SI}.note_activity(), {SI}.flush_messages()".encode())
            eventually(lambda: not value(client, f"select behind from {SI}.read_messages()"), 60)
            late(client, "judge_attempts", 10.1)
            assert value(client, taken + " and verdict = 'FAILED'") == 1
            assert value(client, taken + " and recorded_at is not null") == 1
            rows = await recorded(reader, client, "DROP VIEW", 3)
    assert {row["execution_status"] for row in rows} == {"FAILED"}


@pytest.mark.majors  # as above
def test_errors_of_the_log(admin: Session, readers: Readers) -> None:
    noted = f"select count(*) from {SI}.log_error where entry ->> 'statement' like '%/* slow */'"
    settled = noted + " and settled_at is not null"
    for number in range(3):
        fails(admin, f"create tabel slow_{number} () /* slow */")

    def read() -> bool:
        assert readers.loop.run_until_complete(readers.log.round())
        return value(admin, noted) == 3

    eventually(read, 30)
    assert value(admin, settled) == 0  # they wait for the write-ahead log
    assert readers.loop.run_until_complete(readers.wal.round())
    late(admin, "settle_log_errors", 10.1)
    assert value(admin, settled) == 1
    failures(admin, readers, 3, "%/* slow */")


@pytest.fixture
def slow_merge(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What takes a stretch in takes longer than it may."""

    def slowed(group: str, name: str) -> str:
        return query(group, name) + ", pg_sleep(60)" * (name == "merge")

    with monkeypatch.context() as patched:
        patched.setattr(serverlog, "query", slowed)
        patched.setattr(serverlog, "TIMEOUT_SECONDS", 4.0)  # for all else, which takes a moment, more than enough
        yield patched


def test_a_stretch_of_the_log_that_is_not_taken_in_in_time_becomes_shorter(
    admin: Session, readers: Readers, slow_merge: pytest.MonkeyPatch
) -> None:
    fails(admin, "create tabel shorter () /* shorter */")
    era, whole = readers.target.sessions.era, serverlog.ROUND_BYTES
    with capture_logs() as logs:
        eventually(lambda: readers.loop.run_until_complete(readers.log.round()) and readers.log._budget < whole, 60)
    assert not [line for line in told(logs) if line["event"] == "capture_failed"]
    assert readers.target.sessions.era == era, "the session is kept"
    slow_merge.undo()
    (row,) = failures(admin, readers, 1, "%/* shorter */")
    assert row["metadata"]["sqlstate"] == "42601"

    def longer_again() -> bool:
        fails(admin, "create tabel shorter () /* longer again */")
        readers.round()
        readers.round()
        return readers.log._budget == whole

    eventually(longer_again, 60)


def test_what_is_never_taken_in_is_a_failure_that_is_told_once(
    admin: Session, readers: Readers, log_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(admin, "create tabel never () /* never */")
    with opened(log_database) as other, other.transaction(), capture_logs() as logs:
        other.execute(f"lock table {SI}.log_error in exclusive mode".encode())
        for _ in range(4):
            assert readers.loop.run_until_complete(readers.log.round()), "a lock held for a moment is no failure"
        monkeypatch.setattr(serverlog, "LOCKED_OUT_SECONDS", 0.3)
        eventually(lambda: not readers.loop.run_until_complete(readers.log.round()), 60)
        for _ in range(4):
            assert not readers.loop.run_until_complete(readers.log.round())
    failed = [line for line in told(logs) if line["event"].startswith("capture_")]
    assert [line["event"] for line in failed] == ["capture_failed"]
    assert "lock timeout" in str(failed[0]["reason"])
    with capture_logs() as logs:
        eventually(lambda: readers.loop.run_until_complete(readers.log.round()), 60)
        failures(admin, readers, 1, "%/* never */")
    assert [line["event"] for line in told(logs) if line["event"].startswith("capture_")] == ["capture_recovered"]
