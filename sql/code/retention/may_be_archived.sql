-- requires: retention/partition_keepers.sql
-- Whether nothing keeps a past partition of the satellite, with its bounds, but that it is not archived or not disposable: by
-- the setting retention.days and the tenants' own.
create or replace function script_tracking_internal.may_be_archived(p_partition regclass, p_lower timestamptz, p_upper timestamptz)
returns boolean
language sql volatile
as $function$
  select not exists (
    select from script_tracking_internal.partition_keepers(p_partition, p_lower, p_upper,
      (select nullif(s.value, 'none')::integer from script_tracking_internal.setting as s where s.name = 'retention.days')) as k
    where k.reason not in ('not_disposable', 'not_archived'))
$function$;
