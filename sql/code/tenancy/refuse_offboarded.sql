-- Raises ST006 for a tenant that was offboarded: that is for good.
create or replace function script_tracking_internal.refuse_offboarded(p_code varchar, p_state text)
returns void
language plpgsql stable
as $function$
begin
  if p_state = 'offboarded' then
    raise exception using errcode = 'ST006', message = pg_catalog.format('tenant %L was offboarded', p_code),
      hint = 'That is for good: whoever comes back is registered under a new code.';
  end if;
end
$function$;
