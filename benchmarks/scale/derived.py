"""How fast what is derived from the record catches up with it, and what it takes beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from exporter.sqlfiles import query

JOBS = ("roll_up", "derive_links")  # of upkeep, in the order in which they are due


VAULT = ("script_execution_h", "script_execution_s")


@dataclass(frozen=True)
class Derived:
    """Rows of the record that each job took in, and seconds."""

    rows: Mapping[str, int]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Sizes:
    """Bytes, indexes included: hub and satellite, and what is derived from them."""

    vault: int
    derived: Mapping[str, int]


def catch_up(dsn: str) -> Derived:
    """Runs every job that derives something until there is nothing to be done."""
    rows: dict[str, int] = {}
    seconds: dict[str, float] = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for job in JOBS:
            began = time.monotonic()
            rows[job] = 0
            more = True
            while more:
                statement = sql.SQL(query("upkeep", "run")).format(job=job, every=0)
                (step,) = connection.cursor(row_factory=dict_row).execute(statement).fetchall()
                rows[job] += step["done"]
                more = step["more"]
            seconds[job] = time.monotonic() - began
        connection.execute("vacuum analyze")
    return Derived(rows, seconds)


def sizes(dsn: str) -> Sizes:
    """Adds up every table of the tracker, the partitions of one as one."""
    with psycopg.connect(dsn) as connection:
        tables: dict[str, int] = dict(connection.execute(_SIZES).fetchall())
    vault = sum(tables.pop(name) for name in VAULT)
    return Sizes(vault, {name: size for name, size in tables.items() if size >= 0.001 * vault})


_SIZES = b"""
select coalesce(p.relname, c.relname), sum(pg_total_relation_size(c.oid))::bigint
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace and n.nspname in ('script_tracking', 'script_tracking_internal')
left join pg_inherits as i on i.inhrelid = c.oid
left join pg_class as p on p.oid = i.inhparent
where c.relkind = 'r'
group by 1
order by 2 desc
"""
