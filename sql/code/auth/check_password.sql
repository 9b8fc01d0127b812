-- requires: auth/pgcrypto_function.sql, auth/login_setting.sql, auth/set_password_hash.sql
-- Judges a login by the reference implementation's users: adds outcome and answer to what open_login() says.
-- Whether there is such a user makes no difference that can be told: lock-out counts failures of the e-mail and not of a
-- user, and without a user the password is checked against a hash of the same cost that nothing fits, as it is where it
-- is longer than bcrypt reads (72 bytes) and where the tenant was refused.
create or replace function script_tracking_internal.check_password(p_opened jsonb, p_password text)
returns jsonb
language plpgsql volatile
as $function$
declare
  v_crypt     text := script_tracking_internal.pgcrypto_function('pg_crypt');
  v_salt      text := script_tracking_internal.pgcrypto_function('pg_gen_salt_rounds');
  v_tenant_hk bytea := pg_catalog.decode(p_opened ->> 'tenant_hk', 'hex');
  v_hmac      bytea := pg_catalog.decode(p_opened ->> 'email_hmac', 'hex');
  v_cost      integer := script_tracking_internal.login_setting('login.bcrypt_cost', 10, 4, 15);
  v_most      integer := script_tracking_internal.login_setting('login.lockout_failures', 5, 0, 1000);
  v_window    interval := pg_catalog.make_interval(
    secs => script_tracking_internal.login_setting('login.window_seconds', 900, 60, 86400));
  v_password  text := case when pg_catalog.octet_length(p_password) <= 72 then p_password else '' end;
  v_since     timestamptz;
  v_locked    timestamptz;
  v_user_hk   bytea;
  v_hash      text;
  v_found     text;
begin
  if v_crypt is null or v_salt is null then
    return p_opened || pg_catalog.jsonb_build_object('outcome', 'failed', 'sqlstate', '0A000', 'message',
      'the extension pgcrypto is missing, or script_tracking_owner may not use its schema: the reference implementation needs it');
  end if;
  -- the failure that keeps it locked is the Nth from the last within the window, since the last success
  if v_most > 0 and not p_opened ? 'refused' then
    -- reckoned before, so that the index serves for both: however many attempts there were, those that count are read
    v_since := greatest(pg_catalog.clock_timestamp() - v_window, (
      select max(b.attempted_at) from script_tracking_internal.login_attempt as b
      where b.tenant_hk = v_tenant_hk and b.email_hmac = v_hmac and b.script_type = 'LOGIN' and b.outcome = 'succeeded'));
    select a.attempted_at + v_window into v_locked
    from script_tracking_internal.login_attempt as a
    where a.tenant_hk = v_tenant_hk and a.email_hmac = v_hmac and a.script_type = 'LOGIN' and a.outcome = 'refused'
      and a.attempted_at > v_since
    order by a.attempted_at desc
    offset v_most - 1 limit 1;
    if found then
      return p_opened || pg_catalog.jsonb_build_object('outcome', 'locked', 'answer', pg_catalog.jsonb_build_object(
        'success', false, 'error', 'too_many_attempts', 'retry_after_seconds',
        greatest(pg_catalog.ceil(extract(epoch from v_locked - pg_catalog.clock_timestamp())), 1)::integer));
    end if;
  end if;
  if not p_opened ? 'refused' then
    select h.user_hk, s.password_hash into v_user_hk, v_hash
    from script_tracking_internal.login_user_h as h
    join script_tracking_internal.login_user_s as s on s.user_hk = h.user_hk and s.load_end_date is null
    where h.tenant_hk = v_tenant_hk and h.email_hmac = v_hmac;
  end if;
  execute pg_catalog.format('select %s($1, $2)', v_crypt) into v_found
  using coalesce(v_password, ''),
    coalesce(v_hash, pg_catalog.format('$2a$%s$%s', pg_catalog.lpad(v_cost::text, 2, '0'), pg_catalog.repeat('x', 21) || 'u'));
  if coalesce(v_found = v_hash and v_password <> '', false) is false then
    return p_opened || '{"outcome": "refused"}';
  end if;
  if pg_catalog.strpos(v_hash, pg_catalog.format('$2a$%s$', pg_catalog.lpad(v_cost::text, 2, '0'))) <> 1 then
    -- the cost was changed since; that a hash of another cost takes another time would tell that there is a user
    execute pg_catalog.format('select %s($1, %s(%L, $2))', v_crypt, v_salt, 'bf') into v_found using v_password, v_cost;
    perform script_tracking_internal.set_password_hash(v_user_hk, v_found);
  end if;
  return p_opened || pg_catalog.jsonb_build_object('outcome', 'succeeded', 'answer', pg_catalog.jsonb_build_object(
    'success', true, 'user_hk', pg_catalog.encode(v_user_hk, 'hex')));
end
$function$;
