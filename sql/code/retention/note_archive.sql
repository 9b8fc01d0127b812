-- requires: retention/may_be_archived.sql, upkeep/vault_partition.sql
-- For the daemon: enters the files of a past period into the ledger, in the transaction of open_archive(), and returns how many.
-- p_files is an array of objects with relation, file, rows, bytes and sha256 (hexadecimal), one for each partition. Raises ST010
-- where one is missing, holds another number of rows than its partition, or the period is not to be archived.
create or replace function script_tracking_internal.note_archive(p_until timestamptz, p_files jsonb, p_place text)
returns integer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
as $function$
declare
  v_part  record;
  v_rows  bigint;
  v_noted integer := 0;
begin
  if current_setting('transaction_isolation') <> 'repeatable read' then
    raise exception using errcode = '25001', message = 'partitions are archived in repeatable read transactions only';
  end if;
  lock table script_tracking_internal.partition_archive in share row exclusive mode nowait;
  if not exists (select from script_tracking_internal.setting as s where s.name = 'retention.archive' and s.value = 'on')
    or not exists (
      select from script_tracking_internal.vault_partition as p
      where p.relation = 'script_execution_s' and p.upper_bound = p_until and p.upper_bound <= now()
        and script_tracking_internal.may_be_archived(p.partition, p.lower_bound, p.upper_bound))
  then
    raise exception using errcode = 'ST010', message = 'no period that is to be archived ends then';
  end if;
  for v_part in
    select p.partition, p.partition_name, p.relation, p.lower_bound, p.upper_bound, f.file, f.rows, f.bytes, f.sha256
    from script_tracking_internal.vault_partition as p
    left join jsonb_to_recordset(p_files) as f (relation name, file text, rows bigint, bytes bigint, sha256 text)
      on f.relation = p.relation
    where p.append_only and p.upper_bound = p_until
    order by p.place
  loop
    execute format('select count(*) from %s', v_part.partition) into strict v_rows;
    if v_part.rows is distinct from v_rows then
      raise exception using errcode = 'ST010', message = format('%s holds %s rows, its archive %s',
        v_part.partition, v_rows, coalesce(v_part.rows::text, 'is missing'));
    end if;
    insert into script_tracking_internal.partition_archive
      (relation, partition_name, lower_bound, upper_bound, incarnation, horizon, row_count, file_name, file_bytes, file_sha256,
       place, schema_version)
    select v_part.relation, v_part.partition_name, v_part.lower_bound, v_part.upper_bound, i.incarnation,
      pg_snapshot_xmin(pg_current_snapshot()), v_rows,
      v_part.file, v_part.bytes, decode(v_part.sha256, 'hex'), p_place,
      (select max(m.version) from script_tracking_internal.schema_migration as m)
    from script_tracking_internal.installation as i;
    v_noted := v_noted + 1;
  end loop;
  return v_noted;
end
$function$;
