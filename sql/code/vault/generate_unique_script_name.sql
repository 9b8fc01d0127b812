-- requires: vault/business_key.sql, vault/random_suffix.sql
-- A name that is unique without asking anybody: base name, UTC time, 128 random bits.
create or replace function script_tracking.generate_unique_script_name(base_name varchar)
returns varchar
language sql volatile strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $function$
  select script_tracking_internal.business_key(
    generate_unique_script_name.base_name, clock_timestamp(), script_tracking_internal.random_suffix())
$function$;
comment on function script_tracking.generate_unique_script_name(varchar) is
  'base_name, the UTC time and 128 random bits (hexadecimal), joined by underscores; NULL for NULL';
