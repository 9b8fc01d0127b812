"""What goes round the event triggers is found, recorded and acknowledged."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.capture.reconciling import Watched, around, only, passes, watched_database
from tests.fix_exporter import StartExporter
from tests.fix_sessions import Login, MakeRole, Session, one, value
from tests.postgres_server import Server

# ruff: noqa: E501


@pytest.fixture(scope="module")
def watched(postgres: Server, _template: str) -> Iterator[Watched]:
    with watched_database(postgres, _template) as found:
        yield found


def evidence(session: Session) -> dict[str, object]:
    """Metadata of the newest record of the reconciler."""
    row = one(
        session,
        "select metadata from script_tracking.get_execution_history(1)"
        " where evidence = 'reconciler' and script_type = 'DDL' order by execution_timestamp desc limit 1",
    )
    return dict(row["metadata"])


def test_explain_analyze_of_create_table_as_is_one_change(watched: Watched) -> None:
    found = watched.report("explain analyze create table public.sly as select 1 as n")
    assert found == [("CREATE", "table", "public.sly")]
    assert "column 1 n integer storage p" in str(evidence(watched.session)["after"])


def test_a_change_is_reported_by_the_second_pass_and_once(watched: Watched) -> None:
    session = watched.session
    session.execute("explain analyze create table public.sly2 as select 1 as n")
    first, second, third = passes(session, 3)
    assert (first["fresh"], first["reported"], second["reported"], third["reported"]) == (1, 0, 1, 0)
    (row,) = session.execute(
        "select * from script_tracking.get_execution_history(1) where script_name = 'UNTRACKED CREATE TABLE'"
        " and affected_objects = '{public.sly2}'"
    ).fetchall()
    assert (row["script_type"], row["tenant"], row["execution_status"]) == ("DDL", "system", "COMPLETED")
    assert watched.report("drop table public.sly2") == [("CREATE", "table", "public.sly2")]


def test_reassign_owned_is_a_change_of_each_object(watched: Watched) -> None:
    session = watched.session
    session.execute("create role reconcile_old; create role reconcile_new")
    session.execute(
        "create table public.o (id int primary key); create function public.of() returns int language sql as 'select 1'"
    )
    session.execute("alter table public.o owner to reconcile_old; alter function public.of() owner to reconcile_old")
    passes(session, 2)
    try:
        found = watched.report("reassign owned by reconcile_old to reconcile_new")
        assert found == [("ALTER", "function", "public.of()"), ("ALTER", "table", "public.o")]
        after = evidence(session)
        assert (after["before"], after["after"]) == (["owner role reconcile_old"], ["owner role reconcile_new"])
    finally:
        session.execute("drop owned by reconcile_old, reconcile_new; drop role reconcile_old, reconcile_new")
        passes(session, 2)


def test_replica_sessions_are_recorded_and_leave_no_change(watched: Watched) -> None:
    statements = "set session_replication_role = replica; create table public.rep (); reset session_replication_role"
    assert watched.report(statements) == []


def test_event_triggers_switched_off_are_seen_by_what_was_done(watched: Watched) -> None:
    session = watched.session
    if session.info.server_version >= 170000:
        off = "set event_triggers = off; create table public.quiet (id int primary key); reset event_triggers"
        assert watched.report(off) == [("CREATE", "table", "public.quiet")]
        assert evidence(session)["changed_objects"] == 3  # its index and constraint with it
    else:
        with pytest.raises(psycopg.errors.UndefinedObject):
            session.execute("set event_triggers = off")


def test_a_trigger_that_was_off_for_a_moment_is_seen(watched: Watched) -> None:
    name = "et_ddl_command_end"
    found = watched.report(
        f"alter event trigger {name} disable; create table public.off (); alter event trigger {name} enable always"
    )
    assert found == [("ALTER", "event trigger", name), ("CREATE", "table", "public.off")]


def test_a_pause_leaves_what_was_done_in_it_and_not_itself(watched: Watched) -> None:
    watched.session.execute("select script_tracking.pause_tracking('upgrade')")
    passes(watched.session, 2)
    assert watched.pending() == []
    watched.session.execute("create table public.paused ()")
    assert watched.report("select script_tracking.resume_tracking()") == [("CREATE", "table", "public.paused")]


# What is watched beside relations and functions; each is done round the triggers, then put right on record.
ROUND = """
alter table w.f disable trigger all | ALTER constraint f_id_fkey on w.f
alter publication watched_p add table w.f | ALTER publication watched_p
alter publication watched_p rename to watched_q | ALTER publication watched_q
alter subscription watched_s connection 'host=nowhere password=hunter3' | ALTER subscription watched_s
alter subscription watched_s set (binary = true) | ALTER subscription watched_s
alter foreign data wrapper watched_w options (add a 'b') | ALTER foreign-data wrapper watched_w
alter user mapping for public server watched options (set password 'hunter4') | ALTER user mapping for public on watched
drop user mapping for public server watched | DROP user mapping for public on watched
drop subscription watched_s | DROP subscription watched_s
drop publication watched_q | DROP publication watched_q
"""
SINCE = {
    150000: """
