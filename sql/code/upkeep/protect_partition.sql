-- requires: vault/protect_record.sql
-- Gives one partition what it does not inherit: forced row-level security, and where it is append-only, as told or as it has
-- such triggers of its parent, its own TRUNCATE trigger and every append-only trigger set to fire always.
create or replace function script_tracking_internal.protect_partition(p_partition regclass, p_append_only boolean default true)
returns void
language plpgsql volatile
as $function$
declare
  v_trigger name;
begin
  -- each of these takes the partition exclusively, so only what is missing is done
  if not (select c.relrowsecurity and c.relforcerowsecurity from pg_catalog.pg_class as c where c.oid = p_partition) then
    execute format('alter table %s enable row level security', p_partition);
    execute format('alter table %s force row level security', p_partition);
  end if;
  if not exists (select from pg_catalog.pg_policy as p where p.polrelid = p_partition and p.polname = 'owner_all') then
    execute format('create policy owner_all on %s to script_tracking_owner using (true) with check (true)', p_partition);
  end if;
  if (p_append_only or exists (select from pg_catalog.pg_trigger as t where t.tgrelid = p_partition and t.tgname = 'protect_rows'))
    and not exists (
      select from pg_catalog.pg_trigger as t where t.tgrelid = p_partition and t.tgname = 'protect_truncate')
  then
    execute format(
      'create trigger protect_truncate before truncate on %s for each statement '
      'execute function script_tracking_internal.protect_record()', p_partition);
  end if;
  for v_trigger in
    select t.tgname from pg_catalog.pg_trigger as t
    where t.tgrelid = p_partition and t.tgname like 'protect\_%' and t.tgenabled <> 'A'
  loop
    execute format('alter table %s enable always trigger %I', p_partition, v_trigger);
  end loop;
end
$function$;
