-- requires: auth/email_hmac.sql, tenancy/writing_context.sql, redaction/redact_text.sql
-- What is known of an attempt before it is judged, as JSON that the three steps of a wrapper hand on: when, whose tenant,
-- which e-mail, what is to be called. The tenant is that of the key, if it is registered and the role a member of it (a
-- superuser is of any), as track_operation has it; p_own: without a key it is the session's. Where it is refused, the
-- record goes to the tenant that the role has without a claim, and "refused" says why. For who is no member a key that is
-- somebody else's and one that is nobody's leave the same: the key, and never the code that would give it a name.
-- The caller has pinned its settings.
create or replace function script_tracking_internal.open_login(
  p_script_type varchar, p_email text, p_tenant_hk bytea, p_own boolean)
returns jsonb
language plpgsql volatile
as $function$
declare
  v_began   timestamptz := pg_catalog.clock_timestamp();
  v_call    bigint := pg_catalog.nextval('script_tracking_internal.login_call_seq');
  v_claim   text;
  v_context record;
  v_called  script_tracking_internal.login_function;
  v_refused text;
begin
  if p_own then
    v_claim := nullif(pg_catalog.current_setting('script_tracking.tenant', true), '');
  else
    select t.tenant_bk into v_claim from script_tracking.tenant_h as t where t.tenant_hk = p_tenant_hk;
  end if;
  v_context := script_tracking_internal.writing_context(v_claim);
  v_refused := case when v_claim is null and not p_own then 'not_a_member' else v_context.refused end;
  if v_refused = 'not_a_member' and not p_own then
    v_claim := pg_catalog.encode(p_tenant_hk, 'hex');
  end if;
  select f.* into v_called from script_tracking_internal.login_function as f where f.script_type = p_script_type;
  return pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'script_type', p_script_type,
    'began', v_began,
    'tenant_hk', pg_catalog.encode(v_context.tenant_hk, 'hex'),
    'refused', v_refused,
    'claim', pg_catalog.left(script_tracking_internal.redact_text(v_claim), 100),
    'email_hmac', pg_catalog.encode(script_tracking_internal.email_hmac(p_email), 'hex'),
    'calls', case when v_called.function_name is not null then 'host'
      when v_called.script_type is not null then 'reference' else 'nothing' end,
    'schema', v_called.schema_name, 'function', v_called.function_name, 'arguments', v_called.argument_types));
end
$function$;
