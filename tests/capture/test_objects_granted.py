"""Which objects a record of GRANT or REVOKE names, and the privileges that stand afterwards."""

from __future__ import annotations

import psycopg
import pytest

from tests.capture.conftest import Records


def grants(row: psycopg.rows.DictRow) -> dict[str, list[str]]:
    return {item["name"]: item["acl"] for item in row["metadata"]["objects"]}


def test_grant_and_revoke_name_the_objects_and_the_privileges_that_stand(records: Records) -> None:
    session = records.session
    owner = session.info.user
    session.execute("create table app.a (id int, note text); create table app.b (id int); create sequence app.s")
    session.execute("create function app.f(int, text) returns int language sql as 'select 1'")
    (row,) = records.of("grant select, insert on app.a, app.b to public")
    assert row["affected_objects"] == ["app.a", "app.b"]
    assert grants(row)["app.a"][-1] == f"=ar/{owner}"
    assert row["metadata"]["objects"][0]["type"] == "table"
    (row,) = records.of("revoke insert on app.a from public")
    assert (row["script_name"], row["affected_objects"]) == ("REVOKE", ["app.a"])
    assert grants(row)["app.a"][-1] == f"=r/{owner}"
    (row,) = records.of("grant update (note) on app.a to public")
    assert grants(row)["app.a.note"] == [f"=w/{owner}"]
    (row,) = records.of("grant usage on schema app to public")
    assert grants(row)["app"][-1] == f"=U/{owner}"
    (row,) = records.of("grant execute on all functions in schema app to public")
    assert list(grants(row)) == ["app.f(integer,pg_catalog.text)"]
    (row,) = records.of("grant usage on all sequences in schema app to public")
    assert row["metadata"]["objects"][0]["type"] == "sequence"
    assert row["affected_objects"] == ["app.s"]
    (row,) = records.of("alter default privileges in schema app grant select on tables to public")
    assert row["affected_objects"] == [f"for role {owner} in schema app on tables"]
    assert grants(row)[f"for role {owner} in schema app on tables"][-1] == f"=r/{owner}"
    (row,) = records.of("alter default privileges in schema app revoke select on tables from public")
    assert row["affected_objects"] == [f"for role {owner} in schema app on tables"], "the last one takes the entry away"
    assert [(told["type"], told.get("dropped")) for told in row["metadata"]["objects"]] == [("default acl", True)]


def test_grant_and_revoke_of_a_column_name_it_also_when_no_privilege_is_left(records: Records) -> None:
    session = records.session
    owner = session.info.user
    session.execute("create table app.a (id int, note text, other text); create view app.v as select * from app.a")
    for name in ("a", "v"):
        (row,) = records.of(f"grant update (note, id) on app.{name} to public")
        assert grants(row) == {f"app.{name}.id": [f"=w/{owner}"], f"app.{name}.note": [f"=w/{owner}"]}
        (row,) = records.of(f"revoke update (note) on app.{name} from public")
        assert grants(row) == {f"app.{name}.note": []}
        assert row["affected_objects"] == [f"app.{name}.note"]
        (row,) = records.of(f"revoke update on app.{name} from public")
        assert sorted(grants(row)) == [f"app.{name}", f"app.{name}.id"], "on the table: of its columns as well"
        assert grants(row)[f"app.{name}.id"] == []
    (row,) = records.of("do $$ begin execute 'grant select (id) on app.a to public'; end $$")
    assert grants(row) == {"app.a.id": [f"=r/{owner}"]}
    (row,) = records.of("do $$ begin execute 'revoke select (id) on app.a from public'; end $$")
    assert grants(row) == {"app.a.id": []}


