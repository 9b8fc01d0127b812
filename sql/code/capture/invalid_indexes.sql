-- Invalid indexes that an attempt which built one and failed has left: made since the last reading before it began, and
-- named, or on a table named, in its statement. Without a statement to look in, or where that tells none apart, the only
-- one; NULL where there is none.
create or replace function script_tracking_internal.invalid_indexes(p_started_at timestamptz, p_sql text)
returns text[]
language sql stable
as $function$
  with made as (
    select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as name,
      pg_catalog.strpos(pg_catalog.lower(p_sql), pg_catalog.lower(c.relname)) > 0 as named,
      pg_catalog.strpos(pg_catalog.lower(p_sql), pg_catalog.lower(t.relname)) > 0 as table_named
    from pg_catalog.pg_index as i
    join pg_catalog.pg_class as c on c.oid = i.indexrelid
    join pg_catalog.pg_class as t on t.oid = i.indrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    cross join lateral (
      select r.next_xid from script_tracking_internal.capture_reading as r
      where r.read_at <= p_started_at order by r.read_at desc limit 1) as r
    where not i.indisvalid and c.relkind = 'i'
      -- a row's xmin has 32 bits: its distance from the reading, going round, is small and not negative
      and pg_catalog.mod(c.xmin::text::bigint - (r.next_xid::text::numeric % 4294967296)::bigint + 4294967296, 4294967296)
        < 2147483648
  )
  select pg_catalog.array_agg(m.name order by m.name)
  from made as m
  where m.named
    or (m.table_named and not exists (select from made as o where o.named))
    or (select pg_catalog.count(*) from made as o) = 1
$function$;
