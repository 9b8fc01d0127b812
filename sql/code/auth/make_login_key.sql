-- Makes the key of the e-mails' HMAC, once: 244 random bits, filled up to 64 bytes and combined with HMAC's two pads. It
-- stays when the wrappers are taken away, so that e-mails of before and after can be told to be the same.
create or replace function script_tracking_internal.make_login_key()
returns void
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  with key as materialized (
    select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) as secret
  )
  insert into script_tracking_internal.login_key (inner_key, outer_key)
  select string_agg(set_byte('\x00', 0, b.value # 54), '' order by b.position),
    string_agg(set_byte('\x00', 0, b.value # 92), '' order by b.position)
  from (
    select p.position, case when p.position < length(k.secret) then get_byte(k.secret, p.position) else 0 end as value
    from key as k cross join generate_series(0, 63) as p (position)
  ) as b
  on conflict do nothing
$function$;
