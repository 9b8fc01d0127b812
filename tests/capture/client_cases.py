"""What clients send of DDL, and the records that it must leave: the same, whoever sends it and however.

{s} is a schema of the case's own, {user} the superuser.
"""

from __future__ import annotations

from tests.capture.client_case import Case, Left, Style, done, failed, noop, undone

ALONE = frozenset({Style.APART, Style.TOGETHER})
ABORTED = "current transaction is aborted, commands ignored until end of transaction block"
IN_BLOCK = "CREATE INDEX CONCURRENTLY cannot run inside a transaction block"
TAKEN = 'relation "t" already exists'

CASES = (
    Case(
        "a schema with its elements",
        ("create schema {s}_x create table t (id int primary key) create view v as select * from t",),
        (done("CREATE SCHEMA", "{s}_x", "{s}_x.t", "{s}_x.t_pkey", "{s}_x.v"),),
    ),
    Case(
        "an extension",
        ("create extension pgcrypto schema {s}", "drop extension pgcrypto /* {s} */"),
        (done("CREATE EXTENSION", "pgcrypto"), done("DROP EXTENSION", "*")),
        needs="pgcrypto",
    ),
    Case(
        "DDL in a function, static and by EXECUTE",
        ("select {s}.make()",),
        (done("CREATE TABLE", "{s}.fixed"), done("CREATE TABLE", '{s}."Odd"')),
        before="create function {s}.make() returns void language plpgsql as $f$ begin"
        " create table {s}.fixed (); execute format('create table {s}.%I ()', 'Odd'); end $f$",
    ),
    Case(
        "DDL within DDL",
        ("create table {s}.top as select {s}.deep() as x",),
        (done("CREATE TABLE AS", "{s}.top"), done("CREATE TABLE", "{s}.within")),
        before="create function {s}.deep() returns int language plpgsql as $f$ begin"
        " create table {s}.within (); return 1; end $f$",
    ),
    Case(
        "a block with a name that is put together",
        ("do $do$ begin execute 'create table {s}.' || quote_ident('Odd \"n') || ' ()'; end $do$",),
        (done("CREATE TABLE", '{s}."Odd ""n"'),),
    ),
    Case(
        "several statements",
        ("create table {s}.a ()", "create table {s}.b ()", "comment on table {s}.a is 'x'", "drop table {s}.a"),
        (
            *(done("CREATE TABLE", "{s}.a"), done("CREATE TABLE", "{s}.b")),
            *(done("COMMENT", "{s}.a"), done("DROP TABLE", "{s}.a")),
        ),
    ),
    Case(
        "tables made of queries",
        ("create table {s}.a as select 1 as x", "select 1 as x into {s}.b"),
        (done("CREATE TABLE AS", "{s}.a"), done("SELECT INTO", "{s}.b")),
    ),
    Case(
        "a concurrent index",
        ("create index concurrently i on {s}.t (id)",),
        (done("CREATE INDEX", "{s}.i"),),
        before="create table {s}.t (id int)",
        otherwise={Style.WHOLE: (failed("CREATE INDEX", "25001", IN_BLOCK),)},
        ends=True,
    ),
    Case(
        "a concurrent index that meets a duplicate",
        ("create unique index concurrently i on {s}.t (id)",),
        (Left("CREATE INDEX", "FAILED", ("{s}.i",), "23505", 'could not create unique index "i"'),),
        before="create table {s}.t as select 1 as id from generate_series(1, 2)",
        styles=ALONE,
        ends=True,
    ),
    Case(
        "a concurrent drop",
        ("drop index concurrently {s}.i",),
        (done("DROP INDEX", "{s}.i"),),
        before="create table {s}.t (id int); create index i on {s}.t (id)",
        styles=ALONE,
    ),
    Case(
        "partitions",
        (
            "alter table {s}.whole attach partition {s}.part for values in (1)",
            "alter table {s}.whole detach partition {s}.part",
        ),
        (done("ALTER TABLE", "{s}.part", "{s}.whole"), done("ALTER TABLE", "{s}.part", "{s}.whole")),
        before="create table {s}.whole (id int) partition by list (id); create table {s}.part (id int)",
    ),
    Case(
        "a partition that is detached concurrently",
        ("alter table {s}.whole detach partition {s}.part concurrently",),
        (done("ALTER TABLE", "{s}.part", "{s}.whole"),),
        before="create table {s}.whole (id int) partition by list (id);"
        " create table {s}.part partition of {s}.whole for values in (1)",
        styles=ALONE,
    ),
    Case(
        "a concurrent reindex, which fires no event before 17",
        ("reindex index concurrently {s}.i",),
        (done("REINDEX", "{s}.i"),),
        before="create table {s}.t (id int); create index i on {s}.t (id)",
        styles=ALONE,
        since=17,
    ),
    Case(
        "a concurrent refresh",
        ("refresh materialized view concurrently {s}.mv",),
        (done("REFRESH MATERIALIZED VIEW", "{s}.mv"),),
        before="create materialized view {s}.mv as select 1 as a; create unique index on {s}.mv (a)",
    ),
    Case(
        "privileges",
        (
            "grant select on {s}.t to public",
            "revoke select on {s}.t from public",
            "alter default privileges in schema {s} grant select on tables to public",
        ),
        (
            *(done("GRANT", "{s}.t"), done("REVOKE", "{s}.t")),
            done("ALTER DEFAULT PRIVILEGES", "for role {user} in schema {s} on tables"),
        ),
        before="create table {s}.t ()",
    ),
    Case(
        "a drop that takes others along",
        ("drop table {s}.t cascade",),
        (done("DROP TABLE", '"_RETURN" on {s}.v', "{s}.t", "{s}.v"),),
        before="create table {s}.t (id int); create view {s}.v as select * from {s}.t",
    ),
    Case(
        "several changes of a table, which write it anew",
        ("alter table {s}.t alter column id type bigint, drop column gone, add column here int",),
        (done("ALTER TABLE", "{s}.t", "{s}.t.gone"),),
        before="create table {s}.t (id int, gone text)",
    ),
    Case(
        "nothing to do",
        ("create table if not exists {s}.t ()", "drop table if exists {s}.none"),
        (noop("CREATE TABLE"), noop("DROP TABLE")),
        before="create table {s}.t ()",
    ),
    Case("temporary tables", ("create temp table {s}_t (id int)", "drop table {s}_t"), ()),
    Case(
        "what a role owns",
        ("reassign owned by {s}_r to current_user", "alter table {s}.t owner to {s}_r", "drop owned by {s}_r"),
        (done("ALTER TABLE", "{s}.t"), done("DROP OWNED", "{s}.t")),
        before="create table {s}.t ()",
        role=True,
    ),
    Case(
        "an imported foreign schema",
        ("import foreign schema {s} from server {s}_w into {s}_far",),
        (done("IMPORT FOREIGN SCHEMA", "{s}_far.a", "{s}_far.b"),),
        before="create extension if not exists postgres_fdw; create schema {s}_far; create table {s}.a (id int);"
        " create table {s}.b (id int); do $do$ begin execute format('create server {s}_w foreign data wrapper"
        " postgres_fdw options (host %L, port %L, dbname %L)', host(inet_server_addr()), inet_server_port(),"
        " current_database()); end $do$; create user mapping for public server {s}_w options (user '{user}')",
        needs="postgres_fdw",
    ),
    Case(
        "secrets",
        (
            "create user mapping for public server {s}_w options (user 'joe', password 'hunter2a')",
            "alter role {s}_r password 'hunter2b'",
            "create table {s}.t (token text default 'hunter2c')",
        ),
        (done("CREATE USER MAPPING", "public on server {s}_w"), done("CREATE TABLE", "{s}.t")),
        before="create foreign data wrapper {s}_w; create server {s}_w foreign data wrapper {s}_w",
        role=True,
    ),
    Case(
        "what is there already",
        ("create table {s}.t ()",),
        (failed("CREATE TABLE", "42P07", TAKEN),),
        before="create table {s}.t ()",
        ends=True,
    ),
    Case(
        "what is not there",
        ("drop table {s}.none",),
        (failed("DROP TABLE", "42P01", 'table "none" does not exist'),),
        ends=True,
    ),
    Case(
        "what is something else",
        ("drop table {s}.v",),
        (failed("DROP TABLE", "42809", '"v" is not a table'),),
        before="create view {s}.v as select 1 as a",
        ends=True,
    ),
    Case(
        "what is misspelt",
        ("create tabel {s}.t ()",),
        (failed("CREATE", "42601", 'syntax error at or near "tabel"'),),
        ends=True,
    ),
    Case(
        "what is locked",
        ("set lock_timeout = '50ms'", "alter table busy add {s} int", "reset lock_timeout"),
        (failed("ALTER TABLE", "55P03", "canceling statement due to lock timeout"),),
        ends=True,
    ),
    Case(
        "what takes too long",
        (
            "set statement_timeout = '500ms'",
            "create table {s}.t as select 1 as x from pg_sleep(60)",
            "reset statement_timeout",
        ),
        (failed("CREATE TABLE AS", "57014", "canceling statement due to statement timeout"),),
        ends=True,
    ),
    Case(
        "an error among others",
        ("create table {s}.a ()", "create table {s}.t ()", "create table {s}.b ()"),
        (done("CREATE TABLE", "{s}.a"), failed("CREATE TABLE", "42P07", TAKEN), done("CREATE TABLE", "{s}.b")),
        before="create table {s}.t ()",
        otherwise={
            Style.TOGETHER: (undone("CREATE TABLE", "{s}.a"), failed("CREATE TABLE", "42P07", TAKEN)),
            Style.WHOLE: (
                *(undone("CREATE TABLE", "{s}.a"), failed("CREATE TABLE", "42P07", TAKEN)),
                failed("CREATE TABLE", "25P02", ABORTED),
            ),
        },
        ends=True,
    ),
    Case(
        "a transaction that is rolled back",
        ("begin", "create table {s}.gone ()", "rollback"),
        (undone("CREATE TABLE", "{s}.gone"),),
        ends=True,
    ),
    Case(
        "a savepoint that is rolled back to",
        ("begin", "savepoint a", "create table {s}.gone ()", "rollback to a", "create table {s}.kept ()", "commit"),
        (undone("CREATE TABLE", "{s}.gone"), done("CREATE TABLE", "{s}.kept")),
        ends=True,
    ),
    Case(
        "an error that is caught",
        (
            "do $do$ begin create table {s}.a (); begin create table {s}.a ();"
            " exception when duplicate_table then null; end; end $do$",
        ),
        (done("CREATE TABLE", "{s}.a"), failed("CREATE TABLE")),
    ),
    Case(
        "a prepared transaction",
        ("begin", "create table {s}.t ()", "prepare transaction '{s}'", "commit prepared '{s}'"),
        (done("CREATE TABLE", "{s}.t"),),
        styles=frozenset({Style.APART}),
    ),
    Case("a table that EXPLAIN makes", ("explain analyze create table {s}.t as select 1 as a",), ()),
    Case(
        "hostile settings",
        (
            *("set search_path = {s}, public", "set row_security = off", "set plpgsql.extra_errors = 'all'"),
            *("set timezone = 'Pacific/Chatham'", "set datestyle = 'SQL, DMY'", "set quote_all_identifiers = on"),
            *("create table {s}.t (id int)", "reset all"),
        ),
        (done("CREATE TABLE", "{s}.t"),),
        before="create function {s}.now() returns int language sql as 'select 1'",
    ),
    Case(
        "replica mode",
        ("set session_replication_role = replica", "create table {s}.t ()", "reset session_replication_role"),
        (done("CREATE TABLE", "{s}.t"),),
    ),
    Case(
        "another role",
        ("set role {s}_r", "create table {s}.t ()", "reset role"),
        (done("CREATE TABLE", "{s}.t"),),
        before="grant create, usage on schema {s} to {s}_r",
        role=True,
    ),
    Case(
        "odd names",
        ('create table {s}."Odd ""n.\n\u00e9" ("x y" int)',),
        (done("CREATE TABLE", '{s}."Odd ""n.\n\u00e9"'),),
    ),
    Case(
        "a long statement",
        (f"create table {{s}}.t () /* {'x' * 100_000} */",),
        (done("CREATE TABLE", "{s}.t"),),
    ),
)
