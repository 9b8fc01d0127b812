-- Two tenants of the role app, and a schema of its own: of deploy/compose.yaml, by psql as a superuser, once the schema is installed.
-- Both functions change nothing the second time.
select script_tracking.register_tenant(code) from unnest(array['acme', 'globex']) as code \g /dev/null
select script_tracking.grant_tenant(code, 'app') from unnest(array['acme', 'globex']) as code \g /dev/null
select 'create schema shop authorization app' where to_regnamespace('shop') is null \gexec
