"""A table's owner plants code where a superuser's DDL might run it: through the tracker's triggers it never does."""

from __future__ import annotations

import pytest
from psycopg import sql

from tests.fix_sessions import Login, MakeRole, Session, history, value

S, SI = "script_tracking", "script_tracking_internal"
PWN = (
    "begin if exists (select from pg_catalog.pg_roles where rolname = session_user and rolsuper) then {} end if;"
    " return {}; end"
)
# called with what the tracker's functions call: if one is found before pg_catalog's, the superuser's session runs it
PLANTED = (
    ("sha256(bytea)", "bytea", "''::bytea"),
    ("length(text)", "integer", "0"),
    ("length(varchar)", "integer", "0"),
    ("strpos(varchar, varchar)", "integer", "0"),
    ("left(varchar, integer)", "text", "''"),
    ("concat(variadic text[])", "text", "''"),
    ("now()", "timestamptz", "pg_catalog.now()"),
    ("clock_timestamp()", "timestamptz", "pg_catalog.now()"),
    ("current_query()", "text", "''"),
    ("jsonb_build_object(variadic text[])", "jsonb", "'{}'::jsonb"),
    ("format(text, variadic name[])", "text", "''"),
    ("session_identity()", "name", "''::name"),
    ("redact(text)", "text", "''"),
    ("writing_context(text)", "text", "''"),
    ("pg_has_role(name, name, text)", "boolean", "true"),
)
OPERATORS = ("bytea", "text", "name", "jsonb", "timestamptz", "oid")


@pytest.fixture
def planted(admin: Session, make_role: MakeRole, login: Login) -> Session:
    """Functions and operators in schemas that the superuser's search_path begins with; whoever runs them is noted."""
    role = make_role("script_tracking_app", "script_tracking_reader")
    admin.execute(f"create schema trap authorization {role}; create schema shop authorization {role}".encode())
    session = login(role)
    session.execute("create table trap.ran (what text); grant insert on trap.ran to public")
    for signature, result, returned in PLANTED:
        note = f"insert into trap.ran values ($q${signature}$q$);"
        body = sql.Literal(PWN.format(note, returned))
        session.execute(
            sql.SQL("create function trap.{} returns {} language plpgsql as {}").format(
                sql.SQL(signature),
                sql.SQL(result),
                body,
            )
        )
    for name in OPERATORS:
        body = sql.Literal(PWN.format(f"insert into trap.ran values ('= of {name}');", "true"))
        session.execute(
            sql.SQL("create function trap.same({0}, {0}) returns boolean language plpgsql as {1}").format(
                sql.SQL(name),
                body,
            )
        )
        for operator in ("=", "<>", "||", "->>"):
            session.execute(
                f"create operator trap.{operator} (leftarg = {name}, rightarg = {name}, function = trap.same)".encode()
            )
    return session


DDL = (
    "create table public.made (id int primary key, note text)",
    "alter table public.made add column more text default 'x'",
    "comment on table public.made is 'mine'",
    "create index on public.made (note)",
    "grant select on public.made to public",
    "alter table public.made alter column note type varchar(50)",
    "create view public.seen as select * from public.made",
    "drop table public.made cascade",
)


@pytest.mark.parametrize("path", ["trap, public, pg_catalog", "trap, pg_temp, pg_catalog", "trap"])
def test_a_superusers_ddl_runs_nothing_of_a_table_owners(admin: Session, planted: Session, path: str) -> None:
    admin.execute(f"set search_path = {path}".encode())
    for statement in DDL:
        admin.execute(statement.encode())
    for call in (
        f"select {S}.register_tenant('acme')",
        f"select {S}.grant_tenant('acme', '{planted.info.user}')",
        f"select {S}.track_operation('job', 'BATCH')",
        f"select * from {S}.get_execution_history(1)",
        f"select * from {S}.get_enterprise_dashboard()",
        f"select * from {S}.get_recent_errors(24)",
        f"select * from {S}.get_system_health()",
        f"select * from {S}.get_tenants()",
        f"select {S}.add_noise_rule('x', null, null, 'why')",
        f"select {S}.suspend_tenant('acme', 'why')",
        f"select {S}.offboard_tenant('acme', 'why')",
    ):
        admin.execute(call.encode())
    admin.execute("reset search_path")
    assert value(admin, "select array_agg(what) from trap.ran") is None
    mine = [row for row in history(admin) if row["db_session_user"] == admin.info.user]
    assert len([row for row in mine if row["script_type"] == "DDL"]) >= len(DDL)


