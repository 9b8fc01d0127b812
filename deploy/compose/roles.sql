-- Login roles of deploy/compose.yaml, by psql as a superuser; a second time changes nothing. Their passwords: password.sql.
-- The schema's own roles come before its installation, so that their members are part of what is known from the start, and nobody is paged for them.
select format('create role %I %s', name, case when name like 'script\_tracking\_%' then 'nologin' else 'login' end)
from unnest(array['script_tracking_daemon', 'script_tracking_app', 'script_tracking_reader', 'script_tracking_auditor',
  'exporter', 'app', 'grafana']) as name
where not exists (select from pg_roles where rolname = name) \gexec

alter role exporter connection limit 8;
alter role app connection limit 50;
alter role grafana connection limit 10;
alter role grafana set default_transaction_read_only = on;
alter role grafana set statement_timeout = '15s';

-- The exporter collects, keeps house and captures; the application declares operations and reads those of its tenants; whoever may look at Grafana
-- sees the rows of all tenants. A membership in script_tracking_reader, with grant_tenant(), would show those of some alone.
grant script_tracking_daemon to exporter;
grant script_tracking_app, script_tracking_reader to app;
grant script_tracking_auditor to grafana;

revoke connect, temporary on database orders from public;
grant connect on database orders to exporter, app, grafana;
