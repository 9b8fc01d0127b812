"""What belongs together: batches, parents and children, and what is folded into one record."""

from __future__ import annotations

import shutil

import psycopg
import pytest

from tests.capture.conftest import Records
from tests.fix_sessions import value


def names(rows: list[psycopg.rows.DictRow]) -> list[tuple[str, list[str] | None]]:
    return [(row["script_name"], row["affected_objects"]) for row in rows]


def test_all_statements_of_a_string_share_a_batch_and_are_numbered(records: Records) -> None:
    statement = "create table app.a (); create table app.b (); comment on table app.a is 'x'; drop table app.a"
    rows = records.of(statement)
    assert [row["script_name"] for row in rows] == ["CREATE TABLE", "CREATE TABLE", "COMMENT", "DROP TABLE"]
    assert [row["metadata"]["ordinal"] for row in rows] == [1, 2, 3, 4]
    assert len({row["metadata"]["batch_id"] for row in rows}) == 1
    assert {row["sql_command"] for row in rows} == {statement}
    (other,) = records.of("create table app.c ()")
    assert other["metadata"]["ordinal"] == 1
    assert other["metadata"]["batch_id"] != rows[0]["metadata"]["batch_id"]


def test_a_batch_goes_on_across_its_transactions(records: Records) -> None:
    rows = records.of("begin; create table app.a (); commit; create table app.b ()")
    assert [row["metadata"]["ordinal"] for row in rows] == [1, 2]
    assert len({row["metadata"]["batch_id"] for row in rows}) == 1


def test_each_statement_of_the_extended_protocol_is_a_batch(records: Records) -> None:
    first = records.of_extended("create table app.a (id int)")
    second = records.of_extended("comment on table app.a is 'x'")
    assert [row["metadata"]["ordinal"] for row in first + second] == [1, 1]
    assert first[0]["metadata"]["batch_id"] != second[0]["metadata"]["batch_id"]


def test_psql_sends_a_command_as_one_string_and_a_file_statement_by_statement(records: Records) -> None:
    assert shutil.which("psql"), "the client psql is needed"
    statements = "create table app.a (); create table app.b ();"
    together = records.of_psql("-c", statements)
    assert [row["metadata"]["ordinal"] for row in together] == [1, 2]
    apart = records.of_psql(stdin=statements.replace("app.", "app.x"))
    assert [row["metadata"]["ordinal"] for row in apart] == [1, 1]
    assert [row["affected_objects"] for row in apart] == [["app.xa"], ["app.xb"]]


def test_ddl_inside_a_function_keeps_its_own_statement_beside_the_clients(records: Records) -> None:
    records.session.execute(
        "create function app.make(p text) returns void language plpgsql as $$ begin"
        " create table app.fixed (id int);"
        " execute format('create table app.%I ()', 'Odd ' || p); end $$"
    )
    rows = records.of("select app.make('one')")
    assert names(rows) == [("CREATE TABLE", ["app.fixed"]), ("CREATE TABLE", ['app."Odd one"'])]
    assert [row["sql_command"] for row in rows] == ["select app.make('one')"] * 2
    assert [row["metadata"]["statement"] for row in rows] == [
        "create table app.fixed (id int)",
        'create table app."Odd one" ()',
    ]
    assert [row["metadata"]["nested"] for row in rows] == [True, True]
    assert [row["metadata"]["ordinal"] for row in rows] == [1, 2]


def test_a_statement_with_quotes_and_line_ends_is_kept_whole(records: Records) -> None:
    inner = 'create table app."a""\n"\n(id int, "x""\nPL" int)'
    (row,) = records.of(f"do $$ begin execute $x${inner}$x$; end $$")
    assert row["metadata"]["statement"] == inner
    assert row["affected_objects"] == ['app."a""\n"']


def test_a_secret_in_the_real_statement_is_redacted(records: Records) -> None:
    records.session.execute("create table app.t ()")
    (row,) = records.of("do $$ begin execute 'comment on table app.t is ''pass' || 'word hunter2'''; end $$")
    assert row["metadata"]["statement"].startswith("comment on table app.t is")
    assert "hunter2" not in row["metadata"]["statement"]


def test_a_block_names_the_object_as_the_catalog_has_it(records: Records) -> None:
    (row,) = records.of("do $$ begin execute 'create table app.' || quote_ident('Odd \"name') || '()'; end $$")
    assert row["affected_objects"] == ['app."Odd ""name"']
    (item,) = row["metadata"]["objects"]
    oid = value(records.session, 'select \'app."Odd ""name"\'::regclass::oid::bigint')
    assert (item["type"], item["schema"], item["name"], item["oid"]) == ("table", "app", 'app."Odd ""name"', str(oid))


