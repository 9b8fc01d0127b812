-- Judgements get what vault_check() and the archive hold rows to: a hash of their fields, and the transaction that wrote them.
-- What there is already gets its hash by a rewrite, which no trigger refuses, and counts as of no incarnation.

alter table script_tracking.script_execution_change_s
  add column hash_diff bytea,
  add column xid xid8 not null default pg_current_xact_id(),
  add column incarnation integer not null default 0;
alter table script_tracking.script_execution_change_s alter column hash_diff type bytea using sha256(convert_to(json_build_array(
  encode(script_execution_hk, 'hex'), (extract(epoch from execution_timestamp) * 1000000)::bigint, encode(tenant_hk, 'hex'), verdict,
  reference_state, window_name, approved_by, encode(rules_hash, 'hex'), judged_by)::text, 'UTF8'));
alter table script_tracking.script_execution_change_s alter column hash_diff set not null;
comment on column script_tracking.script_execution_change_s.hash_diff is
  'sha256 over what was judged and what was made of it as a JSON array; see script_tracking_internal.judgement_hash_diff';
comment on column script_tracking.script_execution_change_s.xid is 'Transaction that wrote this judgement';
comment on column script_tracking.script_execution_change_s.incarnation is
  'In which incarnation of this database xid counts; 0: it was written before there was the column';
create index idx_script_execution_change_s_xid on script_tracking.script_execution_change_s (xid);

comment on table script_tracking_internal.partition_archive is
  'Ledger of archives, append-only: each file that holds a partition of hub, satellite or judgements as it was when it was written';
comment on column script_tracking_internal.partition_archive.horizon is
  'A row of this incarnation whose transaction is not below it came after the archive';
