"""Whatever object changes its owner and whichever right is revoked: get_system_health() tells, and does not fail."""

from __future__ import annotations

import pytest

from tests.fix_sessions import MakeRole, Session, one, value
from tests.vault_steps import INTERNAL

PROTECTED = "select status, advice from {} where check_name = 'record_protected'"
ASKED = ("script_tracking.get_system_health()", f"{INTERNAL}.collect_health()")
# sequences of identity columns go with their table; of the partitions one is as good as another
OBJECTS = """
with own as (select oid, nspname from pg_namespace where nspname in ('script_tracking', 'script_tracking_internal'))
select 'schema' as kind, nspname::text as name, true as is_owned from own
union all
select case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, c.oid::regclass::text,
  c.relowner = 'script_tracking_owner'::regrole
from pg_class as c join own as o on o.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'S') and (not c.relispartition or c.relname like '%first%')
  and not exists (select from pg_depend as d where d.objid = c.oid and d.deptype = 'i' and c.relkind = 'S')
union all
select 'function', p.oid::regprocedure::text, p.proowner = 'script_tracking_owner'::regrole
from pg_proc as p join own as o on o.oid = p.pronamespace
"""


def objects(admin: Session) -> list[tuple[str, str, bool]]:
    """Kind, name, and whether it is the owner's: the others are the installing superuser's."""
    found = [(row["kind"], row["name"], row["is_owned"]) for row in admin.execute(OBJECTS.encode())]
    assert len(found) > 300 and {kind for kind, _, _ in found} == {"schema", "table", "view", "sequence", "function"}
    return found


def told(admin: Session, change: str, asked: str) -> str:
    """The status of the check after a change, which is taken back."""
    with admin.transaction(force_rollback=True):
        admin.execute(f"select pg_advisory_xact_lock(6001874101); {change}".encode())
        return str(one(admin, PROTECTED.format(asked))["status"])


@pytest.mark.majors
@pytest.mark.parametrize("asked", ASKED)
def test_any_object_that_is_made_over_shows(admin: Session, make_role: MakeRole, asked: str) -> None:
    heir = make_role()
    silent = [
        name
        for kind, name, _ in objects(admin)
        if told(admin, f"alter {kind} {name} owner to {heir}", asked) != "critical"
    ]
    assert silent == []
    assert one(admin, PROTECTED.format(asked))["status"] == "ok"


@pytest.mark.majors
@pytest.mark.parametrize("asked", ASKED)
def test_any_right_that_the_tracker_works_by_and_that_is_revoked_shows(admin: Session, asked: str) -> None:
    revoked = [
        f"revoke {right} on {'table' if kind == 'view' else kind} {name} from script_tracking_owner"
        for kind, name, is_owned in objects(admin)
        if is_owned
        for right in {"table": ("select", "insert", "update"), "schema": ("usage",)}.get(kind, ("all",))
    ]
    assert [one for one in revoked if told(admin, one, asked) != "critical"] == []


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", ["script_tracking_internal", "script_tracking"])
def test_a_schema_that_is_made_over_shows(admin: Session, make_role: MakeRole, asked: str, name: str) -> None:
    heir = make_role()
    assert told(admin, f"alter schema {name} owner to {heir}", asked) == "critical"
    assert told(admin, f"revoke all on schema {name} from script_tracking_owner", asked) == "critical"


@pytest.mark.parametrize("role", ["app", "reader", "auditor", "daemon"])
def test_health_needs_no_right_of_the_other_roles(admin: Session, role: str) -> None:
    """All at once: to each function it is the owner that asks."""
    change = (
        f"revoke all on all tables in schema script_tracking, {INTERNAL} from script_tracking_{role};"
        f" revoke all on all functions in schema script_tracking, {INTERNAL} from script_tracking_{role}"
    )
    before = value(admin, f"select count(*) from {ASKED[0]}")
    with admin.transaction(force_rollback=True):
        admin.execute(f"select pg_advisory_xact_lock(6001874101); {change}".encode())
        assert value(admin, f"select count(*) from {ASKED[0]} where status <> 'unknown'") == value(
            admin, f"select count(*) from {ASKED[1]} where ok is not null"
        )
        assert value(admin, f"select count(*) from {ASKED[0]}") == before


def test_what_still_can_be_asked_is_told(admin: Session, make_role: MakeRole) -> None:
    reader = make_role("script_tracking_reader")
    before = {row["check_name"] for row in admin.execute(f"select check_name from {ASKED[0]}".encode())}
    with admin.transaction(force_rollback=True):
        admin.execute(b"select pg_advisory_xact_lock(6001874101)")
        admin.execute(f"alter table {INTERNAL}.capture_policy owner to {reader}".encode())
        admin.execute(f"set local role {reader}".encode())
        found = {row["check_name"]: row for row in admin.execute(f"select * from {ASKED[0]}".encode())}
    assert {"rollup_lag", "untracked_changes", "owner_role_members", "record_protected"} < set(found) < before
    assert "capture_policy" in found["record_protected"]["advice"]


def test_readers_learn_nothing_of_others_operations_and_holds(admin: Session, make_role: MakeRole) -> None:
    reader, auditor = make_role("script_tracking_reader"), make_role("script_tracking_auditor")
    admin.execute(f"select script_tracking.register_tenant('{reader}')".encode())
    admin.execute(f"select script_tracking.grant_tenant('{reader}', '{reader}')".encode())
    value(admin, "select script_tracking.track_operation('job', 'BATCH', 'system')")
    admin.execute(f"update {INTERNAL}.running_operation set gone_since = now() - interval '1 day'".encode())
    value(admin, "select script_tracking.place_hold('system', now(), null, 'a suit')")
    value(admin, "select script_tracking.place_hold(null, now(), null, 'another suit')")
    counted = (
        "select coalesce(sum(value) filter (where check_name = 'legal_holds'), -1)::integer as holds,"
        " coalesce(sum(value) filter (where check_name = 'orphaned_operations'), -1)::integer as orphans,"
        " bool_or(value > 0) filter (where check_name = 'oldest_running_operation') as runs"
        f" from {ASKED[0]}"
    )

    def seen(role: str, tenant: str = "") -> dict[str, object]:
        with admin.transaction(force_rollback=True):
            admin.execute(f"set local role {role}; set local script_tracking.tenant = '{tenant}'".encode())
            return dict(one(admin, counted))

    assert seen(reader) == {"holds": 1, "orphans": 0, "runs": False}
    assert seen(auditor) == {"holds": 2, "orphans": 1, "runs": True}
    assert seen(auditor, reader) == {"holds": 1, "orphans": 0, "runs": False}
    value(admin, f"select script_tracking.track_operation('job', 'BATCH', '{reader}')")
    assert seen(reader) == {"holds": 1, "orphans": 0, "runs": True}
