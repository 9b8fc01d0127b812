"""Which objects a record names, where PostgreSQL reports them itself and where it does not."""

from __future__ import annotations

import psycopg
import pytest

from tests.capture.conftest import Records
from tests.capture.reconciling import passes
from tests.fix_sessions import value

ADVICE = "select advice from script_tracking.get_system_health() where check_name = 'capture_level'"


def dropped(row: psycopg.rows.DictRow) -> dict[str, tuple[str, bool]]:
    """Kind of each dropped object of a record, and whether it fell as a dependent."""
    return {
        item["name"]: (item["type"], item.get("dependent", False))
        for item in row["metadata"]["objects"]
        if item.get("dropped")
    }


def marked(row: psycopg.rows.DictRow) -> list[tuple[str, str]]:
    return [(item["name"], item["partition"]) for item in row["metadata"]["objects"] if "partition" in item]


PARTITIONED = (
    "create table app.whole (id int primary key) partition by range (id);"
    " create table app.p1 (id int not null); create table app.p2 (id int not null);"
    " create table app.other (id int not null)"
)


def test_attach_and_detach_name_parent_and_partition(records: Records) -> None:
    session = records.session
    session.execute(PARTITIONED)
    for statement, marks in (
        ("alter table app.whole attach partition app.p1 for values from (1) to (2)", [("app.p1", "attached")]),
        ("alter table app.whole detach partition app.p1", [("app.p1", "detached")]),
        ("alter table app.whole attach partition app.p1 for values from (1) to (2)", [("app.p1", "attached")]),
        ("alter table app.whole detach partition app.p1 concurrently", [("app.p1", "detached")]),
    ):
        (row,) = records.of(statement)
        assert marked(row) == marks, statement
        assert row["affected_objects"] == ["app.p1", "app.whole"]
        assert row["execution_status"] == "COMPLETED"


def test_attaching_in_one_string_names_each_statements_own_partition(records: Records) -> None:
    records.session.execute(PARTITIONED)
    rows = records.of(
        "begin; alter table app.whole attach partition app.p1 for values from (1) to (2);"
        " savepoint s; alter table app.other add column note text;"
        " alter table app.whole attach partition app.p2 for values from (2) to (3); release s;"
        " alter table app.whole detach partition app.p1; alter table app.whole detach partition app.p2; commit"
    )
    assert [marked(row) for row in rows] == [
        [("app.p1", "attached")],
        [],
        [("app.p2", "attached")],
        [("app.p1", "detached")],
        [("app.p2", "detached")],
    ]


def test_a_partition_attached_by_a_function_is_named(records: Records) -> None:
    records.session.execute(PARTITIONED)
    (row,) = records.of(
        "do $$ begin execute 'alter table app.whole at' || 'tach partition app.p1 for values from (1) to (2)'; end $$"
    )
    assert marked(row) == [("app.p1", "attached")]


def test_a_cascade_tells_its_roots_from_its_dependents(records: Records) -> None:
    records.session.execute(
        "create table app.a (id int primary key); create view app.v as select * from app.a;"
        " create table app.b (id int references app.a);"
        " create function app.f() returns app.a language sql as 'select null::app.a'"
    )
    (row,) = records.of("drop table app.a cascade")
    found = dropped(row)
    assert found["app.a"] == ("table", False)
    assert found["app.v"] == ("view", True)
    assert found["app.f()"] == ("function", True)
    assert found["b_id_fkey on app.b"] == ("table constraint", True)


def test_what_hangs_on_a_table_is_named_by_it_when_it_is_dropped(records: Records) -> None:
    records.session.execute(
        "create table app.t (id int); create rule r as on insert to app.t do nothing; create policy p on app.t;"
        " create trigger g before insert on app.t for each row execute function suppress_redundant_updates_trigger()"
    )
    for kind, name in (("rule", "r"), ("policy", "p"), ("trigger", "g")):
        (row,) = records.of(f"drop {kind} {name} on app.t")
        assert dropped(row) == {f"{name} on app.t": (kind, False)}
        assert row["metadata"]["objects"][0]["schema"] == "app"


