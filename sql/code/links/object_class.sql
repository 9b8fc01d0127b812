-- The catalog that an object's oid counts in, by the type that a record tells; NULL where that is not known. Of a column
-- that of its relation.
create or replace function script_tracking_internal.object_class(p_type text)
returns oid
language sql immutable parallel safe
as $function$
  select ('{
    "table": 1259, "index": 1259, "view": 1259, "sequence": 1259, "materialized view": 1259, "foreign table": 1259,
    "composite type": 1259, "table column": 1259, "view column": 1259, "foreign table column": 1259,
    "materialized view column": 1259, "composite type column": 1259, "function": 1255, "procedure": 1255,
    "aggregate": 1255, "routine": 1255, "type": 1247, "domain": 1247, "enum": 1247, "range": 1247, "schema": 2615,
    "constraint": 2606, "table constraint": 2606, "domain constraint": 2606, "trigger": 2620, "policy": 3256,
    "rule": 2618, "extension": 3079, "default acl": 826, "default privileges": 826, "statistics object": 3381,
    "collation": 3456, "conversion": 2607, "cast": 2605, "operator": 2617, "operator class": 2616,
    "operator family": 2753, "access method": 2601, "language": 2612, "large object": 2613, "transform": 3576,
    "text search configuration": 3602, "text search dictionary": 3600, "text search parser": 3601,
    "text search template": 3764, "foreign-data wrapper": 2328, "foreign data wrapper": 2328, "server": 1417,
    "foreign server": 1417, "user mapping": 1418, "publication": 6104, "subscription": 6100, "event trigger": 3466,
    "role": 1260, "database": 1262, "tablespace": 1213}'::jsonb operator(pg_catalog.->>) p_type)::oid
$function$;