def test_a_revoke_names_no_column_that_another_command_wrote(records: Records) -> None:
    session = records.session
    session.execute("create table app.a (id int, note text); grant update (note) on app.a to public")
    user = session.info.user
    session.execute("select script_tracking.add_noise_rule('app', 'ALTER TABLE', %s, 'not recorded')", (user,))
    records.skip()
    try:
        for statement in (
            "begin; create temp table scratch (id int, note text)",
            "alter table app.a alter column id set default 1",
            "revoke update (note) on app.a from public",
            "alter table app.a alter column note set default 'x'",
            "grant select on app.a to public",
            "commit",
        ):
            session.execute(statement)
        assert [row["affected_objects"] for row in records.new()] == [["app.a.note"], ["app.a"]]
    finally:
        session.execute("select script_tracking.remove_noise_rule(rule_id) from script_tracking.get_noise_rules()")
        session.execute("drop table if exists scratch")


# Each kind with privileges: what makes it, how GRANT and REVOKE call it, its privilege and its name in the record.
GRANTED = """
create table app.x () | table app.x | select | app.x
create view app.x as select 1 as one | app.x | select | app.x
create sequence app.x | sequence app.x | usage | app.x
create sequence app.x | table app.x | select | app.x
create function app.x(int) returns int language sql as 'select 1' | function app.x(int) | execute | app.x(integer)
create procedure app.x() language sql as 'select 1' | procedure app.x() | execute | app.x()
create type app.x as enum ('a') | type app.x | usage | app.x
create domain app.x as int | domain app.x | usage | app.x
create schema granted_x | schema granted_x | usage | granted_x
create trusted language granted_x handler plpgsql_call_handler | language granted_x | usage | granted_x
create foreign data wrapper granted_x | foreign data wrapper granted_x | usage | granted_x
create foreign data wrapper granted_w; create server granted_x foreign data wrapper granted_w | foreign server granted_x | usage | granted_x
select lo_create(4711) | large object 4711 | select | 4711
"""  # noqa: E501


@pytest.mark.parametrize("line", GRANTED.strip().splitlines())
def test_each_kind_is_named_by_grant_and_by_the_revoke_of_all_that_it_has(records: Records, line: str) -> None:
    session = records.session
    made, called, privilege, name = line.split(" | ")
    session.execute("begin")
    try:
        session.execute(made.encode())
        (row,) = records.of(f"grant {privilege} on {called} to pg_monitor")
        assert list(grants(row)) == [name]
        (row,) = records.of(f"revoke all on {called} from public, pg_monitor, current_user")
        assert grants(row) == {name: []}
    finally:
        session.execute("rollback")


@pytest.mark.parametrize(
    ("kind", "made", "called"),
    [
        ("function", "app.x(a int, b text, out c text) language sql as 'select b'", "app.x(int, text)"),
        ("function", "app.x(variadic a app.e[]) returns int language sql as 'select 1'", "app.x(app.e[])"),
        ("procedure", "app.x(in a text, inout b \"char\") language sql as 'select b'", 'app.x(text, "char")'),
        ("aggregate", "app.x(int) (sfunc = int4pl, stype = int)", "app.x(int)"),
    ],
)
def test_a_function_has_one_name_in_all_records(records: Records, kind: str, made: str, called: str) -> None:
    records.session.execute("create type app.e as enum ('a')")
    granted = "function" if kind == "aggregate" else kind
    rows = records.of(
        f"create {kind} {made}; grant execute on {granted} {called} to pg_monitor;"
        f" revoke all on {granted} {called} from public, pg_monitor; drop {kind} {called}"
    )
    assert len(rows) == 4
    assert len({(item["type"], item["name"]) for row in rows for item in row["metadata"]["objects"]}) == 1


def test_each_grant_of_a_transaction_names_its_own_objects(records: Records) -> None:
    records.session.execute("create table app.a (); create table app.b (); create table app.c ()")
    rows = records.of(
        "grant select on app.c to public; create table app.d (); grant select on app.a, app.b to public;"
        " do $$ begin grant insert on app.c to public; exception when others then null; end $$;"
        " revoke select on app.a from public"
    )
    assert [row["affected_objects"] for row in rows] == [
        ["app.c"],
        ["app.d"],
        ["app.a", "app.b"],
        ["app.c"],
        ["app.a"],
    ]
