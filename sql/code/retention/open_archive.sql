-- requires: retention/is_archived.sql, retention/may_be_archived.sql, upkeep/vault_partition.sql, upkeep/unconfirmed_copy.sql
-- For the daemon: opens a cursor on each partition of the oldest past period that is to be archived, and returns a row for each;
-- none where there is nothing to do, where somebody else is at it, and of a copy that nobody has confirmed. A line of a cursor is a
-- row of the partition as JSON; its text follows the session's TimeZone and bytea_output. p_again: ends of
-- periods that are archived anyhow, as their file is gone.
-- The transaction is repeatable read, so that cursors, counts and note_archive() see the same. It takes no transaction id before
-- note_archive(), and so holds no totals back; its lock keeps others from the same until it ends.
create or replace function script_tracking_internal.open_archive(p_again timestamptz[] default '{}')
returns table (relation name, partition_name name, portal text, partition_from timestamptz, partition_until timestamptz,
  row_count bigint, first_load_date timestamptz, last_load_date timestamptz, columns jsonb, source jsonb)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set plpgsql.extra_errors = 'none'
as $function$
#variable_conflict use_column
declare
  v_part   record;
  v_until  timestamptz;
  v_cursor refcursor;
begin
  if current_setting('transaction_isolation') <> 'repeatable read' then
    raise exception using errcode = '25001', message = 'partitions are archived in repeatable read transactions only';
  end if;
  if not exists (select from script_tracking_internal.setting as s where s.name = 'retention.archive' and s.value = 'on')
    or script_tracking_internal.unconfirmed_copy() is not null
  then
    return;
  end if;
  begin
    lock table script_tracking_internal.partition_archive in share row exclusive mode nowait;
  exception when lock_not_available then
    return;
  end;
  for v_part in
    select p.partition, p.lower_bound, p.upper_bound from script_tracking_internal.vault_partition as p
    where p.relation = 'script_execution_s' and p.upper_bound <= now()
    order by p.upper_bound
  loop
    if (v_part.upper_bound = any (p_again)
        or not script_tracking_internal.is_archived(v_part.partition, v_part.lower_bound, v_part.upper_bound))
      and script_tracking_internal.may_be_archived(v_part.partition, v_part.lower_bound, v_part.upper_bound)
    then
      v_until := v_part.upper_bound;
      exit;
    end if;
  end loop;
  select jsonb_build_object(
    'system_identifier', i.system_identifier, 'database', current_database(), 'database_oid', i.database_oid::text,
    'installed_at', i.installed_at, 'incarnation', i.incarnation, 'record_source', i.record_source,
    'schema_version', (select max(m.version) from script_tracking_internal.schema_migration as m),
    'server_version', current_setting('server_version'))
  into source from script_tracking_internal.installation as i;
  for v_part in
    select p.* from script_tracking_internal.vault_partition as p
    where p.append_only and p.upper_bound = v_until order by p.place
  loop
    relation := v_part.relation;
    partition_name := v_part.partition_name;
    partition_from := v_part.lower_bound;
    partition_until := v_part.upper_bound;
    execute format('select count(*), min(r.load_date), max(r.load_date) from %s as r', v_part.partition)
    into strict row_count, first_load_date, last_load_date;
    select jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum)
    into columns from pg_attribute as a where a.attrelid = v_part.partition and a.attnum > 0 and not a.attisdropped;
    v_cursor := 'script_tracking_archive_' || v_part.place;
    open v_cursor no scroll for execute format('select row_to_json(r)::text as line from %s as r', v_part.partition);
    portal := v_cursor::text;
    return next;
  end loop;
end
$function$;
