-- requires: vault/record_outside.sql, vault/random_suffix.sql, operation/session_claims.sql, operation/session_metadata.sql, auth/login_setting.sql
-- Last step of a wrapper, with the owner's rights: what came of the attempt, its record, and the answer. p_called is what
-- call_login_function() says, NULL where nothing was called. The record holds neither password nor e-mail, nothing of what
-- the host's function answered or raised but its SQLSTATE, and no statement: that would hold the password.
-- Fails where the record cannot be written: there is no login without it.
create or replace function script_tracking_internal.end_login(p_begun jsonb, p_called jsonb)
returns jsonb
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
set enable_seqscan = off  -- as in begin_login()
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $function$
declare
  v_type     varchar := p_begun ->> 'script_type';
  v_began    timestamptz := p_begun ->> 'began';
  v_hmac     text := p_begun ->> 'email_hmac';
  v_outcome  text := p_begun ->> 'outcome';
  v_sqlstate text := p_begun ->> 'sqlstate';
  v_message  text := p_begun ->> 'message';
  v_answer   jsonb := p_begun -> 'answer';
  v_claim    text := current_setting('script_tracking.client_address', true);
  v_claimed  inet;
  v_us       bigint;
  v_past     timestamptz;
begin
  if v_outcome is null then
    v_sqlstate := p_called ->> 'sqlstate';
    if p_begun ->> 'calls' = 'nothing' then
      v_outcome := 'failed';
      v_sqlstate := '55000';
      v_message := 'no function is configured: script_tracking.configure_login()';
    elsif v_sqlstate is null then
      v_answer := case jsonb_typeof(p_called -> 'answer') when 'object' then p_called -> 'answer' else '{}' end;
      v_outcome := case when 'true'::jsonb in (p_called -> 'answer', v_answer -> 'success') then 'succeeded' else 'refused' end;
      v_answer := v_answer || jsonb_build_object('success', v_outcome = 'succeeded');
    elsif v_sqlstate ~ '^28' then  -- it says by its error that it refuses
      v_outcome := 'refused';
    else
      v_outcome := 'failed';
      v_message := format('the function that is called raised %s; what it said is left out, as it may hold a password', v_sqlstate);
    end if;
  end if;
  v_answer := coalesce(v_answer, jsonb_build_object('success', false, 'error',
    case v_outcome when 'failed' then 'unavailable' else 'invalid_credentials' end));
  if v_outcome in ('refused', 'locked') then
    v_sqlstate := coalesce(v_sqlstate, case v_outcome when 'locked' then 'ST007' when 'refused' then '28P01' end);
    v_message := case when v_outcome = 'locked' then 'too many failures of this e-mail within the window'
      when p_begun ? 'refused' then 'tenant refused' else 'refused' end;
  end if;

  if length(v_claim) <= 50 and v_claim ~ '^[0-9a-fA-F.:]+$' then
    begin
      v_claimed := v_claim::inet;
    exception when data_exception then
      null;  -- no address: nothing was claimed
    end;
  end if;
  v_us := greatest((extract(epoch from clock_timestamp() - v_began) * 1000000)::bigint, 0);
  perform script_tracking_internal.record_outside(
    decode(p_begun ->> 'tenant_hk', 'hex'), i.record_source || '/login/v1',
    case v_type when 'LOGIN' then 'login' else 'register' end, v_type,
    case v_outcome when 'succeeded' then 'COMPLETED' when 'unchanged' then 'NOOP' else 'FAILED' end,
    v_began, v_us, session_user::varchar, inet_client_addr(), null, null, v_message,
    script_tracking_internal.session_metadata(
      'client', script_tracking_internal.session_identity(), script_tracking_internal.session_claims())
    || jsonb_strip_nulls(jsonb_build_object(
      'outcome', v_outcome, 'sqlstate', v_sqlstate, 'email_hmac', v_hmac, 'duration_us', v_us,
      'refused_tenant_claim', case when p_begun ? 'refused'
        then jsonb_build_object('claim', p_begun -> 'claim', 'reason', p_begun -> 'refused') end,
      'claimed_client_address', host(v_claimed))),
    script_tracking_internal.random_suffix())
  from script_tracking_internal.installation as i;

  insert into script_tracking_internal.login_attempt (tenant_hk, script_type, outcome, email_hmac, address)
  values (decode(p_begun ->> 'tenant_hk', 'hex'), v_type,
    case when p_begun ? 'refused' then 'tenant_refused' else v_outcome end,  -- which locks nobody
    decode(v_hmac, 'hex'),
    coalesce(v_claimed, inet_client_addr()));
  -- each attempt removes up to ten that no longer count: so no housekeeping is needed. Elsewhere, rows that another one
  -- removes at the moment would be an error.
  if current_setting('transaction_isolation') = 'read committed' then
    -- reckoned before, so that the index serves: else each attempt reads all that there were within the window
    v_past := clock_timestamp()
      - make_interval(secs => script_tracking_internal.login_setting('login.window_seconds', 900, 60, 86400));
    delete from script_tracking_internal.login_attempt as a
    where a.ctid = any (array(
      select o.ctid from script_tracking_internal.login_attempt as o
      where o.attempted_at < v_past
      order by o.attempted_at limit 10 for update skip locked));
  end if;
  return v_answer;
end
$function$;
