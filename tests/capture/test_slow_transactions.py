"""No time to read on within somebody's transaction, or among what was read before: nothing goes back for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from tests.capture.failing import reading, recorded
from tests.capture.fix_readers import SI
from tests.fix_sessions import Session, one, opened, value

pytestmark = pytest.mark.majors  # each round that is late waits for five seconds

EMIT = "select pg_logical_emit_message(%s, %s, 'x') from generate_series(1, 3)"
READ = f"select read_lsn from {SI}.capture_state"
BEHIND = f"select behind from {SI}.read_messages()"


def read_late(session: Session) -> int:
    """Reads in a statement that has taken too long already, and lets the server forget; how many bytes on that was."""
    before = value(session, READ)
    session.execute(f"do $$ begin perform pg_sleep(5.1); perform {SI}.read_messages(); end $$".encode())
    went_on = value(session, f"select read_lsn - %s::pg_lsn from {SI}.capture_state", before)
    session.execute(f"select {SI}.advance_messages()".encode())
    return int(str(went_on))


@pytest.fixture
async def slot(shared_database: str, client: Session) -> AsyncIterator[None]:
    """The database's slot, with nothing left to read."""
    async with reading(shared_database):
        while value(client, BEHIND):
            pass
        client.execute(f"select {SI}.advance_messages()".encode())
        yield


async def test_within_a_transaction_it_reads_to_the_end(slot: None, shared_database: str, client: Session) -> None:
    with opened(shared_database) as other, opened(shared_database) as failing:
        with other.transaction():
            other.execute(EMIT.encode(), (True, "script_tracking"))
            other.execute(EMIT.encode(), (True, "elsewhere"))
            with pytest.raises(psycopg.errors.UndefinedTable):
                failing.execute("drop table never_made")
            client.execute(f"select {SI}.flush_messages()".encode())
            assert one(client, f"select started, refused from {SI}.read_messages()") == {"started": 1, "refused": 0}
            client.execute(f"select {SI}.advance_messages()".encode())
        committed = value(client, "select pg_current_wal_insert_lsn()")
        client.execute(f"select {SI}.flush_messages()".encode())
        refused = f"select last_value from {SI}.refused_message_seq"
        reached = f"select read_lsn >= %s::pg_lsn from {SI}.capture_state"
        while not value(client, reached, committed):  # 14 hands out each transaction, also where it holds nothing
            assert read_late(client) > 0
        assert value(client, f"{refused} where is_called") == 3
        while value(client, BEHIND):
            pass
        assert value(client, refused) == 3, "read again"
        assert value(client, f"select count(*) from {SI}.attempt where verdict is not null") == 0
    async with reading(shared_database) as reader:
        await recorded(reader, client, "DROP TABLE")


async def test_of_others_messages_it_takes_what_it_can(slot: None, client: Session) -> None:
    began = value(client, "select pg_current_wal_insert_lsn()")
    client.execute(EMIT.encode(), (False, "elsewhere"))
    ended = value(client, "select pg_current_wal_insert_lsn()")
    client.execute(f"select {SI}.flush_messages()".encode())
    within = f"select read_lsn > %s::pg_lsn and read_lsn < %s::pg_lsn from {SI}.capture_state"
    while not value(client, f"select read_lsn > %s::pg_lsn from {SI}.capture_state", began):
        read_late(client)  # 14 hands out each transaction, also where it holds nothing
    assert value(client, within, began, ended), "all at once"
    assert read_late(client) > 0
    assert value(client, within, began, ended)


async def test_what_was_read_and_not_yet_forgotten_is_read_at_once(slot: None, client: Session) -> None:
    client.execute(EMIT.encode(), (False, "elsewhere"))
    client.execute("select pg_logical_emit_message(false, 'script_tracking', 'x')")
    client.execute(f"select {SI}.flush_messages()".encode())
    while value(client, BEHIND):
        pass
    client.execute(f"update {SI}.capture_state set read_lsn = pg_current_wal_flush_lsn()".encode())
    assert read_late(client) >= 0
