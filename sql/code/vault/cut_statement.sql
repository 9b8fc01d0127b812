-- A statement at the length that the setting sql_command.max_characters allows, after redaction; noted, for metadata, tells
-- the whole's length and sha256 where it was cut.
create or replace function script_tracking_internal.cut_statement(p_sql text, out sql_command text, out noted jsonb)
language plpgsql stable
as $function$
declare
  v_maximum integer;
begin
  sql_command := p_sql;
  noted := '{}';
  if pg_catalog.length(p_sql) > 1024 then  -- the least that the setting may say
    -- what is missing or no number counts as the default: a typing error costs no record
    v_maximum := coalesce((
      select greatest(s.value::integer, 1024) from script_tracking_internal.setting as s
      where s.name = 'sql_command.max_characters' and s.value operator(pg_catalog.~) '^[0-9]{1,9}$'), 16384);
    if pg_catalog.length(p_sql) > v_maximum then
      sql_command := pg_catalog.left(p_sql, v_maximum);
      noted := pg_catalog.jsonb_build_object(
        'sql_command_characters', pg_catalog.length(p_sql),
        'sql_command_sha256', pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p_sql, 'UTF8')), 'hex'));
    end if;
  end if;
end
$function$;
