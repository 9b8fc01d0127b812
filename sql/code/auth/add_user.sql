-- requires: auth/pgcrypto_function.sql, auth/login_setting.sql
-- Registers a user of the reference implementation: adds outcome and answer to what open_login() says. An e-mail that is
-- registered already gets the same answer, after the same work, and nothing changes: only the record tells (NOOP).
create or replace function script_tracking_internal.add_user(p_opened jsonb, p_password text)
returns jsonb
language plpgsql volatile
as $function$
declare
  v_crypt     text := script_tracking_internal.pgcrypto_function('pg_crypt');
  v_salt      text := script_tracking_internal.pgcrypto_function('pg_gen_salt_rounds');
  v_tenant_hk bytea := pg_catalog.decode(p_opened ->> 'tenant_hk', 'hex');
  v_hmac      bytea := pg_catalog.decode(p_opened ->> 'email_hmac', 'hex');
  v_user_hk   bytea := pg_catalog.sha256(v_tenant_hk || v_hmac);
  v_source    varchar;
  v_hash      text;
  v_added     boolean;
begin
  if v_crypt is null or v_salt is null then
    return p_opened || pg_catalog.jsonb_build_object('outcome', 'failed', 'sqlstate', '0A000', 'message',
      'the extension pgcrypto is missing, or script_tracking_owner may not use its schema: the reference implementation needs it');
  end if;
  if v_hmac is null or coalesce(pg_catalog.octet_length(p_password) between 8 and 72, false) is false then
    return p_opened || pg_catalog.jsonb_build_object('outcome', 'refused', 'answer', pg_catalog.jsonb_build_object(
      'success', false, 'error', 'invalid_data', 'message',
      case when v_hmac is null then 'email must be a text that is not empty' else 'password must be a text of 8 to 72 bytes' end));
  end if;
  execute pg_catalog.format('select %s($1, %s(%L, $2))', v_crypt, v_salt, 'bf') into v_hash
  using p_password, script_tracking_internal.login_setting('login.bcrypt_cost', 10, 4, 15);
  if p_opened ? 'refused' then
    return p_opened || '{"outcome": "refused"}';
  end if;
  select i.record_source || '/register/v1' into strict v_source from script_tracking_internal.installation as i;
  insert into script_tracking_internal.login_user_h (user_hk, tenant_hk, email_hmac, record_source)
  values (v_user_hk, v_tenant_hk, v_hmac, v_source)
  on conflict do nothing;
  v_added := found;
  if v_added then
    insert into script_tracking_internal.login_user_s (user_hk, hash_diff, password_hash, record_source)
    values (v_user_hk, pg_catalog.sha256(pg_catalog.convert_to(v_hash, 'UTF8')), v_hash, v_source);
  end if;
  return p_opened || pg_catalog.jsonb_build_object(
    'outcome', case when v_added then 'succeeded' else 'unchanged' end,
    'answer', pg_catalog.jsonb_build_object('success', true, 'user_hk', pg_catalog.encode(v_user_hk, 'hex')));
end
$function$;