def test_partitions_that_fall_with_their_parent_are_named(records: Records) -> None:
    records.session.execute(PARTITIONED)
    records.session.execute("alter table app.whole attach partition app.p1 for values from (1) to (2)")
    (row,) = records.of("drop table app.whole")
    assert dropped(row) == {"app.whole": ("table", False), "app.p1": ("table", True)}


@pytest.mark.parametrize("inner", ["create temp table scratch (id int)", "drop table app.second"])
def test_ddl_of_somebody_elses_event_trigger_takes_no_objects_from_the_statement_around(
    records: Records, inner: str
) -> None:
    records.session.execute(
        "create table app.first (id int); create table app.second (id int);"
        " create function public.meddle() returns event_trigger language plpgsql as $$ begin"
        " if current_setting('app.inside', true) is distinct from 'yes' then"
        f" perform set_config('app.inside', 'yes', true); {inner}; end if; end $$;"
        " create event trigger zz_after_ours on sql_drop execute function public.meddle()"
    )
    try:
        rows = records.of("drop table app.first")
    finally:
        records.session.execute("drop event trigger zz_after_ours; drop function public.meddle()")
    assert dropped(rows[0]) == {"app.first": ("table", False)}
    assert [dropped(row) for row in rows[1:]] in ([], [{"app.second": ("table", False)}])
    assert {row["execution_status"] for row in rows} == {"COMPLETED"}


def test_dropping_a_schema_names_all_of_it(records: Records) -> None:
    records.session.execute("create schema gone; create table gone.a (id int); create table gone.b (id int)")
    (row,) = records.of("drop schema gone cascade")
    found = dropped(row)
    assert found["gone"] == ("schema", False)
    assert found["gone.a"] == ("table", True)
    assert found["gone.b"] == ("table", True)


def test_one_alter_table_is_one_record_with_the_columns_that_it_dropped(records: Records) -> None:
    records.session.execute("create table app.t (id int, gone text)")
    (row,) = records.of("alter table app.t drop column gone, add column here int, alter column id set not null")
    assert row["affected_objects"] == ["app.t", "app.t.gone"]
    assert dropped(row) == {"app.t.gone": ("table column", False)}


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ("add column c text default 'x', alter column id set default 1", None),
        ("drop column note", None),
        ("add column c text default clock_timestamp()::text", ["column default"]),
        (
            "alter column id type bigint, add column d float default random(), drop column note",
            ["column default", "column type"],
        ),
        ("set unlogged", ["persistence"]),
    ],
)
def test_a_record_says_whether_and_why_a_table_was_written_anew(
    records: Records, change: str, reasons: list[str] | None
) -> None:
    records.session.execute("create table app.t (id int, note text)")
    (row,) = records.of(f"alter table app.t {change}")
    found = row["metadata"].get("rewritten")
    if reasons is None:
        assert found is None
    else:
        assert [(item["table"], item["reasons"]) for item in found] == [("app.t", reasons)]
    assert "app.t" in row["affected_objects"]


def test_drop_owned_names_the_objects_and_reassign_owned_fires_nothing(records: Records) -> None:
    session = records.session
    session.execute("drop role if exists tree_owner; create role tree_owner")
    try:
        session.execute("create table app.mine (); alter table app.mine owner to tree_owner")
        session.execute("create table app.too (); alter table app.too owner to tree_owner")
        session.execute("create table app.kept (); grant select on app.kept to tree_owner")
        assert records.of("reassign owned by tree_owner to current_user") == []
        session.execute("alter table app.mine owner to tree_owner; alter table app.too owner to tree_owner")
        (row,) = records.of("drop owned by tree_owner")
        assert row["script_name"] == "DROP OWNED"
        assert set(row["affected_objects"]) == {"app.kept", "app.mine", "app.too"}
        assert dropped(row) == {"app.mine": ("table", False), "app.too": ("table", False)}
        # a table of the same name decides nothing: it is a role that the statement names
        session.execute(
            "create table app.tree_owner (); grant select on app.kept to tree_owner;"
            " grant usage on schema app to tree_owner;"
            " alter default privileges in schema app grant select on tables to tree_owner"
        )
        (row,) = records.of("drop owned by tree_owner")
        owner = session.info.user
        assert row["affected_objects"] == ["app", "app.kept", f"for role {owner} in schema app on tables"]
        assert all("name" in told for told in row["metadata"]["objects"])
    finally:
        session.execute("drop owned by tree_owner; drop role tree_owner")


