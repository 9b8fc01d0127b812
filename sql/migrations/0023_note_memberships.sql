-- What every writer reads anyway says whether there are memberships to look up at all. Once true it stays so: whoever
-- takes the last one away does not see one that is being granted meanwhile.
alter table script_tracking_internal.installation add column memberships boolean not null default false;
comment on column script_tracking_internal.installation.memberships is
  'Whether any role has ever been a member of a tenant';
update script_tracking_internal.installation set memberships = true
where exists (select from script_tracking_internal.tenant_membership);
