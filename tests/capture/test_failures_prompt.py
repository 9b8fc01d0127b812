"""How soon a failure is in the record, at the level failures, by what the exporter does for it and by its pauses."""

from __future__ import annotations

from functools import partial

import pytest

from exporter.capture import wal
from tests.capture.failing import reading, silent_writer
from tests.capture.pacing import paced
from tests.fix_sessions import Session, history, refusal, value

SI = "script_tracking_internal"
# so that no reading is noted, whose commit would flush what is announced before it
NOTED = (
    f"insert into {SI}.capture_reading (read_at, next_xid, bad_ends, lost)"
    f" select clock_timestamp() + interval '1 hour', next_xid, bad_ends, lost from {SI}.capture_reading"
    " order by read_at desc limit 1"
)
FLUSHED = "pg_current_wal_flush_lsn() >= %s::pg_lsn"


@pytest.fixture(autouse=True)
def alone(client: Session) -> None:
    """What an earlier test has left of the noted readings is gone."""
    client.execute(f"delete from {SI}.capture_reading where read_at > clock_timestamp()".encode())


def failed(client: Session, view: str) -> bool:
    """Whether a failure to drop it is on record."""
    found = [row["execution_status"] for row in history(client, "DROP VIEW") if f" {view}" in row["sql_command"]]
    assert found in ([], ["FAILED"])
    return bool(found)


async def test_an_announcement_is_flushed_when_it_is_looked_for(shared_database: str, client: Session) -> None:
    async with reading(shared_database):
        with silent_writer(client):
            for _ in range(100):
                refusal(client, "drop view absent_unflushed")
                at = value(client, "select pg_current_wal_insert_lsn()")
                if value(client, f"select {FLUSHED}", at) is False:  # nobody else's commit has done it
                    break
            else:
                pytest.fail("somebody flushed each of a hundred announcements at once")
            assert value(client, f"select {SI}.flush_messages()") is True
            assert value(client, f"select {FLUSHED}", at) is True


async def test_one_round_takes_a_failure_from_its_announcement_to_the_record(
    shared_database: str, client: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "READING_SECONDS", 600.0)  # on the slowest machine
    async with reading(shared_database) as reader:
        with silent_writer(client):
            client.execute(NOTED.encode())
            assert await reader.round()
            assert refusal(client, "drop view absent_at_once") == "42P01"
            assert await reader.round()
            assert failed(client, "absent_at_once")


@pytest.mark.parametrize("idle", [True, False])
async def test_the_pauses_leave_two_of_five_seconds_for_the_work(
    shared_database: str, client: Session, monkeypatch: pytest.MonkeyPatch, idle: bool
) -> None:
    """The worst moment is right after the log was read, in a database in which nothing had happened."""
    async with paced(shared_database, monkeypatch) as pace:
        view = f"absent_idle_{idle}"
        if idle:
            await pace.idle()
        with silent_writer(client):
            client.execute(NOTED.encode())
            assert refusal(client, f"drop view {view}") == "42P01"
            assert await pace.seconds_until(partial(failed, client, view)) <= (3 if idle else 1)
