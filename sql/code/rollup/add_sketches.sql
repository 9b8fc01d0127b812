-- The sum of two sketches.
create or replace function script_tracking_internal.add_sketches(
  p_buckets smallint[], p_counts bigint[], p_more_buckets smallint[], p_more_counts bigint[],
  out buckets smallint[], out counts bigint[])
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $function$
  select array_agg(m.bucket order by m.bucket), array_agg(m.counted order by m.bucket)
  from (
    select u.bucket, sum(u.counted)::bigint as counted
    from unnest(p_buckets || p_more_buckets, p_counts || p_more_counts) as u (bucket, counted)
    group by u.bucket) as m
$function$;
