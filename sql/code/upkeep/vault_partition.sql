-- Partitions of hub and satellite with their bounds; infinity stands for MINVALUE and MAXVALUE.
create or replace view script_tracking_internal.vault_partition as
select p.relname as relation, c.oid::regclass as partition, c.relname as partition_name,
  case when b.bound ~ 'FROM \(MINVALUE\)' then '-infinity'::timestamptz
    else substring(b.bound from 'FROM \(''([^'']*)''')::timestamptz end as lower_bound,
  case when b.bound ~ 'TO \(MAXVALUE\)' then 'infinity'::timestamptz
    else substring(b.bound from 'TO \(''([^'']*)''')::timestamptz end as upper_bound
from pg_catalog.pg_inherits as i
join pg_catalog.pg_class as p on p.oid = i.inhparent
join pg_catalog.pg_namespace as n on n.oid = p.relnamespace
join pg_catalog.pg_class as c on c.oid = i.inhrelid
cross join lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bound) as b
where n.nspname = 'script_tracking' and p.relname in ('script_execution_h', 'script_execution_s')
  and c.relkind = 'r';
