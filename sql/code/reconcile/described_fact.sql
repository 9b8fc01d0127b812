-- A fact in words: kind{oid} as the name that the object has now; of what is secret only that there is some.
create or replace function script_tracking_internal.described_fact(p_fact text)
returns text
language plpgsql stable
as $function$
declare
  v_text  text := coalesce(substring(p_fact from '^(password|connection|secret options) '), p_fact);
  v_token text[];
  v_name  text;
begin
  for v_token in select regexp_matches(p_fact, '((role|type|relation|schema|function|tablespace)[{]([0-9]+)(?:/(-?[0-9]+))?[}])', 'g') loop
    v_name := case v_token[2]
      when 'role' then case v_token[3] when '0' then 'PUBLIC' else quote_ident(pg_get_userbyid(v_token[3]::oid)) end
      when 'type' then format_type(v_token[3]::oid, v_token[4]::integer)
      when 'relation' then v_token[3]::oid::regclass::text
      when 'schema' then v_token[3]::oid::regnamespace::text
      when 'function' then v_token[3]::oid::regprocedure::text
      else coalesce((select t.spcname::text from pg_tablespace as t where t.oid = v_token[3]::oid), 'default') end;
    v_text := replace(v_text, v_token[1], case when v_token[2] = 'type' then v_name else v_token[2] || ' ' || v_name end);
  end loop;
  return v_text;
end
$function$;
