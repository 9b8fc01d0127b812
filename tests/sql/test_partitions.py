"""Partitions of the record: the same of every partitioned table, made ahead."""

from __future__ import annotations

from tests.fix_sessions import Session, meddling, value
from tests.vault_steps import INTERNAL, LONG_AGO, make_past, record, set_setting

FURTHER = f"""
set role script_tracking_owner;
create table script_tracking.further_l (execution_timestamp timestamptz not null, n integer)
  partition by range (execution_timestamp);
create or replace function {INTERNAL}.partitioned_tables()
returns table (place integer, relation name, time_column name, append_only boolean) language sql immutable
as $$ values (1, 'script_execution_h'::name, 'load_date'::name, true), (2, 'script_execution_s', 'execution_timestamp',
  true), (3, 'further_l', 'execution_timestamp', false) $$;
reset role;
"""


def bounds(session: Session, relation: str) -> list[tuple[object, ...]]:
    """Suffix and bounds of a table's partitions, in order."""
    rows = session.execute(
        f"select replace(partition_name, relation, '') as suffix, lower_bound::text as low, upper_bound::text as high"
        f" from {INTERNAL}.vault_partition where relation = %s order by lower_bound".encode(),
        (relation,),
    )
    return [tuple(row.values()) for row in rows]


def test_a_further_table_takes_a_line_and_gets_the_same_partitions(admin: Session) -> None:
    make_past(admin)
    admin.execute(meddling(FURTHER).encode())
    made = value(admin, f"select {INTERNAL}.ensure_partitions()")
    assert made == len(bounds(admin, "script_execution_s")) == 5
    assert bounds(admin, "further_l") == bounds(admin, "script_execution_s")
    assert value(admin, f"select {INTERNAL}.ensure_partitions()") == 0
    set_setting(admin, "partitions.ahead", "5")
    assert value(admin, f"select {INTERNAL}.ensure_partitions()") == 6
    assert bounds(admin, "further_l") == bounds(admin, "script_execution_h") == bounds(admin, "script_execution_s")
    secured = (
        "select bool_and(c.relrowsecurity and c.relforcerowsecurity and exists ("
        " select from pg_policy as p where p.polrelid = c.oid and p.polname = 'owner_all')"
        " and p.append_only = exists (select from pg_trigger as t where t.tgrelid = c.oid and t.tgenabled = 'A'"
        " and t.tgname = 'protect_truncate'))"
        f" from {INTERNAL}.vault_partition as p join pg_class as c on c.oid = p.partition"
    )
    assert value(admin, secured) is True
    record(admin, at=LONG_AGO)
    admin.execute("insert into script_tracking.further_l values (%s, 1)", (LONG_AGO,))
    set_setting(admin, "retention.disposable", "all")
    assert value(admin, "select script_tracking.cleanup_old_data(0)") == 1
    assert value(admin, "select count(*) from script_tracking.further_l") == 0
    assert bounds(admin, "further_l") == bounds(admin, "script_execution_s")
