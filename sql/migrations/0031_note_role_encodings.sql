-- Not only a database's encoding brings texts that are no UTF-8: roles are the cluster's.
comment on column script_tracking_internal.installation.foreign_encoding is
  'Whether the database''s encoding is another than UTF8 (SQL_ASCII takes any bytes), or a role''s name, given in such a database, is no UTF-8';
