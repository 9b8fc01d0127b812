-- requires: capture/named_in.sql
-- Invalid indexes that an attempt which built one and failed has left: made since the last reading before it began, and
-- named in its statement, or on a table named there, unless somebody is at work on that or an earlier attempt has left it; in
-- the schema that it names, if any.
-- Of several the ones of which it names the most. Without a statement to look in the only one; NULL where there is none.
-- What REINDEX CONCURRENTLY leaves is named like the index it was to replace.
create or replace function script_tracking_internal.invalid_indexes(p_started_at timestamptz, p_sql text)
returns text[]
language sql stable
as $function$
  with made as (
    select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as name,
      case
        when pg_catalog.regexp_replace(c.relname, '_ccnew[0-9]*$', '') = any (s.words)
          then 4 + 2 * (t.relname = any (s.words))::integer + (n.nspname = any (s.words))::integer
        when t.relname = any (s.words) and not exists (
          select from pg_catalog.pg_locks as l  -- of who builds an index concurrently
          where l.locktype = 'relation' and l.relation = t.oid and l.mode = 'ShareUpdateExclusiveLock'
            and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))
          and not exists (  -- one that failed before it has left this one
            select from script_tracking.script_execution_s as e
            where e.execution_timestamp >= r.read_at and e.execution_timestamp < p_started_at and e.load_end_date is null
              and e.metadata -> 'invalid_indexes' ? (pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)))
          then 2 + (n.nspname = any (s.words))::integer
      end as fit
    from pg_catalog.pg_index as i
    join pg_catalog.pg_class as c on c.oid = i.indexrelid
    join pg_catalog.pg_class as t on t.oid = i.indrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    cross join (
      select script_tracking_internal.named_in(p_sql) as words, (script_tracking_internal.named_in(pg_catalog.substring(p_sql,
        '(?i)\m(?:on|index|table)\s+(?:concurrently\s+)?(?:only\s+)?("(?:[^"]|"")+"|[^\s".;(]+)\s*[.]')))[1] as schema) as s
    cross join lateral (
      select r.next_xid, r.read_at from script_tracking_internal.capture_reading as r
      where r.read_at <= p_started_at order by r.read_at desc limit 1) as r
    where not i.indisvalid and c.relkind = 'i' and n.nspname = coalesce(s.schema, n.nspname)
      -- a row's xmin has 32 bits: its distance from the reading, going round, is small and not negative
      and pg_catalog.mod(c.xmin::text::bigint - (r.next_xid::text::numeric % 4294967296)::bigint + 4294967296, 4294967296)
        < 2147483648
  )
  select pg_catalog.array_agg(m.name order by m.name)
  from made as m
  where m.fit = (select max(o.fit) from made as o)
    or (p_sql is null and (select pg_catalog.count(*) from made as o) = 1)
$function$;
