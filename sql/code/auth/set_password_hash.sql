-- The version of a user that counts from now on. Of two at once the second finds nothing to end, and adds none.
create or replace function script_tracking_internal.set_password_hash(p_user_hk bytea, p_password_hash text)
returns void
language sql volatile
as $function$
  with ended as (
    update script_tracking_internal.login_user_s as s
    set load_end_date = greatest(pg_catalog.clock_timestamp(), s.load_date + interval '1 microsecond')
    where s.user_hk = p_user_hk and s.load_end_date is null
    returning s.user_hk, s.load_end_date as load_date, s.record_source
  )
  insert into script_tracking_internal.login_user_s (user_hk, load_date, hash_diff, password_hash, record_source)
  select e.user_hk, e.load_date, pg_catalog.sha256(pg_catalog.convert_to(p_password_hash, 'UTF8')), p_password_hash, e.record_source
  from ended as e
$function$;
