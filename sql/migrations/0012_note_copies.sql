-- A copy of a tracked database, such as production's restored as staging, must not pass for its original: what the
-- exporter would publish of it are the original's numbers. So it is noted until somebody confirms that it stands for itself.

alter table script_tracking_internal.installation
  add column copied_from text,
  add column copy_found_at timestamptz;
comment on column script_tracking_internal.installation.copied_from is
  'The record_source prefix of the original while nobody has confirmed the copy; NULL otherwise';
comment on column script_tracking_internal.installation.copy_found_at is 'When it was found that this is a copy';
