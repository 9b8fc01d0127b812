-- requires: links/derive_links.sql, upkeep/vault_partition.sql
-- Builds anew what is derived: the links as a whole; of hub, names and users what was found in a partition that stands.
-- The rest is carried: its records were removed, and nothing else tells of it. In one transaction; readers see the
-- old links until it ends. Returns how many versions were taken in.
create or replace function script_tracking_internal.rebuild_links()
returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set plpgsql.extra_errors = 'none'
as $function$
begin
  perform from script_tracking_internal.links_state for update;
  delete from script_tracking.script_execution_object;
  delete from script_tracking.script_execution_parent;
  delete from script_tracking.database_object_h as h
  using script_tracking_internal.vault_partition as p
  where p.relation = 'script_execution_s' and h.load_date >= p.lower_bound and h.load_date < p.upper_bound;
  delete from script_tracking.database_object_name_s as n
  using script_tracking_internal.vault_partition as p
  where p.relation = 'script_execution_s' and n.load_date >= p.lower_bound and n.load_date < p.upper_bound;
  delete from script_tracking_internal.execution_user as u
  using script_tracking_internal.vault_partition as p
  where p.relation = 'script_execution_s' and u.load_date >= p.lower_bound and u.load_date < p.upper_bound;
  update script_tracking_internal.links_state set incarnation = 1, horizon = '0'::xid8, derived_at = clock_timestamp();
  return script_tracking_internal.derive_links(p_seconds => 1e9);
end
$function$;
