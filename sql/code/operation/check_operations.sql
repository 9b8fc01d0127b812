-- requires: operation/check_values.sql, operation/hex_key.sql
-- Raises ST003 for the first of track_operations()'s objects that it takes none of, naming it. Asked only where a look at all of
-- them at once found that there is one.
create or replace function script_tracking_internal.check_operations(p_operations jsonb, p_now timestamptz)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_problem text;
begin
  perform script_tracking_internal.check_values(p_operations, 'operations');
  select format('operations[%s]: %s', g.place - 1, g.problem) into v_problem
  from (
    select o.place, case
      when jsonb_typeof(o.item) <> 'object' then 'is not an object'
      when o.item - array['script_name', 'script_type', 'tenant', 'metadata', 'parent_hk', 'sql_command', 'started_at', 'id']
          <> '{}' then 'has an unknown key'
      when not coalesce(length(i.script_name) between 1 and 1000 and length(i.script_type) between 1 and 63
          and i.script_type collate "C" !~ '[[:cntrl:]]', false)
        then 'script_name must have 1 to 1000 characters, script_type 1 to 63 printable ones'
      when jsonb_typeof(nullif(i.metadata, 'null')) <> 'object' then 'metadata must be a JSON object'
      when i.parent_hk is not null and script_tracking_internal.hex_key(i.parent_hk) is null
        then 'parent_hk must be hexadecimal'
      when not i.started_at between p_now - interval '7 days' and p_now + interval '5 seconds'
        then 'started_at must lie within the last seven days'
      when i.id !~ '^[0-9a-f]{32}$' then 'id must be 32 hexadecimal digits'
      when i.id is not null and i.started_at is null then 'id needs started_at' end as problem
    from jsonb_array_elements(p_operations) with ordinality as o (item, place)
    cross join lateral jsonb_to_record(case when jsonb_typeof(o.item) = 'object' then o.item else '{}' end)
      as i (script_name text, script_type text, metadata jsonb, parent_hk text, started_at timestamptz, id text)
  ) as g
  where g.problem is not null
  order by g.place limit 1;
  raise exception using errcode = 'ST003', message = coalesce(v_problem, 'operations: one of them cannot be taken');
end
$function$;
