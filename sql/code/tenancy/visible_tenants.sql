-- requires: tenancy/tenants_of.sql, tenancy/is_maintenance.sql
-- Tenants that the caller may read: all for auditors, else its memberships; narrowed by script_tracking.tenant.
-- Raises 42501 where a superuser or an auditor maintains somebody's table: that one's functions would read as he may.
create or replace function script_tracking_internal.visible_tenants()
returns bytea[]
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_identity name := script_tracking_internal.session_identity();
begin
  if pg_has_role(v_identity, 'script_tracking_auditor', 'member') and script_tracking_internal.is_maintenance() then
    raise exception using errcode = '42501',
      message = 'nothing of the record is shown while a table is maintained or a materialized view filled by a superuser or an auditor',
      hint = 'Whose function asks cannot be told there. A materialized view of an auditor''s own can be made of the tables of the record.';
  end if;
  return script_tracking_internal.tenants_of(v_identity);
end
$function$;
