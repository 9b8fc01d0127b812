"""A service that makes its admin's event triggers for it: they belong to the admin."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_exporter import StartExporter, eventually
from tests.fix_sessions import history, meddling, opened
from tests.managed.service import BAD_HEALTH, TARGET, TRIGGERS, Service
from tests.schema.steps import rows

pytestmark = pytest.mark.majors


def test_ddl_of_anybody_is_recorded_and_the_schema_verified(tracked: Service) -> None:
    found = rows(tracked.superuser, TRIGGERS)
    assert (len(found), {row["owner"] for row in found}) == (4, {"admin"})
    assert tracked.schema("verify")[0] == 0
    rows(tracked.superuser, "create table public.of_the_service ()")
    with tracked.session("admin") as admin:
        admin.execute("create table of_the_admin ()")
        admin.execute("drop table of_the_admin")
    with opened(tracked.superuser) as superuser:
        recorded = [(row["script_name"], row["db_session_user"]) for row in history(superuser)]
    assert recorded == [("CREATE TABLE", "postgres"), ("CREATE TABLE", "admin"), ("DROP TABLE", "admin")]
    assert rows(tracked.superuser, BAD_HEALTH) == []


def test_an_upgrade_makes_nothing_that_the_server_would_refuse(tracked: Service) -> None:
    assert "is up to date, nothing changed" in tracked.schema("upgrade")[1]
    rows(tracked.superuser, meddling("drop function script_tracking.get_recent_errors(integer)"))
    code, told = tracked.schema("upgrade")
    assert (code, "restored: functions_as_released" in told) == (0, True), told
    assert len(rows(tracked.superuser, TRIGGERS)) == 4


def test_one_that_is_gone_is_named_and_how_to_go_on_without(tracked: Service) -> None:
    with tracked.session("admin") as admin:
        admin.execute("drop event trigger et_sql_drop")
    assert {"check_name": "event_triggers_enabled", "status": "critical"} in rows(tracked.superuser, BAD_HEALTH)
    code, told = tracked.schema("upgrade")
    assert (code, "permission denied to create event trigger" in told, "--without-event-triggers" in told) == (
        1,
        True,
        True,
    )
    assert tracked.schema("upgrade", "--without-event-triggers")[0] == 0
    assert rows(tracked.superuser, TRIGGERS) == []


def test_a_pause_is_told_from_a_take_over(tracked: Service) -> None:
    """Its event triggers gone, the installing role is still known to be the owner of what is its own."""
    tracked.as_owner("select script_tracking.pause_tracking('upgrade to 18')")
    assert rows(tracked.superuser, BAD_HEALTH) == [{"check_name": "tracking_paused", "status": "warning"}]
    told = tracked.schema("verify")[1]
    assert [line for line in told.splitlines() if "FAILED" in line and "tracking_not_paused" not in line] == []


def test_a_superuser_takes_it_over_once_the_admin_has_left_the_record(tracked: Service) -> None:
    """As after a move from a service to a server of one's own."""
    assert tracked.schema("verify", user="postgres")[0] == 0
    assert tracked.schema("uninstall")[0] == 0
    # from 16 on it keeps the right to grant it, by which it could take over the superuser's DDL
    is_kept = (
        rows(tracked.superuser, "select from pg_auth_members where roleid = 'script_tracking_owner'::regrole") != []
    )
    if is_kept:
        code, told = tracked.schema("install", user="postgres")
        assert (code, "first run: revoke script_tracking_owner from admin" in told) == (1, True), told
        rows(tracked.superuser, "revoke script_tracking_owner from admin")
    try:
        assert tracked.schema("install", user="postgres")[0] == 0
        assert tracked.schema("install", "--with-event-triggers", user="postgres")[0] == 0
        assert {row["owner"] for row in rows(tracked.superuser, TRIGGERS)} == {"postgres"}
        assert tracked.schema("verify", user="postgres")[0] == 0
    finally:
        if is_kept:  # the other tests' admin of the same cluster
            kept = "grant script_tracking_owner to admin with admin true, inherit false, set false"
            rows(tracked.superuser, kept)


def test_no_change_is_reported_that_the_installation_made(tracked: Service) -> None:
    """It joins and leaves the owner, which the comparison of the catalogs would report."""
    for _ in range(2):
        assert tracked.schema("upgrade", "--with-event-triggers")[0] == 0
        tracked.as_owner("select script_tracking.register_tenant('acme')")
        rows(tracked.superuser, "select from script_tracking_internal.reconcile()")
    rows(tracked.superuser, "select from script_tracking_internal.reconcile()")
    assert rows(tracked.superuser, "select identity from script_tracking.get_untracked_changes()") == []
    with tracked.session("admin") as admin:
        admin.execute("grant script_tracking_owner to current_user")
        assert {"check_name": "owner_role_members", "status": "critical"} in rows(tracked.superuser, BAD_HEALTH)
        admin.execute("revoke script_tracking_owner from current_user")
    assert rows(tracked.superuser, BAD_HEALTH) == []


def test_failures_are_captured_by_the_admins_right_to_replicate_and_not_without(
    tracked: Service, exporter: StartExporter
) -> None:
    rows(tracked.superuser, "alter role admin noreplication")
    with tracked.session("admin") as admin:
        admin.execute("create role exporter login in role script_tracking_daemon")
        running = exporter(tracked.dsn("exporter"), collectors={"capture": {"interval": "1s"}})
        running.wait_for_value(1, "script_tracking_capture_level_info", **TARGET, level="basic", lacks="replication")
        rows(tracked.superuser, "alter role admin replication")
        # the server's log is out of reach: no pg_read_server_files
        running.wait_for_value(1, "script_tracking_capture_level_info", **TARGET, level="failures", lacks="server_log")
        with pytest.raises(psycopg.errors.UndefinedTable):
            admin.execute("drop table missing")
        with opened(tracked.superuser) as superuser:
            eventually(lambda: [row["execution_status"] for row in history(superuser, "DROP TABLE")] == ["FAILED"], 60)


def test_the_admin_removes_all_of_it(tracked: Service) -> None:
    assert tracked.schema("uninstall", "--with-records", "--yes")[0] == 0
    assert rows(tracked.superuser, TRIGGERS) == []
    assert rows(tracked.superuser, "select from pg_namespace where nspname ~ '^script_tracking'") == []
