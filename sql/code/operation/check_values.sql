-- Raises ST003 for the first value of an array's objects that is not of its type, naming entry, key and value: the
-- server's own complaint tells of the value alone. One look at all of them; one by one only where that fails, which it also
-- does for what is no object: of that the caller tells.
create or replace function script_tracking_internal.check_values(p_items jsonb, p_argument text)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
declare
  v_value record;
begin
  begin
    perform from jsonb_to_recordset(p_items)
      as i (success boolean, affected_rows bigint, started_at timestamptz, ended_at timestamptz);
    return;
  exception when data_exception then
    null;
  end;
  for v_value in
    select o.place - 1 as place, k.key, o.item ->> k.key as given, k.type, k.complaint
    from jsonb_array_elements(p_items) with ordinality as o (item, place)
    cross join (values
      ('success', 'boolean', 'is neither true nor false'),
      ('affected_rows', 'bigint', 'is no whole number of eight bytes'),
      ('started_at', 'timestamptz', 'is no point in time'),
      ('ended_at', 'timestamptz', 'is no point in time')) as k (key, type, complaint)
    where jsonb_typeof(o.item) = 'object'
    order by o.place
  loop
    begin
      execute format('select $1::%s', v_value.type) using v_value.given;
    exception when data_exception then
      raise exception using errcode = 'ST003', message = format('%s[%s]: %s %L %s', p_argument, v_value.place,
        v_value.key, left(v_value.given, 100), v_value.complaint);
    end;
  end loop;
end
$function$;
