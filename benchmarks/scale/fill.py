"""Fills a tracked database with executions of the past, month by month, as if it had run for so long."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

SI = "script_tracking_internal"
TABLES = ("script_execution_h", "script_execution_s")
SLICE = 50_000  # executions of one statement
WORKERS = 2
TENANTS = 50
BIG, SMALL = "tenant-01", "tenant-02"
_FILL = (Path(__file__).parent / "fill.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Month:
    """A calendar month, or what has passed of the present one."""

    suffix: str
    lower: datetime
    upper: datetime

    def slices(self, count: int) -> Iterator[tuple[datetime, datetime, int]]:
        """The month in stretches of at most SLICE executions."""
        number = max(1, -(-count // SLICE))
        step = (self.upper - self.lower) / number
        for place in range(number):
            lower = self.lower + place * step
            yield lower, lower + step, count // number


def months(number: int, now: datetime) -> list[Month]:
    """The last months, the present one among them, oldest first."""
    found: list[Month] = []
    year, month, upper = now.year, now.month, now
    for _ in range(number):
        lower = datetime(year, month, 1, tzinfo=UTC)
        found.insert(0, Month(f"_{year}{month:02}" if found else "_first", lower, upper))
        year, month, upper = (year, month - 1, lower) if month > 1 else (year - 1, 12, lower)
    return found


def fill(dsn: str, executions: int, number_of_months: int) -> None:
    """Registers tenants and readers, and writes that many executions over so many months."""
    with psycopg.connect(dsn, autocommit=True) as admin:
        register = "select script_tracking.register_tenant(%s)"
        tenants = [_one(admin, register, f"tenant-{place:02}") for place in range(1, TENANTS + 1)]
        now = datetime.now(UTC)
        stretches = months(number_of_months, now)
        _cut_first(admin, stretches)
    rate = executions / (now - stretches[0].lower).total_seconds()
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [
            pool.submit(_fill_month, dsn, month, tenants, int(rate * (month.upper - month.lower).total_seconds()))
            for month in stretches
        ]:
            done.result()
    with psycopg.connect(dsn, autocommit=True) as admin:
        for month in stretches[:-1]:
            with admin.transaction():
                _lock(admin)
                for table in TABLES:
                    _attach(admin, table, month.suffix, month.lower, month.upper)
                admin.execute("set local role script_tracking_owner")  # as upkeep makes them
                admin.execute(f"select {SI}.complete_partitions()".encode())
        admin.execute("vacuum analyze")


def _cut_first(admin: psycopg.Connection[tuple[object, ...]], stretches: list[Month]) -> None:
    """Makes room for the past months: the oldest partition is to begin with the present one."""
    present = stretches[-1]
    with admin.transaction():
        _lock(admin)
        upper = _one(admin, "select %s::timestamptz + interval '1 month'", present.lower)
        for (table,) in admin.execute(f"select relation from {SI}.partitioned_tables() order by place".encode()):
            admin.execute(f"alter table script_tracking.{table} detach partition {SI}.{table}_first".encode())
            _attach(admin, str(table), "_first", present.lower, upper)
        for table in TABLES:
            for month in stretches[:-1]:
                # without indexes, which are made by attaching
                name = f"{SI}.{table}{month.suffix}"
                like = f"script_tracking.{table} including defaults including compression"
                owned = f"alter table {name} owner to script_tracking_owner"
                admin.execute(f"create table {name} (like {like}); {owned}".encode())


def _attach(
    admin: psycopg.Connection[tuple[object, ...]], table: str, suffix: str, lower: datetime, upper: object
) -> None:
    name = f"{SI}.{table}{suffix}"
    admin.execute(f"select {SI}.attach_partition(%s, %s::regclass, %s, %s)".encode(), (table, name, lower, upper))


def _fill_month(dsn: str, month: Month, tenants: list[object], count: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute("set work_mem = '256MB'")
        for lower, upper, part in month.slices(count):
            connection.execute(
                sql.SQL(_FILL).format(
                    hub=sql.Identifier(SI, f"{TABLES[0]}{month.suffix}"),
                    satellite=sql.Identifier(SI, f"{TABLES[1]}{month.suffix}"),
                    lower=sql.Literal(lower), upper=sql.Literal(upper), count=sql.Literal(part),
                    tenants=sql.Literal(tenants),
                )
            )  # fmt: skip


def _lock(admin: psycopg.Connection[tuple[object, ...]]) -> None:
    """What upkeep holds while it works on partitions."""
    admin.execute(f"lock table {SI}.schema_migration in share row exclusive mode".encode())


def _one(admin: psycopg.Connection[tuple[object, ...]], statement: str, *arguments: object) -> object:
    row = admin.execute(statement.encode(), arguments).fetchone()
    assert row is not None
    return row[0]