@pytest.mark.parametrize("statement", ["reindex index concurrently app.i", "reindex table app.t"])
def test_reindex_leaves_a_record_where_the_version_fires_events(records: Records, statement: str) -> None:
    session = records.session
    session.execute("create table app.t (id int); create index i on app.t (id)")
    passes(session, 1)
    rows = records.of(statement)
    if session.info.server_version < 170000:
        # no event is fired, and as no definition changes the comparison of the catalogs reports nothing either, but
        # health says so
        passes(session, 2)
        assert (rows, records.new()) == ([], [])
        assert "Not covered: a REINDEX" in str(value(session, ADVICE))
        return
    assert "Not covered" not in str(value(session, ADVICE))
    (row,) = rows
    assert (row["script_name"], row["execution_status"], row["affected_objects"]) == ("REINDEX", "COMPLETED", ["app.i"])


def test_a_replaced_view_is_named_once(records: Records) -> None:
    records.session.execute("create view app.v as select 1 as a")
    (row,) = records.of("create or replace view app.v as select 1 as a")
    assert row["affected_objects"] == ["app.v"]
    assert len(row["metadata"]["objects"]) == 1


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("create table if not exists app.t ()", None),
        ("drop table if exists app.none", None),
        ("alter table if exists app.none add column a int", None),
        ("alter table app.t add column if not exists id int", ["app.t"]),
        ("alter table app.t drop column if exists zz", ["app.t"]),
        ("alter table app.t drop constraint if exists zz", ["app.t"]),
        ("alter table app.t alter column id drop identity if exists", ["app.t"]),
        ("alter table app.t alter column id drop expression if exists", ["app.t"]),
        ("alter type app.e add value if not exists 'a'", ["app.e"]),
    ],
)
def test_what_finds_nothing_to_do_is_told_where_the_whole_statement_does(
    records: Records, statement: str, told: list[str] | None
) -> None:
    """A part of ALTER TABLE or ALTER TYPE is not: docs/sql.md says so."""
    records.session.execute("create table app.t (id int); create type app.e as enum ('a')")
    (row,) = records.of(statement)
    assert (row["execution_status"], row["affected_objects"]) == ("COMPLETED" if told else "NOOP", told)


HARD_NAMES = (
    'a"b',
    "a.b",
    "a\nb",
    "a'b",
    "a\\b",
    "Ünïcødé 表",
    "x" * 63,
    "é" * 31,
    "a;b,c:d",
    "select",
    "  spaced  ",
)


@pytest.mark.parametrize("name", HARD_NAMES)
def test_hard_names_are_kept_exactly(records: Records, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    rows = records.of(
        f"create table app.{quoted} (id int); grant select on app.{quoted} to public; drop table app.{quoted}"
    )
    named = [row["metadata"]["objects"][0] for row in rows]
    (expected,) = {item["name"] for item in named}
    assert expected in (f"app.{quoted}", f"app.{name}")
    assert [row["affected_objects"] for row in rows] == [[expected]] * 3
    assert len({item["oid"] for item in named}) == 1


def test_a_statement_of_a_megabyte_is_cut_after_redaction(records: Records) -> None:
    statement = "create table app.t () -- " + "x" * 1_000_000
    (row,) = records.of(statement)
    assert row["sql_command"] == statement[:16384]
    assert row["metadata"]["sql_command_characters"] == len(statement)


def test_a_table_among_a_thousand_temporary_ones_is_recorded(records: Records) -> None:
    session = records.session
    names = [f"tt{number}" for number in range(1001)]
    session.execute("create table app.evidence ()")
    session.execute("; ".join(f"create temp table {name} ()" for name in names).encode())
    (row,) = records.of("drop table app.evidence, " + ", ".join(names))
    assert row["execution_status"] == "COMPLETED"
    assert dropped(row)["app.evidence"] == ("table", False)
