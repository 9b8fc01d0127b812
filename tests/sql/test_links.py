"""Links, hub and names of objects, users, points in time: what is derived from the record."""

from __future__ import annotations

import pytest

from tests.fix_sessions import Login, MakeRole, Session, value
from tests.sql.linking import content, derive
from tests.vault_steps import INTERNAL, LONG_AGO


def test_an_execution_is_linked_to_each_object_once(admin: Session) -> None:
    admin.execute("create table public.a (id serial primary key, n int)")
    admin.execute("alter table public.a drop column n")
    admin.execute("comment on column public.a.id is 'x'")
    admin.execute("create view public.v as select id from public.a")
    admin.execute("drop table public.a cascade")
    assert derive(admin) == 5
    linked = admin.execute(
        "select s.command, s.identity, s.object_status from script_tracking.database_object_s as s"
        " join script_tracking.script_execution_object_l as l"
        " on l.script_execution_hk = s.script_execution_hk and l.object_hk = s.object_hk"
        " where s.object_type in ('table', 'view') order by s.load_date, s.identity"
    ).fetchall()
    assert [tuple(row.values()) for row in linked] == [
        ("CREATE TABLE", "public.a", "present"),
        ("ALTER TABLE", "public.a", "present"),
        ("COMMENT", "public.a", "present"),
        ("CREATE VIEW", "public.v", "present"),
        ("DROP TABLE", "public.a", "dropped"),
        ("DROP TABLE", "public.v", "dropped"),
    ]
    assert derive(admin) == 0
    assert value(admin, "select bool_and(object_hk = sha256(object_bk::bytea)) from script_tracking.database_object_h")


TOUCHES = f"""
select count({INTERNAL}.record_execution(t.tenant_hk, 1, 'test', 'ALTER TABLE', 'DDL', 'COMPLETED', clock_timestamp(),
  1000, null, 'alter table x', jsonb_build_object('objects', jsonb_build_array(jsonb_build_object(
    'type', 'table', 'schema', 'made', 'name', 'made.t' || n, 'oid', 1000000 + n))), null))
from script_tracking.tenant_h as t, generate_series(1, 300) as n, generate_series(1, 6) as m
"""
LINKS_READ = (
    "select coalesce(sum(idx_tup_fetch), 0)::integer from pg_stat_xact_all_tables"
    " where relname like 'script_execution_object%'"
)


def standing(session: Session, pattern: str, as_of: object = "infinity") -> tuple[int, int]:
    """How many objects of such a name stood, and how many links were read to know it."""
    read = "select count(*)::integer from script_tracking.get_objects_as_of(%s) where object_identity like %s"
    with session.transaction():
        before = value(session, LINKS_READ)
        count = value(session, read, as_of, pattern)
        after = value(session, LINKS_READ)
    assert isinstance(before, int) and isinstance(count, int) and isinstance(after, int)
    return count, after - before


def test_what_stands_is_known_by_the_links_of_each_object_looked_at_once(admin: Session) -> None:
    with admin.transaction():
        admin.execute("set local role script_tracking_owner")
        admin.execute(TOUCHES.encode())
    derive(admin)
    admin.execute("analyze")
    count, links = standing(admin, "made.t%")
    assert count == 300
    assert links <= 1800, "and not for each record of each"


def test_of_what_was_dropped_no_link_is_read(admin: Session) -> None:
    """Where tables come and go, that is most of what was ever known."""
    for number in range(30):
        admin.execute(f"create table public.t{number} ()".encode())
    before = value(admin, "select clock_timestamp()")
    for number in range(29):
        admin.execute(f"drop table public.t{number}".encode())
    derive(admin)
    assert standing(admin, "public.t%", before)[0] == 30
    count, links = standing(admin, "public.t%")
    assert count == 1
    assert links < 10


def test_parents_and_users_are_linked(admin: Session, make_role: MakeRole, login: Login) -> None:
    role = make_role("script_tracking_app")
    parent = value(admin, "select script_tracking.track_operation('load', 'BATCH')")
    child = value(admin, "select script_tracking.track_operation('part', 'BATCH', parent_hk => %s)", parent)
    login(role).execute("select script_tracking.track_operation('of a role', 'BATCH')")
    derive(admin)
    assert content(admin)["script_tracking.script_execution_parent"] == [], "what runs is linked when it has ended"
    for key in (child, parent):
        value(admin, "select script_tracking.complete_operation(%s, true)", key)
    derive(admin)
    (link,) = admin.execute("select * from script_tracking.script_execution_parent_l").fetchall()
    assert (link["script_execution_hk"], link["parent_hk"]) == (child, parent)
    users = (
        "select u.user_bk from script_tracking.script_execution_user_l as l"
        " join script_tracking.user_h as u using (user_hk)"
    )
    named = {row["user_bk"] for row in admin.execute(users.encode()).fetchall()}
    assert named == {value(admin, "select current_user")}, "the other one's operation has not ended"


