-- Thirty failures of one tenant at once, which is what ScriptTrackingErrorSpike pages for:
--   docker compose --file deploy/compose.yaml exec workload /deploy/psql --file /deploy/spike.sql
select count(*) filter (where script_tracking.complete_operation(
  script_tracking.track_operation('nightly-import-' || n, 'IMPORT', 'globex'), false, 'out of stock', 'P0001')) as failures
from generate_series(1, 30) as n;
