"""Logical replication with the tracker on both sides: user tables go through, the record stays each database's own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from exporter.errors import PublishedTables
from tests.fix_databases import new_database
from tests.fix_sessions import Session, history, opened, value
from tests.installing import installed
from tests.postgres_server import Server
from tests.vault_steps import roll_up

pytestmark = pytest.mark.majors  # a server in a container cannot reach itself by the address that we reach it by

WITHIN_SECONDS = 120
TABLE = "create table public.orders (id int primary key, note text)"


@pytest.fixture
def pair(postgres: Server) -> Iterator[tuple[str, str]]:
    """Two databases of one server, a publisher and a subscriber, each with the table."""
    with new_database(postgres) as publisher, new_database(postgres) as subscriber:
        for dsn in (publisher, subscriber):
            with opened(dsn) as session:
                session.execute(TABLE)
        yield publisher, subscriber


Subscribe = Callable[[Session, Session, str], None]


@pytest.fixture
def subscribe(pair: tuple[str, str]) -> Iterator[Subscribe]:
    """Makes the publication that is given and subscribes to it; within one server the slot has to be made apart."""
    slot = f"slot_{uuid.uuid4().hex[:10]}"
    publisher, subscriber = pair

    def make(there: Session, here: Session, publication: str) -> None:
        there.execute(f"create publication p {publication}".encode())
        there.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))
        place = urlsplit(publisher)
        here.execute(
            f"create subscription s connection 'host={place.hostname} port={place.port} user={place.username} "
            f"dbname={place.path[1:]} password=hunter2' publication p "
            f"with (create_slot = false, slot_name = '{slot}')".encode()
        )

    yield make
    with opened(subscriber) as here, opened(publisher) as there:
        for statement in ("disable", "set (slot_name = none)"):
            here.execute(f"alter subscription s {statement}".encode())
        here.execute("drop subscription s")
        ended = "select count(*) as n from pg_replication_slots where slot_name = %s and active"
        wait(lambda: value(there, ended, slot) == 0)
        there.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s", (slot,)
        )


def wait(probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not probe():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def follows(there: Session, here: Session, number: int) -> None:
    """What is inserted into the publisher's table arrives."""
    there.execute("insert into public.orders values (%s, 'new')", (number,))
    wait(lambda: value(here, "select count(*) from public.orders where id = %s", number) == 1)


async def test_both_sides_are_tracked_and_the_rows_of_users_go_through(
    pair: tuple[str, str], subscribe: Subscribe
) -> None:
    for dsn in pair:
        await installed(dsn)
    with opened(pair[0]) as there, opened(pair[1]) as here:
        there.execute("insert into public.orders values (1, 'old')")
        subscribe(there, here, "for table public.orders")
        follows(there, here, 2)
        here.execute("alter table public.orders add column checked boolean")
        follows(there, here, 3)
        there.execute("update public.orders set note = 'changed' where id = 1")
        there.execute("delete from public.orders where id = 2")
        changed = "select count(*) from public.orders where id <> 2 and note in ('changed', 'new')"
        wait(lambda: value(here, changed) == 2)
        there.execute("alter publication p set (publish = 'insert')")
        here.execute("alter subscription s disable")
        here.execute("alter subscription s connection 'host=127.0.0.1 password=hunter3'")
        found = [(row["script_name"], row["execution_status"]) for row in [*history(there), *history(here)]]
        assert found == [
            ("CREATE PUBLICATION", "COMPLETED"),
            ("ALTER PUBLICATION", "COMPLETED"),
            ("CREATE SUBSCRIPTION", "COMPLETED"),
            ("ALTER TABLE", "COMPLETED"),
            ("ALTER SUBSCRIPTION", "COMPLETED"),
            ("ALTER SUBSCRIPTION", "COMPLETED"),
        ]
        assert "hunter" not in str([*history(there), *history(here)])


async def test_the_tracker_works_while_all_tables_are_published(postgres: Server, installed_database: str) -> None:
    """Its tables have a replica identity: without one their updates would be refused."""
    with opened(installed_database) as session:
        session.execute("create publication everything for all tables")
        key = value(session, "select script_tracking.track_operation('nightly', 'BATCH')")
        assert value(session, "select script_tracking.complete_operation(%s, true)", key) is True
        session.execute(TABLE)
        assert roll_up(session) == 3
        assert value(session, "select script_tracking_internal.ensure_incarnation()") == 1
        assert len(history(session)) == 3
        assert value(session, "select lost_records_total from script_tracking_internal.collect_capture()") == 0
        note = "insert into script_tracking_internal.noise_ddl (incarnation, tag, objects) values (1, '', '[]')"
        session.execute(note)
        for _ in range(3):
            session.execute("select from script_tracking_internal.reconcile()")
        assert value(session, "select count(*) from script_tracking_internal.noise_ddl") == 0


async def test_a_subscriber_to_all_tables_is_not_stopped_by_an_installation(
    pair: tuple[str, str], subscribe: Subscribe
) -> None:
    """It would stop at the first row of a table that it lacks: the installer refuses until it is told otherwise."""
    with opened(pair[0]) as there, opened(pair[1]) as here:
        subscribe(there, here, "for all tables")
        follows(there, here, 1)
        with pytest.raises(PublishedTables, match="publication p is FOR ALL TABLES"):
            await installed(pair[0])
        follows(there, here, 2)
        await installed(pair[1])
        follows(there, here, 3)
        await installed(pair[0], published=True)
        follows(there, here, 4)
        there.execute("create table public.more ()")
        roll_up(there)
        follows(there, here, 5)
        # the record of each is its own
        assert [row["script_name"] for row in history(there)] == ["CREATE TABLE"]
        assert history(here) == []


async def test_what_is_replicated_into_the_record_changes_nothing_of_it(
    pair: tuple[str, str], subscribe: Subscribe
) -> None:
    """Row-level security keeps the table's owner out from 16 on; the triggers refuse a superuser."""
    hub = "script_tracking.script_execution_h"
    with opened(pair[0]) as there, opened(pair[1]) as here:
        there.execute("create schema script_tracking")
        there.execute(
            f"create table {hub} (script_execution_hk bytea, script_execution_bk varchar, tenant_hk bytea,"
            " load_date timestamptz, record_source varchar, primary key (script_execution_hk, load_date))".encode()
        )
        there.execute(f"insert into {hub} values ('forged', 'forged', sha256('system'), now(), 'there')".encode())
        await installed(pair[1])
        subscribe(there, here, f"for table {hub}")
        if here.info.server_version >= 160000:
            here.execute("alter subscription s set (run_as_owner = true)")
        kept = f"select record_source from {hub} where script_execution_hk = 'forged'"
        wait(lambda: bool(here.execute(kept.encode()).fetchall()))
        faults = "select coalesce(sum(apply_error_count), 0)::integer from pg_stat_subscription_stats"
        for change in (f"update {hub} set record_source = 'changed'", f"delete from {hub}"):
            there.execute(change.encode())
        if here.info.server_version >= 150000:  # where the server tells
            wait(lambda: value(here, faults) != 0)
        else:
            time.sleep(2)
        assert value(here, kept) == "there"
