-- vault_check of hub and names of objects, as a whole: they are small. A row for each of their checks.
create or replace function script_tracking_internal.check_objects(p_relation text)
returns table (check_name text, checked bigint, violations bigint, example text)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select c.check_name, count(*), count(*) filter (where c.violated),
    min(h.object_bk) filter (where c.violated)
  from script_tracking.database_object_h as h
  cross join lateral (values
    ('object_hash_key', h.object_hk <> sha256(convert_to(h.object_bk, 'UTF8'))
      or h.object_bk <> concat(h.class_id, '/', h.object_id, '/', h.incarnation)),
    ('object_without_name', not exists (
      select from script_tracking.database_object_name_s as n where n.object_hk = h.object_hk))) as c (check_name, violated)
  where p_relation = 'database_object_h'
  group by c.check_name
  union all
  select 'name_without_object', count(*), count(*) filter (where j.orphan),
    min(j.identity) filter (where j.orphan)
  from (
    select n.identity::text as identity, not exists (
      select from script_tracking.database_object_h as h where h.object_hk = n.object_hk) as orphan
    from script_tracking.database_object_name_s as n) as j
  where p_relation = 'database_object_name_s'
$function$;
