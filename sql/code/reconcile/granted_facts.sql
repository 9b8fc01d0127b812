-- What an access list grants, a fact for each grantee, by oid: a name may change without any right changing.
create or replace function script_tracking_internal.granted_facts(p_what text, p_acl aclitem[])
returns text[]
language sql stable parallel safe
as $function$
  select array(
    select pg_catalog.concat(p_what, ' to role{', a.grantee, '}: ', pg_catalog.string_agg(
      a.privilege_type operator(pg_catalog.||) case when a.is_grantable then ' with grant option' else '' end, ', '
      order by a.privilege_type collate "C"))
    from pg_catalog.aclexplode(p_acl) as a
    group by a.grantee order by a.grantee)
$function$;
