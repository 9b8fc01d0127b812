-- Whether recorded DDL, by its tag and what it names, may be what made a difference of the object that it reaches.
-- p_named is the type that the record gives to what it names, p_self whether that is the object itself, p_kind as of
-- changed_kinds() for an ALTER. p_text is the statement, NULL where it is not known: then it may say anything.
-- What is not told apart here may have been: better a change that is not told from another than a false alarm.
create or replace function script_tracking_internal.record_fits(
  p_tag text, p_text text, p_named text, p_self boolean, p_dropped boolean, p_object_type text, p_change text, p_kind text)
returns boolean
language sql immutable parallel safe
as $function$
  select case
    when p_tag in ('GRANT', 'REVOKE') then p_kind like 'grant%' or p_kind = 'transaction'  -- which writes the catalog's row anew
    when p_tag = 'REFRESH MATERIALIZED VIEW' then false
    when p_named = 'extension' then not (p_change = 'CREATE' and p_dropped)
    when p_change = 'CREATE' then not p_dropped and case
      when p_object_type in ('index', 'constraint', 'sequence', 'function', 'composite type') then true
      -- on partitions
      when p_object_type = 'trigger' then p_self or p_tag <> 'ALTER TABLE' or coalesce(p_text ~* 'partition', true)
      else p_self and p_tag not like 'ALTER %' end
    when p_change = 'DROP' and p_dropped then
      -- a column is named by its table
      not (p_named like '%column' and (p_self or p_object_type in ('policy', 'rule')))
    when p_change = 'DROP' then not p_self and p_named not like '%column' and p_named not like '%constraint' and (
      p_object_type in ('index', 'constraint', 'sequence')
      or p_object_type = 'trigger' and coalesce(p_text ~* 'partition', true))
    when p_object_type = 'publication' then p_self or p_dropped or p_named like 'publication %'
    when p_object_type = 'policy' then p_self
    when p_object_type = 'rule' and not p_self then p_kind = 'enabled'
    when p_object_type = 'trigger' and p_named <> 'trigger' then p_kind = 'enabled'
    -- the tag of a change of the name is that of the whole object, but it names the part
    when p_named like '%column' then p_kind in ('column', 'grant column')
    when p_named like '%constraint' and not p_dropped then p_kind = 'name'
    when p_tag in ('CREATE INDEX', 'REINDEX') then p_object_type = 'index'
    when p_tag = 'ALTER INDEX' then p_object_type = 'index' or p_kind = 'name'
    when p_tag in ('ALTER TRIGGER', 'ALTER RULE') then p_kind = 'name'
    when p_tag in ('CREATE FUNCTION', 'CREATE PROCEDURE', 'CREATE AGGREGATE') then p_kind not in ('name', 'schema', 'owner', 'grant')
    when p_tag in ('ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER AGGREGATE') and p_kind in ('body', 'returns') then false
    when p_tag = 'CREATE VIEW' then p_kind in ('query', 'column', 'options', 'order')
    when p_tag like 'ALTER %' and p_kind in ('owner', 'grant') then coalesce(p_text ~* 'owner', true)
    else true end
$function$;
