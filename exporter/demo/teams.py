"""What the teams of the demo do all day: their migrations and their jobs. `{s}` is the tenant's schema, `{n}` a number
that rises, `{p}` what the names of its roles begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Migration:
    """Statements that are one change: in a transaction that is committed or rolled back, or each by itself."""

    name: str
    statements: tuple[str, ...]
    ending: Literal["commit", "rollback", "alone"] = "commit"


@dataclass(frozen=True)
class Job:
    """A declared operation around one statement; `weight` is its share, `seconds` how long it takes besides."""

    name: str
    script_type: str
    statement: str
    weight: int
    seconds: tuple[float, float] = (0.0, 0.0)


FIRST_MIGRATION = Migration(
    "V1 base tables",
    (
        "create table {s}.customer (id bigint generated always as identity primary key, email text not null unique)",
        "create table {s}.invoice (id bigint generated always as identity primary key,"
        " customer bigint not null references {s}.customer, cents integer not null check (cents > 0))",
        "create table {s}.stock (item text primary key, amount integer not null check (amount >= 0))",
        "grant select, insert, update, delete on all tables in schema {s} to {p}{s}_job",
        "grant usage on schema {s} to {p}{s}_job",
        "insert into {s}.customer (email) select 'customer' || i || '@{s}.example' from generate_series(1, 50) as i",
        "insert into {s}.stock values ('bolt', 1000000), ('nut', 1000000), ('washer', 0)",
    ),
)

MIGRATIONS = (
    Migration(
        "orders",
        (
            "create table {s}.orders_{n} (id bigint generated always as identity primary key,"
            " customer bigint not null, cents integer not null, placed_at timestamptz not null default now())",
            "create index orders_{n}_customer on {s}.orders_{n} (customer)",
            "comment on table {s}.orders_{n} is 'Orders of season {n}'",
        ),
    ),
    Migration(
        "revenue view",
        (
            "create view {s}.revenue_{n} as select customer, sum(cents) as cents from {s}.orders_{n} group by customer",
            "grant select on {s}.revenue_{n} to {p}{s}_job",
        ),
    ),
    Migration("index in operation", ("create index concurrently on {s}.orders_{n} (placed_at)",), "alone"),
    Migration(
        "discount function",
        (
            "create or replace function {s}.discount(cents integer) returns integer language sql immutable"
            " as 'select cents * 9 / 10'",
        ),
    ),
    Migration("table that stands already", ("create table {s}.orders_{n} (id bigint)",)),
    Migration("new column", ("alter table {s}.orders_{n} add column channel text not null default 'shop'",)),
    Migration("dry run", ("create table {s}.trial_{n} (id bigint)", "drop table {s}.trial_{n}"), "rollback"),
    Migration("status type", ("create type {s}.status_{n} as enum ('open', 'paid', 'gone')",)),
    Migration(
        "report",
        (
            "create materialized view {s}.per_channel_{n} as"
            " select channel, count(*) as orders from {s}.orders_{n} group by channel",
        ),
    ),
    Migration("column that is not there", ("alter table {s}.orders_{n} drop column colour",)),
    Migration(
        "clearing up",
        (
            "drop materialized view {s}.per_channel_{n}",
            "drop view {s}.revenue_{n}",
            "drop type {s}.status_{n}",
            "revoke all on {s}.orders_{n} from public",
            "drop table {s}.orders_{n}",
        ),
    ),
)

JOBS = (
    Job(
        "invoices", "BATCH", "insert into {s}.invoice (customer, cents) select id, 1 + id from {s}.customer limit 5", 30
    ),
    Job("stock-sync", "IMPORT", "update {s}.stock set amount = amount - 1 where item in ('bolt', 'nut')", 30),
    Job("revenue-report", "REPORT", "select customer, sum(cents) from {s}.invoice group by customer", 30, (0.02, 0.3)),
    Job("nightly-archive", "BATCH", "delete from {s}.invoice where cents < 0", 3, (4.0, 9.0)),
    Job("washers-out", "BATCH", "update {s}.stock set amount = amount - 1 where item = 'washer'", 3),
    Job("average-basket", "REPORT", "select sum(cents) / count(*) from {s}.invoice where cents < 0", 3),
)

FAILING_JOB = Job("nightly-invoices", "BATCH", "insert into {s}.invoice (customer, cents) values (4711, 990)", 0)
IMPORT_JOB = Job(
    "customer-import", "IMPORT", "insert into {s}.customer (email) values ('new' || {n} || '@{s}.example')", 0
)
BROKEN_IMPORT = Job("customer-import", "IMPORT", "insert into {s}.customer (email) values ('customer1@{s}.example')", 0)
