-- The checks of vault_check() in their order: whether what it finds is a fault, and what that means.
-- counts false: what may be so without a fault, and is told all the same.
create or replace function script_tracking_internal.vault_checks()
returns table (place integer, check_name text, counts boolean, advice text)
language sql immutable parallel safe
as $function$
  values
    (1, 'hub_hash_key', true, 'The hash key of an execution is not the sha256 of its business key: the row was changed.'),
    (2, 'hub_without_satellite', true, 'An execution has no version: its rows were deleted.'),
    (3, 'hub_current_versions', true, 'An execution has several current versions, or none.'),
    (4, 'hub_tenant_unknown', true, 'An execution belongs to a tenant that there is not.'),
    (5, 'satellite_without_hub', true, 'A version has no hub row: that was deleted or changed.'),
    (6, 'satellite_tenant', true, 'A version belongs to another tenant than its execution.'),
    (7, 'satellite_hash_diff', true, 'The stored hash of a version is not the one of its fields: the row was changed.'),
    (8, 'satellite_gap', true, 'A version ended, and none begins where it ends.'),
    (9, 'satellite_overlap', true, 'Two versions of an execution hold at one time, or one ends before it begins.'),
    (10, 'satellite_repeated', true, 'A version says the same as the one before it: somebody else wrote it.'),
    (11, 'object_links_missing', true, 'A record below the horizon names an object and is not linked to it: script_tracking_internal.rebuild_links().'),
    (12, 'parent_links_missing', true, 'A record below the horizon names its parent and is not linked to it: script_tracking_internal.rebuild_links().'),
    (13, 'object_link_without_execution', true, 'A link leads to an execution that is not on record: that was deleted.'),
    (14, 'object_link_without_object', true, 'A link leads to an object without a hub row: script_tracking_internal.rebuild_links().'),
    (15, 'object_link_untold', true, 'An execution is linked to an object that its record does not name, or twice: script_tracking_internal.rebuild_links().'),
    (16, 'parent_link_without_execution', true, 'A link leads from an execution that is not on record: that was deleted.'),
    (17, 'parent_link_without_parent', false, 'A parent is not on record: it failed, was removed with its partition, was left out by a rule, or was never one.'),
    (18, 'object_hash_key', true, 'The hash key of an object is not the sha256 of its business key: script_tracking_internal.rebuild_links().'),
    (19, 'object_without_name', true, 'An object has no name: script_tracking_internal.rebuild_links().'),
    (20, 'name_without_object', true, 'A name belongs to no object: script_tracking_internal.rebuild_links().'),
    (21, 'tenant_current_versions', true, 'A tenant has several current versions, or none.'),
    (22, 'tenant_code', true, 'The code of a tenant is not the one of its current version: the row was changed.'),
    (23, 'tenant_version_without_tenant', true, 'A version belongs to no tenant: that was deleted or changed.'),
    (24, 'tenant_hash_diff', true, 'The stored hash of a tenant''s version is not the one of its fields: the row was changed.'),
    (25, 'tenant_gap', true, 'A version of a tenant ended, and none begins where it ends, or the first does not begin when the tenant was registered.'),
    (26, 'tenant_overlap', true, 'Two versions of a tenant hold at one time, or one ends before it begins.'),
    (27, 'tenant_repeated', true, 'A version of a tenant says the same as the one before it: somebody else wrote it.'),
    (28, 'judgement_missing', true, 'Captured DDL below the horizon of the judging has no judgement: that was deleted.'),
    (29, 'judgement_without_execution', true, 'A judgement is of an execution that is not on record: that was deleted.'),
    (30, 'judgement_tenant', true, 'A judgement belongs to another tenant than its execution.'),
    (31, 'judgement_hash_diff', true, 'The stored hash of a judgement is not the one of its fields: the row was changed.'),
    (32, 'judgement_rules', true, 'A judgement names a configuration that is not on record: that was deleted, or the row was changed.'),
    (33, 'rules_hash', true, 'The hash of a configuration by which DDL was judged is not the sha256 of its text: the row was changed.')
$function$;
