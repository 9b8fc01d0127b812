-- requires: upkeep/partitioned_tables.sql
-- Partitions of the partitioned tables with their bounds; infinity stands for MINVALUE and MAXVALUE.
create or replace view script_tracking_internal.vault_partition as
select p.relname as relation, c.oid::regclass as partition, c.relname as partition_name,
  case when b.bound ~ 'FROM \(MINVALUE\)' then '-infinity'::timestamptz
    else substring(b.bound from 'FROM \(''([^'']*)''')::timestamptz end as lower_bound,
  case when b.bound ~ 'TO \(MAXVALUE\)' then 'infinity'::timestamptz
    else substring(b.bound from 'TO \(''([^'']*)''')::timestamptz end as upper_bound,
  t.place, t.time_column, t.append_only
from script_tracking_internal.partitioned_tables() as t
join pg_catalog.pg_class as p on p.relname = t.relation
join pg_catalog.pg_namespace as n on n.oid = p.relnamespace and n.nspname = 'script_tracking'
join pg_catalog.pg_inherits as i on i.inhparent = p.oid
join pg_catalog.pg_class as c on c.oid = i.inhrelid and c.relkind = 'r'
cross join lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bound) as b;
