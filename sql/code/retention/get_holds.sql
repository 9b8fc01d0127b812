-- Every hold that was placed.
create or replace function script_tracking.get_holds()
returns table (hold_id bigint, tenant varchar, held_from timestamptz, held_until timestamptz, reason text,
  placed_at timestamptz, placed_by name, released_at timestamptz, released_by name, release_reason text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $function$
  select h.hold_id, t.tenant_bk, nullif(h.held_from, '-infinity'), nullif(h.held_until, 'infinity'), h.reason,
    h.placed_at, h.placed_by, h.released_at, h.released_by, h.release_reason
  from script_tracking_internal.legal_hold as h
  left join script_tracking.tenant_h as t on t.tenant_hk = h.tenant_hk
  order by h.hold_id
$function$;
comment on function script_tracking.get_holds() is
  'Every hold, those released included; tenant NULL: of all tenants, held_from and held_until NULL: without end';
