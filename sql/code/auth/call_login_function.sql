-- Second step of a wrapper: calls the host's function as whoever called the wrapper, with that role's rights, search_path and
-- settings, as if it had called the function itself. So it is neither SECURITY DEFINER, nor are settings pinned, and
-- everything is qualified.
-- What the function raises is caught, as its text may hold the password: of it the SQLSTATE is kept. Only what must end
-- the transaction or the statement goes on as an error, with a text of ours: class 40 (a retry), a cancel.
create or replace function script_tracking_internal.call_login_function(
  p_begun pg_catalog.jsonb, p_email pg_catalog.text, p_password pg_catalog.text, p_tenant_hk pg_catalog.bytea, p_user_data pg_catalog.jsonb)
returns pg_catalog.jsonb
language plpgsql volatile
as $function$
declare
  v_answer   pg_catalog.jsonb;
  v_sqlstate pg_catalog.text;
begin
  execute pg_catalog.format('select pg_catalog.to_jsonb(%I.%I(%s))',
    pg_catalog.jsonb_extract_path_text(p_begun, 'schema'), pg_catalog.jsonb_extract_path_text(p_begun, 'function'), (
      select pg_catalog.string_agg(pg_catalog.concat('$', case
          when p_user_data is not null then 4 else a.position end, '::', a.type), ', ' order by a.position)
      from pg_catalog.jsonb_array_elements_text(pg_catalog.jsonb_extract_path(p_begun, 'arguments')) with ordinality as a (type, position)))
  into v_answer using p_email, p_password, p_tenant_hk, p_user_data;
  return pg_catalog.jsonb_build_object('answer', v_answer);
exception when query_canceled or assert_failure or others then
  get stacked diagnostics v_sqlstate = returned_sqlstate;
  if v_sqlstate operator(pg_catalog.~) '^(40|57014)' then
    raise exception using errcode = v_sqlstate,
      message = 'the function that logs in or registers was ended; what it said is left out, as it may hold a password';
  end if;
  return pg_catalog.jsonb_build_object('sqlstate', v_sqlstate);
end
$function$;
