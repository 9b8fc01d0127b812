-- requires: redaction/lex.sql
-- Whether a text that says CONCURRENTLY detaches a partition of the tracker's, or makes or drops an index of its tables. Asked
-- before it runs, since a part of it is committed by its end: refused there, it would leave the table without its
-- partition, or an invalid index. Such a statement stands alone. A name without a schema counts where no other has such a
-- relation: the caller's search_path does not reach the event triggers.
create or replace function script_tracking_internal.concurrent_on_tracker(p_statement text)
returns boolean
language plpgsql stable
as $function$
declare
  v_verb  text;
  v_found boolean := false;  -- the next words are the relation's name
  v_dot   boolean := true;   -- the next word belongs to it
  v_name  name;
  v_of    name;
  v_token record;
begin
  for v_token in
    select l.kind, l.value from script_tracking_internal.lex(p_statement) as l where l.kind <> 'c'
  loop
    if v_verb is null then
      v_verb := case when v_token.kind = 'w' and v_token.value in ('create', 'drop', 'alter') then v_token.value end;
    elsif not v_found then
      v_found := v_token.kind = 'w'
        and v_token.value = case v_verb when 'create' then 'on' when 'drop' then 'index' else 'table' end;
    elsif v_token.kind = 'o' then
      exit when v_token.value <> '.';
      v_dot := true;
    elsif not v_dot then
      exit;
    elsif v_token.kind <> 'w' or v_token.value not in ('if', 'exists', 'only', 'concurrently') then
      v_of := v_name;
      v_name := v_token.value;
      v_dot := false;
    end if;
  end loop;
  return coalesce((
    select pg_catalog.bool_or(n.own) and (v_of is not null or pg_catalog.bool_and(n.own))
    from pg_catalog.pg_class as c
    cross join lateral (
      select s.nspname, s.nspname in ('script_tracking', 'script_tracking_internal')
        or s.nspname = 'auth' and pg_catalog.pg_get_userbyid(s.nspowner) = 'script_tracking_owner' as own
      from pg_catalog.pg_namespace as s where s.oid = c.relnamespace) as n
    where c.relname = v_name and (v_of is null or n.nspname = v_of)), false);
end
$function$;