@pytest.mark.parametrize("level", ["basic", "failures"])
def test_a_child_knows_the_attempt_around_it(records: Records, level: str) -> None:
    records.session.execute("update script_tracking_internal.installation set capture_level = %s", (level,))
    try:
        records.session.execute(
            "create function app.deep(p int) returns int language plpgsql as $$ begin"
            " if p > 0 then execute format('create table app.level_%s as select app.deep(%s)', p, p - 1); end if;"
            " return p; end $$"
        )
        rows = records.of("create table app.top as select app.deep(2)")
    finally:
        records.session.execute("update script_tracking_internal.installation set capture_level = 'basic'")
    top, middle, bottom = rows
    assert [row["affected_objects"] for row in rows] == [["app.top"], ["app.level_2"], ["app.level_1"]]
    assert [row["metadata"].get("depth") for row in rows] == [None, 1, 2]
    assert [row["metadata"]["ordinal"] for row in rows] == [1, 2, 3]
    assert "parent_hk" not in top["metadata"]
    assert middle["metadata"]["parent_hk"] == top["hk"]
    assert bottom["metadata"]["parent_hk"] == middle["hk"]
    assert bottom["metadata"]["statement"] == "create table app.level_1 as select app.deep(0)"


def test_a_schema_with_its_elements_is_one_record(records: Records) -> None:
    records.session.execute("drop schema if exists whole cascade")
    (row,) = records.of(
        "create schema whole create table t (id int primary key) create view v as select * from t"
        " create index i on t (id) grant select on t to public"
    )
    found = set(row["affected_objects"])
    assert row["script_name"] == "CREATE SCHEMA"
    assert {"whole", "whole.t", "whole.t_pkey", "whole.v", "whole.i"} <= found
    records.session.execute("drop schema whole cascade")


def test_an_extension_is_one_record_with_its_members_counted(records: Records) -> None:
    session = records.session
    available = value(session, "select min(name) from pg_available_extensions where name in ('hstore', 'vector')")
    rows = records.of(f"create extension {available} schema app")
    (row,) = [row for row in rows if not row["script_name"].startswith("DROP ")]
    assert (row["script_name"], row["affected_objects"]) == ("CREATE EXTENSION", [available])
    members = value(
        session,
        "select count(*) from pg_depend where refclassid = 'pg_extension'::regclass and deptype = 'e'"
        " and refobjid = (select oid from pg_extension where extname = %s)",
        available,
    )
    assert row["metadata"]["extension_members"] == members
    assert isinstance(members, int)
    assert members > 50
    assert len(row["metadata"]["objects"]) == 1
    # nothing that could not be forged tells what an extension's script drops from what the user drops: children, then
    assert {other["metadata"]["parent_hk"] for other in rows if other is not row} <= {row["hk"]}
    (dropped,) = records.of(f"drop extension {available}")
    assert available in dropped["affected_objects"]


def test_a_concurrent_refresh_is_one_record_without_its_internals(records: Records) -> None:
    session = records.session
    session.execute("create materialized view app.mv as select 1 as a; create unique index on app.mv (a)")
    temporary = "select temporary_ddl_total from script_tracking_internal.collect_capture()"
    before = value(session, temporary)
    (row,) = records.of("refresh materialized view concurrently app.mv")
    assert (row["script_name"], row["affected_objects"]) == ("REFRESH MATERIALIZED VIEW", ["app.mv"])
    assert value(session, temporary) == before


def test_what_a_refresh_runs_of_the_users_is_not_folded(records: Records) -> None:
    session = records.session
    session.execute(
        "create function app.busy() returns int language plpgsql as $$ begin"
        " drop table if exists app.made; create table app.made (id int); return 1; end $$;"
        " create materialized view app.mv as select app.busy() as a; create unique index on app.mv (a)"
    )
    rows = records.of("refresh materialized view concurrently app.mv")
    assert [row["script_name"] for row in rows] == ["REFRESH MATERIALIZED VIEW", "DROP TABLE", "CREATE TABLE"]
    assert {row["metadata"].get("parent_hk") for row in rows} == {None, rows[0]["hk"]}


def test_create_table_as_and_select_into_keep_their_tags(records: Records) -> None:
    rows = records.of("create table app.a as select 1 as x; select 1 as x into app.b")
    assert names(rows) == [("CREATE TABLE AS", ["app.a"]), ("SELECT INTO", ["app.b"])]


