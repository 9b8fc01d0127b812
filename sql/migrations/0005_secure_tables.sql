-- Row-level security, forced on every table, the owner included. The owner's policies are open because every
-- write goes through functions that check membership once; everybody else reads what visible_tenants() allows.

do $secure$
declare
  v_table regclass;
begin
  for v_table in
    select c.oid::regclass
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p')
    order by 1
  loop
    execute format('alter table %s enable row level security', v_table);
    execute format('alter table %s force row level security', v_table);
    execute format(
      'create policy owner_all on %s to script_tracking_owner using (true) with check (true)', v_table);
  end loop;
end
$secure$;
