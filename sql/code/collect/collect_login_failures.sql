-- requires: collect/collect_login_calls.sql
-- For the daemon: what tells guessing, by tenant, of the logins refused within the window: how many, of how many e-mails and
-- addresses, of the worst e-mail, how many e-mails from the worst address, how many e-mails are locked out. The e-mails of an
-- address are those of all tenants. No row where the database did not opt in.
create or replace function script_tracking_internal.collect_login_failures()
returns table (tenant text, failures bigint, accounts bigint, addresses bigint, worst_account bigint, worst_address bigint,
  locked_accounts bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set enable_sort = off  -- whoever guesses makes many attempts faster than they are analysed: to sort them takes several times as long
as $function$
  with opted as materialized (
    select c.window_seconds from script_tracking_internal.collect_login_calls() as c
  ), refused as materialized (  -- added up before anything else: whoever guesses makes many attempts with few e-mails or addresses
    select a.tenant_hk, a.email_hmac, a.address, count(*) as refusals, bool_or(a.outcome = 'locked') as is_locked
    from script_tracking_internal.login_attempt as a
    where a.script_type = 'LOGIN' and a.outcome in ('refused', 'locked', 'tenant_refused')
      and a.attempted_at > (select clock_timestamp() - make_interval(secs => o.window_seconds) from opted as o)
    group by 1, 2, 3
  ), account as (
    select e.tenant_hk, count(*) as accounts, max(e.refusals) as worst, count(*) filter (where e.is_locked) as locked
    from (
      select r.tenant_hk, r.email_hmac, sum(r.refusals)::bigint as refusals, bool_or(r.is_locked) as is_locked
      from refused as r where r.email_hmac is not null group by 1, 2) as e
    group by 1
  ), address as (
    select d.tenant_hk, count(*) as addresses, max(t.accounts) as worst
    from (select r.tenant_hk, r.address from refused as r where r.address is not null group by 1, 2) as d
    join (select r.address, count(*) as accounts from refused as r where r.address is not null group by 1) as t
      on t.address = d.address
    group by 1
  ), failure as (
    select r.tenant_hk, sum(r.refusals)::bigint as failures from refused as r group by 1
  )
  select t.tenant_bk, coalesce(f.failures, 0), coalesce(c.accounts, 0), coalesce(d.addresses, 0), coalesce(c.worst, 0),
    coalesce(d.worst, 0), coalesce(c.locked, 0)
  from opted cross join script_tracking.tenant_h as t
  left join failure as f on f.tenant_hk = t.tenant_hk
  left join account as c on c.tenant_hk = t.tenant_hk
  left join address as d on d.tenant_hk = t.tenant_hk
$function$;
