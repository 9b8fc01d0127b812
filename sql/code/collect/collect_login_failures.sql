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
as $function$
  with opted as materialized (
    select c.window_seconds from script_tracking_internal.collect_login_calls() as c
  ), refused as materialized (
    select a.tenant_hk, a.email_hmac, a.address, a.outcome
    from script_tracking_internal.login_attempt as a
    where a.script_type = 'LOGIN' and a.outcome in ('refused', 'locked', 'tenant_refused')
      and a.attempted_at > clock_timestamp() - make_interval(secs => (select o.window_seconds from opted as o))
  ), account as (
    select r.tenant_hk, max(r.refusals) as worst from (
      select g.tenant_hk, count(*) as refusals from refused as g where g.email_hmac is not null group by g.tenant_hk, g.email_hmac
    ) as r group by 1
  ), address as (
    select r.address, count(distinct (r.tenant_hk, r.email_hmac)) as accounts
    from refused as r where r.address is not null group by 1
  )
  select t.tenant_bk, count(r.outcome), count(distinct r.email_hmac), count(distinct r.address),
    coalesce(max(c.worst), 0), coalesce(max(d.accounts), 0),
    count(distinct r.email_hmac) filter (where r.outcome = 'locked')
  from opted cross join script_tracking.tenant_h as t
  left join refused as r on r.tenant_hk = t.tenant_hk
  left join account as c on c.tenant_hk = t.tenant_hk
  left join address as d on d.address = r.address
  group by t.tenant_bk
$function$;
