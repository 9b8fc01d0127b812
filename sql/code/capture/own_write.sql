-- Whether a row of the catalog that can be seen was written by this transaction, after what it recorded last: that is
-- how what a statement changed is found where PostgreSQL does not report it. A row that can be seen and whose writer is
-- still in progress is our own, in whichever subtransaction.
-- One expression: so it is inlined where it is called.
create or replace function script_tracking_internal.own_write(p_xmin xid, p_cmin cid, p_floor bigint)
returns boolean
language sql stable
as $function$
  select pg_catalog.age(p_xmin) operator(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::xid)
    and p_cmin::text::bigint operator(pg_catalog.>) p_floor
    and pg_catalog.pg_xact_status((pg_catalog.pg_current_xact_id()::text::numeric
      operator(pg_catalog.+) pg_catalog.age(pg_catalog.pg_current_xact_id()::xid)
      operator(pg_catalog.-) pg_catalog.age(p_xmin))::text::xid8) operator(pg_catalog.=) 'in progress'
$function$;