def test_temporary_objects_stand_in_for_nothing(admin: Session) -> None:
    """A superuser's own session may hold temporary objects that a function of somebody else's made."""
    admin.execute(
        "create temp table pg_roles as select 'postgres'::name as rolname, 10::oid as oid, true as rolsuper;"
        " create temp table installation (x int); create temp table tenant_h (tenant_hk bytea, tenant_bk varchar);"
        " create temp view pg_locks as select 1 as pid;"
        " create function pg_temp.sha256(bytea) returns bytea language sql as $$ select ''::bytea $$;"
        " set search_path = pg_temp, public"
    )
    admin.execute("create table public.t (); drop table public.t")
    key = value(admin, f"select {S}.track_operation('job', 'BATCH')")
    assert isinstance(key, bytes)
    assert len(key) == 32
    assert value(admin, f"select lost_records_total from {SI}.collect_capture()") == 0


def test_what_a_table_owner_hangs_on_his_table_runs_as_before(admin: Session, planted: Session) -> None:
    """Index expressions, defaults, checks, casts, triggers: the superuser's DDL runs them as PostgreSQL does, and the
    tracker, which is called within that statement, neither calls them nor lends them its owner's rights."""
    planted.execute(
        "create table trap.who (as_role name, definer boolean); grant insert on trap.who to public;"
        " create function trap.put() returns void language plpgsql as $$ begin"
        " insert into trap.who values (current_user, current_user = 'script_tracking_owner'); end $$;"
        " create function trap.note(int) returns int immutable language plpgsql as $$ begin"
        " perform trap.put(); return $1; end $$;"
        " create table shop.t (id int check (trap.note(id) > 0) default trap.note(1)); insert into shop.t values (1);"
        " create index on shop.t (trap.note(id));"
        " create function trap.hook() returns trigger language plpgsql as $$ begin"
        " insert into trap.who values (current_user, current_user = 'script_tracking_owner'); return new; end $$;"
        " create trigger hook before insert on shop.t for each row execute function trap.hook()"
    )
    admin.execute("set search_path = trap, shop, public")
    admin.execute(
        "alter table shop.t add column more int; alter table shop.t alter column more type bigint using trap.note(1);"
        " reindex table shop.t"
    )
    admin.execute("create table public.copied as select * from shop.t; drop table shop.t cascade")
    owners = value(admin, "select array_agg(distinct as_role::text) from trap.who where definer")
    assert owners is None
    # within a function of the tracker's nothing of the session's is left: identities are told as they are
    assert (
        value(admin, f"select count(*) from {S}.script_execution_s where db_session_user = 'script_tracking_owner'")
        == 0
    )


def test_a_users_event_trigger_sees_no_key(admin: Session) -> None:
    """Another event trigger runs in the middle of ours, as whoever made the statement: it finds session state only."""
    admin.execute(
        "create table public.found (name text, state text);"
        " create function public.look() returns event_trigger language plpgsql as $$ begin"
        " insert into public.found select s.name, current_setting(s.name, true) from (values"
        " ('script_tracking_internal.attempts'), ('script_tracking_internal.dropped')) as s (name); end $$;"
        " create event trigger between_ours on ddl_command_end execute function public.look()"
    )
    admin.execute("create table public.t (); drop table public.t; drop event trigger between_ours")
    keys = value(
        admin, f"select array[encode(state_key, 'hex'), encode(message_inner_key, 'hex')] from {SI}.installation"
    )
    assert isinstance(keys, list)
    told = str(admin.execute("select state from public.found").fetchall())
    assert not any(key in told for key in keys)
