-- What fires on DDL and what decides who sees which tenant is noted as the installer left it, so that a change of it, on record or
-- not, is told for as long as it stands.
alter table script_tracking_internal.capture_state add column guards_noted jsonb;
comment on column script_tracking_internal.capture_state.guards_noted is
  'A digest of each event trigger with its function, and of each policy and function by which tenants are told apart, as last installed';
