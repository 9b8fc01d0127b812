-- Invalid indexes that an attempt which built one and failed has left: made since the last reading before it began, and
-- named in its statement, or on a table named there, unless somebody is at work on that. Without a statement to look in
-- the only one; NULL where there is none. What REINDEX CONCURRENTLY leaves is named like the index it was to replace.
create or replace function script_tracking_internal.invalid_indexes(p_started_at timestamptz, p_sql text)
returns text[]
language sql stable
as $function$
  with made as (
    select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as name,
      pg_catalog.strpos(s.statement, pg_catalog.lower(pg_catalog.regexp_replace(c.relname, '_ccnew[0-9]*$', ''))) > 0 as named,
      pg_catalog.strpos(s.statement, pg_catalog.lower(t.relname)) > 0 and not exists (
        select from pg_catalog.pg_locks as l  -- of who builds an index concurrently
        where l.locktype = 'relation' and l.relation = t.oid and l.mode = 'ShareUpdateExclusiveLock'
          and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))
        as table_named
    from pg_catalog.pg_index as i
    join pg_catalog.pg_class as c on c.oid = i.indexrelid
    join pg_catalog.pg_class as t on t.oid = i.indrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    cross join (select pg_catalog.lower(pg_catalog.replace(p_sql, '""', '"')) as statement) as s
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
    or (p_sql is null and (select pg_catalog.count(*) from made as o) = 1)
$function$;
