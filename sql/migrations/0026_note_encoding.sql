-- What every writer reads anyway says whether texts may come whose bytes are no UTF-8, in which hashes are reckoned.
alter table script_tracking_internal.installation add column foreign_encoding boolean not null default false;
comment on column script_tracking_internal.installation.foreign_encoding is
  'Whether the database''s encoding is another than UTF8: SQL_ASCII takes any bytes';
