"""A service that lets nobody make an event trigger: everything else works, and what is missing is told."""

from __future__ import annotations

import hashlib
import json

import psycopg
import pytest

from tests.fix_exporter import StartExporter, eventually
from tests.fix_sessions import history, opened, value
from tests.managed.service import BAD_HEALTH, TARGET, TRIGGERS, WITHOUT, Service
from tests.schema.steps import rows

pytestmark = pytest.mark.majors

TOKEN = "t" * 40


def test_the_admin_is_told_what_the_service_refuses_and_what_to_do(service: Service) -> None:
    code, told = service.schema("install")
    assert (code, WITHOUT in told, "Traceback" in told) == (1, True, False)
    with service.session("admin") as admin, pytest.raises(psycopg.errors.InsufficientPrivilege):
        admin.execute("create event trigger mine on sql_drop execute function suppress_redundant_updates_trigger()")
    assert rows(service.superuser, "select from pg_namespace where nspname ~ '^script_tracking'") == []


@pytest.mark.parametrize("group", ["rds_superuser", "azure_pg_admin", "cloudsqlsuperuser"])
def test_so_is_a_member_of_the_services_own_role_where_the_server_refuses(service: Service, group: str) -> None:
    rows(service.superuser, f"create role {group} role admin")
    try:
        code, told = service.schema("install")
        assert (code, "permission denied to create event trigger" in told, WITHOUT in told) == (1, True, True)
        assert service.schema("install", WITHOUT)[0] == 0
    finally:
        rows(service.superuser, f"drop role {group}")


def test_a_role_that_lacks_what_an_installation_takes_is_told_which_step_failed(service: Service) -> None:
    rows(service.superuser, f"alter database {service.name} owner to postgres")
    code, told = service.schema("install", WITHOUT)
    assert (code, "role admin lacks a right: migrations/0001_create_roles_and_ledger.sql" in told) == (1, True), told
    assert rows(service.superuser, "select from pg_namespace where nspname ~ '^script_tracking'") == []
    rows(service.superuser, f"grant create on database {service.name} to admin")
    assert service.schema("install", WITHOUT)[0] == 0


def test_the_schema_stands_is_verified_and_tells_what_it_has_not(without: Service) -> None:
    assert without.schema("verify")[0] == 0
    assert without.schema("upgrade") == (0, without.schema("upgrade")[1])
    assert "is up to date, nothing changed" in without.schema("install")[1]
    assert rows(without.superuser, TRIGGERS) == []
    assert rows(without.superuser, BAD_HEALTH) == [{"check_name": "without_event_triggers", "status": "warning"}]
    with without.session("admin") as admin:
        assert value(admin, "select count(*) from script_tracking_internal.collect_event_triggers()") == 0
        probed = admin.execute("select level, lacks from script_tracking_internal.probe_capture()").fetchone()
        assert probed == {"level": "basic", "lacks": "event_triggers"}
        owners = "select array_agg(r.rolname) from pg_auth_members as m join pg_roles as r on r.oid = m.member"
        held = f"{owners} where m.roleid = 'script_tracking_owner'::regrole and pg_has_role(r.oid, m.roleid, 'usage')"
        assert value(admin, held) is None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            admin.execute("select count(*) from script_tracking.script_execution_s")


def test_an_installation_by_hand_stands_the_same(service: Service) -> None:
    """`install --print`, for whose change control wants to read it first."""
    code, script = service.schema("install", "--print", WITHOUT)
    assert code == 0
    with service.session("admin") as admin:
        admin.execute("\n".join(line for line in script.splitlines() if not line.startswith("\\")).encode())
    assert service.schema("verify")[0] == 0
    assert "is up to date, nothing changed" in service.schema("install")[1]


def test_a_function_of_somebody_elses_among_the_admins_is_told(without: Service) -> None:
    """Without event triggers the note of who installed it tells whose they are."""
    rows(without.superuser, "create role app login")
    rows(without.superuser, "grant all on schema script_tracking_internal to app")
    rows(without.superuser, "alter function script_tracking_internal.sessions() owner to app")
    assert {"check_name": "record_protected", "status": "critical"} in rows(without.superuser, BAD_HEALTH)
    assert "FAILED objects_belong_to_owner" in without.schema("verify")[1]


def test_operations_upkeep_metrics_and_api_work_and_ddl_is_found_by_comparison(
    without: Service, exporter: StartExporter
) -> None:
    with without.session("admin") as admin:
        for statement in (
            "create role exporter login in role script_tracking_daemon",
            "create role app login in role script_tracking_app",
            "create role auditor in role script_tracking_auditor",
            "grant auditor to exporter",
            "create schema shop",
            "grant all on schema shop to app",
        ):
            admin.execute(statement.encode())
    without.as_owner(
        "select script_tracking.register_tenant('acme')", "select script_tracking.grant_tenant('acme', 'app')"
    )
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    running = exporter(
        without.dsn("exporter"),
        api={"tokens": [{"name": "audit", "token_sha256": digest, "role": "auditor"}]},
        capture={"reconcile_interval": "1s"},
        collectors={name: {"interval": "1s"} for name in ("operations", "reconciler", "health", "capture")},
    )
    running.wait_for_value(1, "script_tracking_up", **TARGET)
    with without.session("app") as app:
        app.execute(
            "select script_tracking.complete_operation(script_tracking.track_operation('nightly', 'BATCH'), true)"
        )
        app.execute("create table shop.orders (id int)")
    done = {**TARGET, "tenant": "acme", "script_type": "BATCH", "status": "COMPLETED"}
    running.wait_for_value(1, "script_tracking_operations_total", **done)
    with opened(without.superuser) as superuser:
        eventually(
            lambda: any(
                row["affected_objects"] == ["shop.orders"] for row in history(superuser, "UNTRACKED CREATE TABLE")
            ),
            60,
        )
    running.wait_for_value(1, "script_tracking_upkeep_success", **TARGET)
    running.wait_for_value(0, "script_tracking_health_check_ok", **TARGET, check="without_event_triggers")
    running.wait_for_value(1, "script_tracking_capture_level_info", **TARGET, level="basic", lacks="event_triggers")
    assert running.value("script_tracking_event_trigger_enabled", **TARGET, trigger="et_ddl_command_end") is None
    answer = running.get("/api/v1/executions", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200
    names = {item["script_name"] for item in json.loads(answer.body)["items"]}
    assert {"nightly", "UNTRACKED CREATE TABLE", "register_tenant"} <= names
    assert [
        event for name in ("upkeep_failed", "collector_failed", "capture_failed") for event in running.events(name)
    ] == []
