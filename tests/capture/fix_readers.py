"""The readers of a database with the server's log: a round at a time, and what they record of failures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from exporter.capture.serverlog import LogReader
from exporter.capture.wal import AttemptReader
from exporter.dsn import Dsn
from exporter.target import Target
from exporter.targetconfig import CaptureConfig, TargetConfig
from tests.fix_sessions import Session, opened, value
from tests.postgres_server import Server

SI = "script_tracking_internal"


class Readers:
    """The daemon's readers of one database, a round at a time."""

    def __init__(self, dsn: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.target = Target(TargetConfig(name="shop", dsn=Dsn(dsn)))
        self.wal = AttemptReader(self.target, CaptureConfig())
        self.log = LogReader(self.target)

    def turn(self) -> list[bool]:
        """Both, in the daemon's order; whether they went well: what takes too long is tried again in the next round."""
        return [self.loop.run_until_complete(reader.round()) for reader in (self.wal, self.log)]

    def round(self) -> None:
        """Both, and both go well."""
        assert self.turn() == [True, True]

    def close(self) -> None:
        self.loop.run_until_complete(self.target.close())
        self.loop.close()


@pytest.fixture(scope="module")
def readers(log_server: Server, log_database: str) -> Iterator[Readers]:
    found = Readers(log_database)
    try:
        for _ in range(3):
            found.round()
        yield found
    finally:
        found.close()
        with opened(log_database) as admin:
            admin.execute(
                "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
                " where database = current_database()"
            )


@pytest.fixture(scope="module")
def admin(log_database: str, readers: Readers) -> Iterator[Session]:
    with opened(log_database) as session:
        session.execute("create table known (i int); create view seen as select * from known")
        session.execute(
            "create function inner_ddl() returns int language plpgsql as"
            " $$ begin execute 'create table known (i int)'; return 1; end $$"
        )
        yield session


def failures(admin: Session, readers: Readers, expected: int, like: str = "%") -> list[dict[str, Any]]:
    """Current versions of the failures whose statement is like this, after enough rounds; not one more comes later."""

    def found() -> list[dict[str, Any]]:
        return [
            dict(row)
            for row in admin.execute(
                "select s.script_name, s.execution_status, s.error_message, s.metadata, s.sql_command, t.tenant_bk,"
                " s.execution_duration_ms, s.db_session_user, s.client_ip::text,"
                " s.execution_timestamp - clock_timestamp() as age"
                " from script_tracking.script_execution_s as s join script_tracking.tenant_h as t using (tenant_hk)"
                " where s.load_end_date is null and s.execution_status in ('FAILED', 'INTERRUPTED', 'ROLLED_BACK')"
                " and s.sql_command like %s order by s.execution_timestamp, (s.metadata ->> 'ordinal')::int",
                (like,),
            ).fetchall()
        ]

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        readers.round()
        waiting = value(admin, f"select count(*) from {SI}.log_error where settled_at is null")
        open_attempts = value(admin, f"select count(*) from {SI}.attempt where recorded_at is null and verdict is null")
        if len(found()) >= expected and not waiting and not open_attempts:
            break
        time.sleep(0.1)
    for _ in range(2):
        readers.round()
    rows = found()
    assert len(rows) == expected, [(row["script_name"], row["sql_command"], row["error_message"]) for row in rows]
    return rows


def fails(session: Session, statement: str) -> str | None:
    """Runs what must fail; its SQLSTATE."""
    with pytest.raises(psycopg.Error) as error:
        session.execute(statement.encode())
    return error.value.sqlstate
