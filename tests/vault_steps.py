"""What tests of the vault do again and again: records of a chosen time, a partition that lies in the past."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb

from tests.fix_sessions import Session, meddling, value

INTERNAL = "script_tracking_internal"
THIS_MONTH = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
LONG_AGO = THIS_MONTH - timedelta(days=40)
DAYS_AGO = THIS_MONTH - timedelta(days=2)  # so long that nothing is delivered any more, whatever the day of the month

RECORD = """
select script_tracking_internal.record_execution(
  p_tenant_hk => t.tenant_hk, p_incarnation => i.incarnation, p_record_source => 'test',
  p_script_name => %(name)s, p_script_type => %(type)s, p_execution_status => %(status)s, p_started_at => %(at)s,
  p_duration_us => %(us)s, p_affected_objects => null, p_sql_command => null, p_metadata => %(metadata)s,
  p_suffix => null)
from script_tracking.tenant_h as t, script_tracking_internal.installation as i
where t.tenant_bk = %(tenant)s
"""

# every version, as it stands in each copy of a record
VERSIONS = """
select h.script_execution_bk, s.execution_status, s.version_number, encode(s.hash_diff, 'hex') as hash_diff,
  s.record_source, s.incarnation
from script_tracking.script_execution_h as h
join script_tracking.script_execution_s as s using (script_execution_hk) order by s.version_number
"""

# what the vault's own upkeep does when it splits the newest partition, done to the first one
PAST = """
alter table script_tracking.{0} detach partition {1}.{0}_first;
select {1}.attach_partition('{0}', '{1}.{0}_first', '{2}', '{3}'),
  {1}.attach_partition('{0}', {1}.make_partition('{0}', '_past'), '-infinity', '{2}');
"""


def record(
    session: Session,
    *,
    status: str = "COMPLETED",
    at: datetime | None = None,
    us: int | None = 1000,
    kind: str = "BATCH",
    tenant: str = "system",
    name: str = "job",
    sqlstate: str | None = None,
) -> bytes:
    """Writes one execution as the vault's owner does; its key."""
    metadata = {"evidence": "client", "tracking_us": 10} | ({} if us is None else {"duration_us": us})
    if sqlstate is not None:
        metadata["sqlstate"] = sqlstate
    values = {"name": name, "type": kind, "status": status, "at": at or datetime.now(UTC), "us": us, "tenant": tenant}
    with session.transaction():
        session.execute("set local role script_tracking_owner")
        rows = session.execute(RECORD, {**values, "metadata": Jsonb(metadata)}).fetchall()
    (key,) = rows[0].values()
    assert isinstance(key, bytes)
    return key


def make_past(session: Session, until: datetime = THIS_MONTH) -> None:
    """Gives every partitioned table a partition that ended before this month, or at another time."""
    following = (THIS_MONTH + timedelta(days=32)).replace(day=1)
    with session.transaction():
        session.execute(meddling("set local script_tracking_internal.installing = 'on'").encode())
        session.execute("set local role script_tracking_owner")
        for row in session.execute(f"select relation from {INTERNAL}.partitioned_tables() order by place".encode()):
            session.execute(PAST.format(row["relation"], INTERNAL, until, following).encode())
        session.execute(f"select {INTERNAL}.settle_guards(1259)".encode())


def counters(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """Everything that the daemon reads of the totals; not the executions that it names, which the roll-ups bring."""
    return {
        function: sorted(
            (
                tuple(v for k, v in row.items() if not k.startswith("last_"))
                for row in session.execute(f"select * from {INTERNAL}.{function}()".encode())
            ),
            key=str,
        )
        for function in ("collect_operations", "collect_operation_durations", "collect_errors")
    }


def counted(session: Session) -> object:
    """Operations counted, over all tenants, types and statuses."""
    return value(session, f"select sum(operations_total)::bigint from {INTERNAL}.collect_operations()")


def roll_up(session: Session) -> object:
    """Moves the totals up to the horizon; how many versions were added."""
    return value(session, f"select {INTERNAL}.roll_up()")


def pass_horizon(session: Session) -> None:
    """Waits until the transaction horizon has passed all that was written, which others of the server may hold back."""
    mark = value(session, "select pg_current_xact_id()::text")
    end = time.monotonic() + 60
    while not value(session, "select pg_snapshot_xmin(pg_current_snapshot()) > %s::xid8", mark):
        assert time.monotonic() < end, "somebody holds the horizon"
        time.sleep(0.02)


def set_setting(session: Session, name: str, text: str) -> None:
    """Changes one setting of the record."""
    session.execute(f"update {INTERNAL}.setting set value = %s where name = %s".encode(), (text, name))


def age_archives(session: Session, by: str) -> None:
    """Has what was archived and looked at been so long ago, by the ledger."""
    ledger = f"alter table {INTERNAL}.partition_archive"
    session.execute(
        meddling(
            f"{ledger} disable trigger protect_rows;"
            f" update {INTERNAL}.partition_archive set archived_at = archived_at - interval '{by}';"
            f" {ledger} enable always trigger protect_rows;"
            f" update {INTERNAL}.archive_look set looked_at = looked_at - interval '{by}'"
        ).encode()
    )


def rebuilt(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """The counters after the totals were built anew from what was carried and what is there."""
    session.execute(f"select {INTERNAL}.rebuild_totals()".encode())
    return counters(session)
