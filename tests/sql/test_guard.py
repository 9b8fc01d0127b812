"""DDL on the tracker's own schemas: refused to everybody but installer and upkeep, a superuser included."""

from __future__ import annotations

import pytest

from tests.fix_sessions import Login, MakeRole, Session, history, meddling, refusal, value
from tests.sql.guarded import ALLOWED, CONCURRENT, CONCURRENT_ALLOWED, REFUSED, SI, S

STANDING = (
    f"select array(select indexrelid::regclass::text || indisvalid from pg_index join pg_class on oid = indrelid"
    f" where relnamespace in ('{S}'::regnamespace, '{SI}'::regnamespace) and not (relname = 'tenant_h') order by 1)"
    " || array(select inhrelid::regclass::text || inhdetachpending from pg_inherits order by 1) as standing"
)
COUNTED = f"select guarded_ddl_total from {SI}.collect_rules()"
LOST = f"select lost_records_total from {SI}.collect_capture()"


@pytest.fixture
def kept(admin: Session) -> Session:
    admin.execute(
        "create schema kept; create table public.kept (); create table public.kept2 ();"
        " create table public.indexed (id int)"
    )
    return admin


def test_a_superusers_ddl_on_the_tracker_is_refused_and_counted(kept: Session) -> None:
    # hstore comes with contrib, vector with the embedded wheel
    available = str(value(kept, "select min(name) from pg_available_extensions where name in ('hstore', 'vector')"))
    statements = [statement.replace("{extension}", available) for statement in REFUSED]
    went = {statement: state for statement in statements if (state := refusal(kept, statement)) != "ST009"}
    assert went == {}
    assert value(kept, COUNTED) == len(REFUSED)
    assert value(kept, "select to_regclass('public.kept') is not null and to_regnamespace('kept') is not null")
    assert value(kept, LOST) == 0
    kept.execute("create table public.after_all ()")
    assert history(kept, "CREATE TABLE")[-1]["affected_objects"] == ["public.after_all"]


def test_the_owners_own_ddl_is_refused_like_everybodys(admin: Session) -> None:
    admin.execute("set role script_tracking_owner")
    for statement in (
        f"alter table {S}.script_execution_s disable trigger protect_updates",
        f"drop trigger protect_truncate on {SI}.script_execution_s_first",
        f"drop table {SI}.script_execution_s_first",
        f"create table {SI}.mine ()",
    ):
        assert refusal(admin, statement) == "ST009", statement


def test_what_would_be_half_done_is_refused_before_it_begins(admin: Session) -> None:
    before = value(admin, STANDING)
    went = {statement: state for statement in CONCURRENT if (state := refusal(admin, statement)) != "ST009"}
    assert went == {}
    assert value(admin, STANDING) == before
    assert value(admin, COUNTED) == len(CONCURRENT)
    assert value(admin, f"select {S}.track_operation('job', 'BATCH') is not null")


def test_what_others_do_concurrently_goes_through(admin: Session) -> None:
    admin.execute("create table public.setting (value text)")
    admin.execute(
        'create table public.parted ("script_tracking.tenant_h" text) partition by list ("script_tracking.tenant_h")'
    )
    admin.execute("create table public.parted_1 partition of public.parted for values in ('1')")
    went = {statement: state for statement in CONCURRENT_ALLOWED if (state := refusal(admin, statement)) is not None}
    assert went == {}
    assert value(admin, COUNTED) == 0


def test_the_installers_lock_of_a_session_lets_through_what_cannot_be_in_a_transaction(admin: Session) -> None:
    admin.execute("select pg_advisory_lock(6001874101)")
    for statement in (
        f"create index concurrently mine on {SI}.script_execution_s_first (script_name)",
        f"drop index concurrently {SI}.mine",
        f"alter table {S}.script_execution_s detach partition {SI}.script_execution_s_{{latest}} concurrently",
    ):
        latest = value(
            admin, "select right(max(relname), 6) from pg_class where relname ~ '^script_execution_s_2[0-9]+$'"
        )
        admin.execute(statement.replace("{latest}", str(latest)).encode())
    admin.execute("select pg_advisory_unlock(6001874101)")
    assert [row["affected_objects"] for row in history(admin, "DROP INDEX")] == [[f"{SI}.mine"]]
    assert history(admin, "ALTER TABLE")[-1]["affected_objects"][0] == f"{S}.script_execution_s"
    assert refusal(admin, f"drop index concurrently {S}.idx_script_execution_s_timestamp") == "ST009"


@pytest.mark.parametrize(
    "setting", ["session_replication_role = replica", "script_tracking_internal.installing = 'on'"]
)
def test_no_setting_passes_the_guard(admin: Session, setting: str) -> None:
    admin.execute(f"set {setting}".encode())
    for statement in (f"create table {S}.mine ()", f"drop function {SI}.redact(text)", f"drop schema {S} cascade"):
        assert refusal(admin, statement) == "ST009", statement


