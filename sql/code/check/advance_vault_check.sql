-- requires: check/vault_checks.sql, check/check_slice.sql, check/check_objects.sql, check/check_tenants.sql, check/check_rules.sql, check/note_checked.sql
-- Goes on with the pass of vault_check() where the last call left it, slice by slice of so many blocks, for p_seconds. With
-- p_anew until a pass has ended that began in this call; otherwise to the end of the pass, and none begins within
-- p_rest_seconds of the last one's end. Whether a pass has ended. What it finds goes to vault_check_result.
-- Rows that arrive behind its place are the next pass's.
create or replace function script_tracking_internal.advance_vault_check(
  p_seconds double precision, p_anew boolean default false, p_rest_seconds double precision default 600)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = '1'
set lock_timeout = '200ms'
set plpgsql.extra_errors = 'none'
set jit = off
as $function$
declare
  c_blocks    constant bigint := 128;
  c_relations constant text[] := array['script_execution_s', 'script_execution_h', 'script_execution_object', 'script_execution_parent',
    'script_execution_change_s', 'database_object_h', 'database_object_name_s', 'tenant_h', 'tenant_s', 'change_rules'];
  v_until     timestamptz := clock_timestamp() + make_interval(secs => p_seconds);
  v_began     boolean := false;
  v_ended     boolean := false;
  v_place     script_tracking_internal.vault_check_place;
  v_partition oid;
begin
  select p.* into strict v_place from script_tracking_internal.vault_check_place as p for update;
  if v_place.relation is null and not p_anew and exists (
    select from script_tracking_internal.vault_check_result as r
    where r.last_pass_at > clock_timestamp() - make_interval(secs => p_rest_seconds))
  then
    return false;
  end if;
  loop
    if v_place.relation is null then
      v_began := true;
      v_place.pass_started_at := clock_timestamp();
      v_place.relation := c_relations[1];
      v_place.partition_id := 0;
      v_place.block := 0;
      insert into script_tracking_internal.vault_check_result as r (check_name)
      select c.check_name from script_tracking_internal.vault_checks() as c
      on conflict (check_name) do update set checked = 0, violations = 0, example = null;
    end if;

    if v_place.relation like 'database%' then
      perform script_tracking_internal.note_checked(f.check_name, f.checked, f.violations, f.example)
      from script_tracking_internal.check_objects(v_place.relation) as f;
      v_partition := null;
    elsif v_place.relation like 'tenant%' then
      perform script_tracking_internal.note_checked(f.check_name, f.checked, f.violations, f.example)
      from script_tracking_internal.check_tenants(v_place.relation) as f;
      v_partition := null;
    elsif v_place.relation = 'change_rules' then
      perform script_tracking_internal.note_checked(f.check_name, f.checked, f.violations, f.example)
      from script_tracking_internal.check_rules() as f;
      v_partition := null;
    else
      -- oids rise: what is older than the place has been read or was removed
      select i.inhrelid into v_partition
      from pg_inherits as i join pg_class as c on c.oid = i.inhparent join pg_namespace as n on n.oid = c.relnamespace
      where c.relname = v_place.relation and n.nspname in ('script_tracking', 'script_tracking_internal')
        and i.inhrelid >= v_place.partition_id
      order by i.inhrelid limit 1;
      if v_partition is distinct from v_place.partition_id then
        v_place.block := 0;
      end if;
    end if;
    if v_partition is null then
      v_place.relation := c_relations[array_position(c_relations, v_place.relation) + 1];
      v_place.partition_id := 0;
      v_place.block := 0;
      if v_place.relation is null then
        v_ended := true;
        update script_tracking_internal.vault_check_result as r
        set last_checked = r.checked, last_violations = r.violations, last_example = r.example, last_pass_at = clock_timestamp();
      end if;
    elsif v_place.block * current_setting('block_size')::bigint >= pg_relation_size(v_partition) then
      v_place.partition_id := (v_partition::bigint + 1)::oid;
      v_place.block := 0;
    else
      v_place.partition_id := v_partition;
      perform script_tracking_internal.note_checked(f.check_name, f.checked, f.violations, f.example)
      from script_tracking_internal.check_slice(v_place.relation, v_partition, v_place.block, v_place.block + c_blocks) as f;
      v_place.block := v_place.block + c_blocks;
    end if;
    exit when clock_timestamp() >= v_until or v_ended and (v_began or not p_anew);
    v_ended := false;
  end loop;
  update script_tracking_internal.vault_check_place
  set pass_started_at = v_place.pass_started_at, relation = v_place.relation, partition_id = v_place.partition_id,
      block = v_place.block, moved_at = clock_timestamp();
  return v_ended;
end
$function$;
