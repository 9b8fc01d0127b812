"""What tests of the roll-ups by time do again and again: read them all, build them anew."""

from __future__ import annotations

from psycopg.rows import DictRow

from tests.fix_sessions import Session
from tests.vault_steps import INTERNAL, counters

SERIES = f"join {INTERNAL}.series as s using (series_id) join script_tracking.tenant_h as h using (tenant_hk)"
ROLL_UPS = {
    "operation_hour": "hour, tenant_bk, script_type, status, operations, timed, duration_us, max_duration_us, last_at",
    "duration_sketch": "since, tenant_bk, script_type, buckets, counts",
    "script_day": "day, tenant_bk, script_type, script_name, executions, failures, timed, duration_us, max_duration_us",
    "error_seen": "since, tenant_bk, script_type, sqlstate, fingerprint, errors, first_seen_at, last_seen_at,"
    " script_execution_hk, script_name, error_message",
}


def rows_of(session: Session, table: str) -> list[DictRow]:
    """One roll-up with tenant and type instead of their number."""
    columns = ROLL_UPS[table]
    return session.execute(f"select {columns} from {INTERNAL}.{table} {SERIES} order by {columns}".encode()).fetchall()


DIFFERENCES = f"""
with kept as (select r.* from {INTERNAL}.series_recent as r),
reckoned as (
  select s.* from {INTERNAL}.rollup_state as r cross join lateral {INTERNAL}.recent_sums(null, r.recent_since) as s
  where r.recent_since < 'infinity')
(select * from kept except select * from reckoned) union all (select * from reckoned except select * from kept)
"""

RANKED = f"""
with reckoned as (
  select t.* from {INTERNAL}.rollup_state as r cross join lateral {INTERNAL}.top_scripts(array(
    select d from {INTERNAL}.read_scripts(null, date_bin('1 day', r.recent_since, '2000-01-01 00:00+00')) as d)) as t
  where r.recent_since < 'infinity')
select t.* from {INTERNAL}.script_top as t left join reckoned as r using (series_id)
where t.slowest_scripts <> coalesce(r.slowest_scripts, '[]')
  or t.most_frequent_scripts <> coalesce(r.most_frequent_scripts, '[]')
"""


def recent_differences(session: Session) -> list[DictRow]:
    """What the sums of the last day hold and the hours from which they are reckoned do not, and the other way round;
    and scripts that are ranked otherwise than the days tell."""
    return session.execute(DIFFERENCES.encode()).fetchall() + session.execute(RANKED.encode()).fetchall()


def roll_ups(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """All roll-ups and the totals, as they are comparable; the sums of the last day move on with the hours."""
    assert (found := recent_differences(session)) == [], str(found)
    tables = {table: [tuple(row.values()) for row in rows_of(session, table)] for table in ROLL_UPS}
    return tables | counters(session)


def rebuilt(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """The same after everything was built anew from what was carried and what is there."""
    session.execute(f"select {INTERNAL}.rebuild_totals()".encode())
    return roll_ups(session)
