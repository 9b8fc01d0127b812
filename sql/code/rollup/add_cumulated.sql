-- The sum of two distributions as series_recent holds them: buckets, and how many lie up to each.
create or replace function script_tracking_internal.add_cumulated(
  p_buckets smallint[], p_uptos bigint[], p_more_buckets smallint[], p_more_uptos bigint[],
  out buckets smallint[], out uptos bigint[])
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(array_agg(m.bucket), '{}'), coalesce(array_agg(m.upto), '{}')
  from (
    select u.bucket, coalesce(p_uptos[width_bucket(u.bucket, p_buckets)], 0)
      + coalesce(p_more_uptos[width_bucket(u.bucket, p_more_buckets)], 0) as upto
    from (select distinct n.bucket from unnest(p_buckets || p_more_buckets) as n (bucket)) as u
    order by 1 offset 0) as m
$function$;
