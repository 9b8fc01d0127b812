-- requires: retention/partition_tenants.sql, retention/is_partition_in_use.sql, retention/disposal.sql, retention/is_archived.sql, retention/is_archive_seen.sql
-- What keeps a past partition (of the satellite, with its bounds) from being removed, one row each: retention (of the tenant
-- whose goes longest), delivery, hold, in_use, not_disposable, not_archived. None: it can go. p_days is the retention of tenants that have none of
-- their own, NULL for good.
create or replace function script_tracking_internal.partition_keepers(
  p_partition regclass, p_lower timestamptz, p_upper timestamptz, p_days integer)
returns table (reason text, keeper text, kept_until timestamptz)
language plpgsql volatile
as $function$
#variable_conflict use_column
declare
  v_tenants bytea[] := array(select script_tracking_internal.partition_tenants(p_partition));
begin
  return query
    select 'retention', pg_catalog.format('the retention of tenant %s (%s)', t.tenant_bk,
        coalesce(coalesce(r.days, p_days) || ' days', 'for good')), u.kept_until
    from script_tracking.tenant_h as t
    left join script_tracking_internal.tenant_retention as r on r.tenant_hk = t.tenant_hk
    cross join lateral (
      select coalesce(p_upper + pg_catalog.make_interval(days => coalesce(r.days, p_days)), 'infinity') as kept_until) as u
    where t.tenant_hk = any (v_tenants) and u.kept_until > pg_catalog.now()
    order by u.kept_until desc, t.tenant_bk
    limit 1;
  -- nor is there a place for it then: unless p_days says so, late deliveries are waited for (track_operations takes seven days)
  if p_upper > pg_catalog.now() - pg_catalog.make_interval(days => least(p_days, 7)) then
    return query select 'delivery', 'what is delivered late', p_upper + pg_catalog.make_interval(days => least(p_days, 7));
  end if;
  return query
    select 'hold', pg_catalog.format('hold %s of %s', h.hold_id, coalesce('tenant ' || t.tenant_bk, 'all tenants')), null::timestamptz
    from script_tracking_internal.legal_hold as h
    left join script_tracking.tenant_h as t on t.tenant_hk = h.tenant_hk
    where h.released_at is null and h.held_from < p_upper and h.held_until > p_lower
      and pg_catalog.cardinality(v_tenants) > 0 and (h.tenant_hk is null or h.tenant_hk = any (v_tenants))
    order by h.hold_id;
  if script_tracking_internal.is_partition_in_use(p_partition, p_lower, p_upper) then
    return query select 'in_use', 'an operation that runs, records that the totals have not taken in yet, or judgements made just now', null::timestamptz;
  end if;
  case script_tracking_internal.disposal()
    when 'none' then
      return query select 'not_disposable', 'the setting retention.disposable', null::timestamptz;
    when 'disputed' then
      return query select 'not_archived', 'an exporter that is configured to archive, while the setting retention.archive is off',
        null::timestamptz;
    when 'archived' then
      if not script_tracking_internal.is_archived(p_partition, p_lower, p_upper) then
        return query select 'not_archived', 'that no archive holds it as it is', null::timestamptz;
      elsif not script_tracking_internal.is_archive_seen(p_lower, p_upper) then
        return query select 'not_archived', 'that no exporter has looked at the files of its archive just now', null::timestamptz;
      end if;
    else null;
  end case;
end
$function$;