def test_points_in_time_follow_each_other(admin: Session) -> None:
    key = value(admin, "select script_tracking.track_operation('load', 'BATCH')")
    between = value(admin, "select clock_timestamp()")
    value(admin, "select script_tracking.complete_operation(%s, true)", key)
    at = (
        "select execution_status from script_tracking.script_execution_pit"
        " where script_execution_hk = %s and valid_from <= %s and valid_to > %s"
    )
    assert value(admin, at, key, between, between) == "RUNNING"
    now = value(admin, "select clock_timestamp()")
    assert value(admin, at, key, now, now) == "COMPLETED"
    as_of = "select execution_status from script_tracking.get_execution_as_of(%s, %s)"
    assert value(admin, as_of, key, between) == "RUNNING"
    assert value(admin, as_of, key, now) == "COMPLETED"
    assert admin.execute(as_of.encode(), (key, LONG_AGO)).fetchall() == []


def test_a_key_leads_to_its_versions_alone(admin: Session) -> None:
    """By the start that its hub row tells: no other version is looked at, and no other partition."""
    for number in range(20):
        track = "select script_tracking.complete_operation(script_tracking.track_operation(%s, 'BATCH'), true)"
        admin.execute(track, (f"other-{number}",))
    key = value(admin, "select script_tracking.track_operation('load', 'BATCH')")
    read = (
        "select sum(seq_tup_read + idx_tup_fetch)::bigint from pg_stat_xact_user_tables"
        " where relname ~ '^script_execution_s'"
    )
    with admin.transaction():
        before = value(admin, read)
        found = value(admin, "select script_name from script_tracking.get_execution_as_of(%s, 'infinity')", key)
        after = value(admin, read)
    assert found == "load"
    assert isinstance(before, int) and isinstance(after, int) and after - before == 1


def test_the_definition_is_told_once_the_catalogs_were_compared(admin: Session) -> None:
    definition = "select definition from script_tracking.get_object_history('public.t') limit 1"
    admin.execute("create table public.t (id int not null)")
    assert value(admin, definition) is None
    admin.execute(f"select {INTERNAL}.reconcile()".encode())
    found = value(admin, definition)
    assert isinstance(found, list)
    assert any(fact.startswith("column 1 id integer not null") for fact in found)
    admin.execute("alter table public.t add n int")
    rows = admin.execute("select definition from script_tracking.get_object_history('public.t')").fetchall()
    assert [row["definition"] for row in rows] == [None, None], "neither old nor unseen is guessed"


def test_a_schema_that_is_renamed_takes_its_tables_along(admin: Session) -> None:
    admin.execute("create schema s1; create table s1.t (id int)")
    admin.execute("alter schema s1 rename to s2")
    admin.execute(f"select {INTERNAL}.reconcile()".encode())
    rows = admin.execute("select script_name from script_tracking.get_object_history('s2.t')").fetchall()
    assert [row["script_name"] for row in rows] == ["CREATE TABLE"]


@pytest.mark.parametrize("asked", ["public.f(integer, text)", "public.f(integer,text)", "public.g(integer,text)"])
def test_a_function_is_found_however_its_arguments_are_written(admin: Session, asked: str) -> None:
    admin.execute("create function public.f(a int, b text) returns int language sql as 'select 1'")
    admin.execute("grant execute on function public.f(int, text) to public")
    admin.execute("alter function public.f(int, text) rename to g")
    admin.execute("drop function public.g(int, text)")
    for _ in range(2):
        rows = admin.execute(b"select script_name from script_tracking.get_object_history(%s)", (asked,)).fetchall()
        assert [row["script_name"] for row in rows] == ["DROP FUNCTION", "ALTER FUNCTION", "GRANT", "CREATE FUNCTION"]
        derive(admin)


def test_types_policies_and_what_hangs_on_a_table_keep_their_names(admin: Session) -> None:
    admin.execute("create type public.c as (a int)")
    admin.execute("alter type public.c add attribute b text")
    admin.execute("drop type public.c")
    admin.execute("create table public.t (id int)")
    admin.execute("create policy p on public.t using (true)")
    admin.execute("drop policy p on public.t")
    for _ in range(2):
        for identity, expected in {
            "public.c": ["DROP TYPE", "ALTER TYPE", "CREATE TYPE"],
            "p on public.t": ["DROP POLICY", "CREATE POLICY"],
        }.items():
            rows = admin.execute(b"select * from script_tracking.get_object_history(%s)", (identity,)).fetchall()
            assert [row["script_name"] for row in rows] == expected
            assert {row["object_identity"] for row in rows} == {identity}
        derive(admin)