create publication watched_r for tables in schema w | CREATE publication watched_r
alter table w.g drop constraint k, add constraint k foreign key (a) references w.t on delete set null (a) | DROP constraint k on w.g
""",
    180000: "alter table w.f alter constraint f_id_fkey not enforced | ALTER constraint f_id_fkey on w.f",
}


def test_publications_subscriptions_foreign_servers_and_foreign_keys_are_watched(watched: Watched) -> None:
    session = watched.session
    session.execute(
        "create schema w; create table w.t (id int primary key); create table w.f (id int references w.t);"
        " create table w.g (a int, b int, constraint k foreign key (a) references w.t on delete set null);"
        " create publication watched_p for table w.t; create foreign data wrapper watched_w;"
        " create server watched foreign data wrapper watched_w;"
        " create user mapping for public server watched options (password 'hunter1')"
    )
    session.execute(
        "create subscription watched_s connection 'host=nowhere password=hunter2' publication p"
        " with (connect = false, slot_name = none)"
    )
    try:
        assert watched.report("select 1") == []
        lines = [*ROUND.strip().splitlines()]
        for version, added in SINCE.items():
            lines += added.strip().splitlines() if session.info.server_version >= version else []
        for line in lines:
            hidden, wanted = line.split(" | ")
            found = {" ".join(map(str, one)) for one in only(watched.report(around(watched, hidden)))}
            assert wanted in found, (line, found)
            assert len(found) == (2 if "drop constraint" in line else 1), (line, found)
        kept = session.execute("select facts from script_tracking_internal.catalog_state").fetchall()
        told = session.execute("select metadata from script_tracking.script_execution_s where script_name like 'UNTR%'")
        assert "hunter" not in str([*kept, *told.fetchall()])
    finally:
        session.execute("drop server watched cascade; drop foreign data wrapper watched_w; drop schema w cascade")
        session.execute("drop publication if exists watched_p, watched_q, watched_r")
        session.execute("drop subscription if exists watched_s")
        passes(session, 2)


def test_the_body_of_a_function_in_standard_sql_is_watched(watched: Watched) -> None:
    """A stored one, whose text is nowhere in the catalog; it is changed there, past every event trigger."""
    watched.session.execute(
        "create function public.answer() returns int begin atomic select 41; end;"
        " create function public.other_answer() returns int begin atomic select 42; end"
    )
    assert watched.report("select 1") == []
    found = watched.report(
        "update pg_proc set prosqlbody = (select prosqlbody from pg_proc where proname = 'other_answer')"
        " where proname = 'answer'"
    )
    assert found == [("ALTER", "function", "public.answer()")]


def test_acknowledging_needs_a_reason_and_is_on_record(
    installed_database: str, admin: Session, make_role: MakeRole, login: Login
) -> None:
    admin.execute("update script_tracking_internal.setting set value = 'off' where name like 'reconcile%'")
    passes(admin, 1)
    admin.execute("explain analyze create table public.sly as select 1 as n")
    passes(admin, 2)
    auditor = login(make_role("script_tracking_auditor"))
    reader = login(make_role("script_tracking_reader"))
    change = value(
        auditor, "select change_id from script_tracking.get_untracked_changes() where identity = 'public.sly'"
    )
    ask = "select script_tracking.acknowledge_change(%s, %s)"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(ask, (change, "mine"))
    with pytest.raises(psycopg.Error) as refused:
        auditor.execute(ask, (change, " "))
    assert refused.value.sqlstate == "ST003"
    assert value(auditor, ask, change, "password=hunter2 for ticket 4711") is True
    assert value(auditor, ask, change, "again") is False
    row = one(admin, "select * from script_tracking.get_execution_history(1) where script_name = 'ACKNOWLEDGE CHANGE'")
    assert (row["db_session_user"], row["metadata"]["reason"]) == (
        auditor.info.user,
        "password=[redacted] for ticket 4711",
    )
    assert row["affected_objects"] == ["public.sly"]


def test_roles_databases_and_tablespaces_are_watched_and_passwords_not_told(postgres: Server, _template: str) -> None:
    with watched_database(postgres, _template, cluster=True) as watched:
        session = watched.session

        def mine(statement: str) -> list[tuple[object, ...]]:  # other tests make roles and databases meanwhile
            return [change for change in watched.report(statement) if "reconcile_joe" in str(change[2])]

        try:
            assert mine("create role reconcile_joe login") == [("CREATE", "role", "reconcile_joe")]
            assert mine("alter role reconcile_joe password 'hunter2'") == [("ALTER", "role", "reconcile_joe")]
            told = str(session.execute("select * from script_tracking.script_execution_s").fetchall())
            assert "'password'" in told
            assert "hunter2" not in told
            assert "SCRAM" not in told
            granted = mine("grant pg_monitor to reconcile_joe")
            assert granted == [("CREATE", "membership", "reconcile_joe in pg_monitor")]
            settings = mine("alter role reconcile_joe set work_mem = '8MB'")
            assert settings == [("CREATE", "settings", "role reconcile_joe")]
            assert mine("drop role reconcile_joe") == [("DROP", "role", "reconcile_joe")]
            assert mine("create database reconcile_joe") == [("CREATE", "database", "reconcile_joe")]
            limited = mine("alter database reconcile_joe connection limit 3")
            assert limited == [("ALTER", "database", "reconcile_joe")]
            assert mine("drop database reconcile_joe") == [("DROP", "database", "reconcile_joe")]
            session.execute("set allow_in_place_tablespaces = on")
            created = mine("create tablespace reconcile_joe location ''")
            assert created == [("CREATE", "tablespace", "reconcile_joe")]
            altered = mine("alter tablespace reconcile_joe set (random_page_cost = 2)")
            assert altered == [("ALTER", "tablespace", "reconcile_joe")]
            assert mine("drop tablespace reconcile_joe") == [("DROP", "tablespace", "reconcile_joe")]
        finally:
            session.execute("drop role if exists reconcile_joe")
            session.execute("drop database if exists reconcile_joe")
            session.execute("drop tablespace if exists reconcile_joe")


@pytest.mark.majors
def test_the_exporter_serves_the_change_within_its_interval(installed_database: str, exporter: StartExporter) -> None:
    with psycopg.connect(installed_database, autocommit=True) as connection:
        connection.execute("update script_tracking_internal.setting set value = 'off' where name like 'reconcile%'")
        running = exporter(
            installed_database, capture={"reconcile_interval": "8s"}, collectors={"reconciler": {"interval": "500ms"}}
        )
        running.wait_for_value(0, "script_tracking_untracked_changes")
        connection.execute("explain analyze create table public.sly as select 1 as n")
        began = time.monotonic()
        running.wait_for_value(1, "script_tracking_untracked_changes")
        assert time.monotonic() - began < 50, "by default it is a minute"
        assert (running.value("script_tracking_catalog_coverage_ratio") or 1) < 1