def test_what_only_mentions_the_tracker_goes_through(kept: Session) -> None:
    went = {statement: state for statement in ALLOWED if (state := refusal(kept, statement)) is not None}
    assert went == {}
    assert value(kept, COUNTED) == 0
    assert value(kept, LOST) == 0


def test_an_ordinary_role_is_not_in_the_guards_way(admin: Session, make_role: MakeRole, login: Login) -> None:
    """Nor has it a way of its own: without CREATE there PostgreSQL refuses first."""
    role = make_role("script_tracking_app", "script_tracking_reader")
    admin.execute(f"create schema script_tracking_of_mine authorization {role}".encode())
    session = login(role)
    session.execute(
        "create table script_tracking_of_mine.t (id int); alter table script_tracking_of_mine.t add column a int;"
        " drop schema script_tracking_of_mine cascade"
    )
    session.execute("select pg_advisory_lock(6001874101)")
    assert refusal(session, f"create table {S}.mine ()") == "42501"
    assert refusal(session, f"drop schema {S} cascade") == "42501"
    assert value(admin, COUNTED) == 0


def test_who_means_it_takes_the_installers_lock_and_is_on_record(admin: Session) -> None:
    admin.execute(meddling(f"alter table {S}.tenant_h set (autovacuum_enabled = true)").encode())
    (row,) = history(admin, "ALTER TABLE")
    assert row["affected_objects"] == [f"{S}.tenant_h"]
    admin.execute(meddling(f"drop schema {S}, {SI} cascade").encode())
    assert value(admin, f"select to_regnamespace('{S}') is null")


def test_a_role_that_was_granted_rights_on_the_tracker_is_dropped_all_the_same(kept: Session) -> None:
    kept.execute("create role contractor")
    kept.execute(
        meddling(
            f"grant usage on schema {SI} to contractor; grant select on {SI}.script_execution_s_first to contractor;"
            f" grant execute on function {S}.get_tenants() to contractor"
        ).encode()
    )
    kept.execute("alter table public.kept owner to contractor; drop owned by contractor; drop role contractor")
    row = history(kept, "DROP OWNED")[-1]
    assert {"public.kept", SI, f"{SI}.script_execution_s_first", f"{S}.get_tenants()"} <= set(row["affected_objects"])
    assert value(kept, COUNTED) == 0


def test_nobody_drops_the_rights_that_a_role_of_the_project_gave_him(
    admin: Session, make_role: MakeRole, login: Login
) -> None:
    """PostgreSQL lets every member of a role do that, and all others lose their rights by it."""
    session = login(make_role("script_tracking_app"))
    assert refusal(session, "drop owned by script_tracking_app") == "ST009"
    assert value(session, f"select {S}.track_operation('job', 'BATCH') is not null") is True


@pytest.mark.parametrize(
    "breakage",
    [
        "is_own_object",
        "installation_lock",
        "refuse_foreign_ddl",
        "drops_tracker",
        "drops_owned",
        "concurrent_on_tracker",
    ],
)
def test_a_guard_that_is_broken_is_in_nobodys_way(kept: Session, breakage: str) -> None:
    kept.execute(meddling(f"drop function {SI}.{breakage} cascade").encode())
    for statement in (
        "create table public.t ()",
        "drop table public.t",
        "drop schema kept",
        "create index concurrently i on public.indexed (id)",
        "drop owned by session_user",
    ):
        assert refusal(kept, statement) in (None, "2BP01"), statement


def test_auth_is_guarded_where_it_is_the_trackers(admin: Session) -> None:
    admin.execute("create schema auth; create table auth.t (); drop table auth.t; drop schema auth")
    admin.execute(
        meddling(
            "create schema auth authorization script_tracking_owner; create function auth.f() returns int"
            " language sql as 'select 1'"
        ).encode()
    )
    for statement in (
        "create table auth.t ()",
        "drop function auth.f()",
        "alter schema auth owner to postgres",
        "drop schema auth cascade",
        "grant usage on schema auth to public",
    ):
        assert refusal(admin, statement) == "ST009", statement
    admin.execute("create table public.auth (); create schema authors")


@pytest.mark.majors
def test_the_trackers_objects_are_found_among_a_thousand_others(admin: Session) -> None:
    names = [f"many{number}" for number in range(1001)]
    for kind in ("temp", ""):
        admin.execute("; ".join(f"create {kind} table {name} ()" for name in names).encode())
        others = ", ".join(names)
        assert refusal(admin, f"drop table {SI}.noise_rule, {others}") == "ST009"
        assert refusal(admin, f"grant select on {others}, {S}.tenant_h to public") == "ST009"
        admin.execute(f"drop table {others}".encode())
    assert value(admin, f"select to_regclass('{SI}.noise_rule') is not null")