def test_a_concurrent_index_is_one_record_that_lasts_as_long_as_the_statement(records: Records) -> None:
    session = records.session
    session.execute("create table app.t as select g as id from generate_series(1, 1000) as g")
    session.execute(
        "create function app.slow(int) returns int immutable language sql as 'select $1 from pg_sleep(0.0001)'"
    )
    (row,) = records.of("create index concurrently i on app.t (app.slow(id))")
    assert (row["execution_status"], row["affected_objects"]) == ("COMPLETED", ["app.i"])
    # it reads the table twice, in two of its transactions
    assert row["metadata"]["duration_us"] > 2 * 1000 * 100
    assert row["metadata"]["ordinal"] == 1


def test_what_a_failed_concurrent_index_left_in_the_state_is_no_parent(records: Records) -> None:
    session = records.session
    session.execute("create table app.t as select 1 as id from generate_series(1, 2)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        session.execute("create unique index concurrently u on app.t (id)")
    left = value(session, "select current_setting('script_tracking_internal.attempts')")
    assert "CREATE INDEX" in str(left)
    (row,) = records.of("create table app.next ()")
    assert "parent_hk" not in row["metadata"]
    assert row["metadata"]["ordinal"] == 1
    assert row["metadata"]["duration_us"] < 60_000_000


def test_what_did_nothing_is_noop_without_objects(records: Records) -> None:
    records.session.execute("create table app.t ()")
    rows = records.of(
        "create table if not exists app.t (); drop table if exists app.none; create schema if not exists app"
    )
    assert [(row["execution_status"], row["affected_objects"]) for row in rows] == [("NOOP", None)] * 3
    assert all("objects" not in row["metadata"] for row in rows)


def test_temporary_objects_are_counted_and_kept_out(records: Records) -> None:
    temporary = "select temporary_ddl_total from script_tracking_internal.collect_capture()"
    before = value(records.session, temporary)
    rows = records.of(
        "begin; create temp table scratch (id int primary key); create index on scratch (id); drop table scratch;"
        " create temp table gone (id int) on commit drop; commit; create temp view v as select 1 as a"
    )
    assert rows == []
    after = value(records.session, temporary)
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after - before == 5


def test_an_error_caught_inside_leaves_the_outer_completed(records: Records) -> None:
    rows = records.of(
        "do $$ begin create table app.a (); begin create table app.a (); exception when duplicate_table then null; end;"
        " create table app.b (); end $$"
    )
    assert names(rows) == [("CREATE TABLE", ["app.a"]), ("CREATE TABLE", ["app.b"])]
    assert {row["execution_status"] for row in rows} == {"COMPLETED"}
    assert all("parent_hk" not in row["metadata"] for row in rows)


@pytest.mark.majors  # the embedded server comes without postgres_fdw
def test_every_imported_foreign_table_is_named(records: Records) -> None:
    session = records.session
    session.execute("create extension if not exists postgres_fdw")
    session.execute(
        "create schema if not exists remote; create table remote.a (id int); create table remote.b (id int)"
    )
    session.execute(
        f"create server loopback foreign data wrapper postgres_fdw options (host '127.0.0.1',"
        f" port '{session.info.port}', dbname '{session.info.dbname}')".encode()
    )
    session.execute("create user mapping for current_user server loopback options (user 'postgres')")
    try:
        (row,) = records.of("import foreign schema remote from server loopback into app")
    finally:
        session.execute("drop extension postgres_fdw cascade; drop schema remote cascade")
    assert row["script_name"] == "IMPORT FOREIGN SCHEMA"
    assert row["affected_objects"] == ["app.a", "app.b"]


def test_thousands_in_one_transaction_beside_serializable_sessions(records: Records) -> None:
    session = records.session
    session.execute("create table app.t (id int)")
    records.new()
    with psycopg.connect(records.dsn) as other:
        other.execute("set transaction isolation level serializable")
        other.execute("create table app.other (id int)")
        with session.transaction():
            session.execute("set transaction isolation level serializable")
            session.execute("select count(*) from pg_class")
            session.execute(
                "do $$ begin for i in 1..5000 loop execute format('comment on table app.t is %L', i); end loop; end $$"
            )
        other.execute("comment on table app.other is 'x'")
    rows = records.new()
    assert [row["script_name"] for row in rows].count("COMMENT") == 5001
    assert len({row["script_execution_hk"] for row in rows}) == len(rows)
