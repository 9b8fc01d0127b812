"""Statements, and what is stored of them, where a name announces the secret, or its statement does."""

from __future__ import annotations

# statement, as stored
REDACTED = (
    ("alter role joe password 'hunter2'", "alter role joe password '[redacted]'"),
    ("ALTER ROLE joe PASSWORD $$hunter2$$", "ALTER ROLE joe PASSWORD '[redacted]'"),
    ("alter role joe password $a$hun$$ter2$a$", "alter role joe password '[redacted]'"),
    (
        "alter role joe password U&'hunter!0032' uescape '!'",
        "alter role joe password U&'[redacted]' uescape '[redacted]'",
    ),
    ("alter role joe password 'hun'\n  'ter2'", "alter role joe password '[redacted]'"),
    ("alter role joe password E'hun' -- c\n 'te\\'r2'", "alter role joe password '[redacted]' -- c\n "),
    (
        "alter role joe/* '/* */ */password -- '\n'it''s hunter2'",
        "alter role joe/* '/* */ */password -- '\n'[redacted]'",
    ),
    (
        "create user joe with encrypted password E'hun\\'ter2' valid until '2030-01-01'",
        "create user joe with encrypted password '[redacted]' valid until '2030-01-01'",
    ),
    ("alter role joe password hunter2", "alter role joe password [redacted]"),
    ("alter user joe identified by hunter2", "alter user joe identified by [redacted]"),
    (
        "create user mapping for joe server s options (user 'joe', password 'hunter2')",
        "create user mapping for joe server s options (user '[redacted]', password '[redacted]')",
    ),
    (
        "create server s foreign data wrapper w options (host 'h', dbname 'd', account 'hunter2')",
        "create server s foreign data wrapper w options (host 'h', dbname 'd', account '[redacted]')",
    ),
    (
        "alter foreign data wrapper w options (set x 'hunter2')",
        "alter foreign data wrapper w options (set x '[redacted]')",
    ),
    (
        "create subscription s connection 'host=x password=hunter2' publication p",
        "create subscription s connection '[redacted]' publication p",
    ),
    (
        "do $$ begin execute 'alter role joe password ''hunter2'''; end $$",
        "do $$ begin execute 'alter role joe password ''[redacted]'''; end $$",
    ),
    (
        "do $$ begin execute 'alter role joe password ''' || 'hunter2' || ''''; raise notice 'done'; end $$",
        "do $$ begin execute '[redacted]' || '[redacted]' || '[redacted]'; raise notice 'done'; end $$",
    ),
    (
        "do $$ begin execute 'alter role joe password ' || quote_literal('hunter2'); raise notice 'done'; end $$",
        "do $$ begin execute 'alter role joe password ' || quote_literal('[redacted]'); raise notice 'done'; end $$",
    ),
    (
        "do $$ begin execute E'alter role joe p\\x61ssword \\'hunter2\\''; end $$",
        "do $$ begin execute E'alter role joe password ''[redacted]'''; end $$",
    ),
    (
        "do $x$ declare v_password text := 'hunter2'; n text := 'abc';"
        " begin perform set_config('a.token', 'hunter2', false); end $x$",
        "do $x$ declare v_password text := '[redacted]'; n text := 'abc';"
        " begin perform set_config('a.token', '[redacted]', false); end $x$",
    ),
    ("set app.api_key = hunter2; select 'x'", "set app.api_key = [redacted]; select 'x'"),
    ("set local app.secret to 'hunter2', \"hunter2\"", "set local app.secret to '[redacted]', [redacted]"),
    ("alter role joe set app.token = 'hunter2'", "alter role joe set app.token = '[redacted]'"),
    (
        "alter system set primary_conninfo = 'host=x password=hunter2 user=y'",
        "alter system set primary_conninfo = 'host=x password=[redacted] user=y'",
    ),
    (
        "alter system set primary_conninfo = 'host=x password=''hunter2 x'' user=y'",
        "alter system set primary_conninfo = 'host=x password=''[redacted]'' user=y'",
    ),
    (
        "select dblink('host=x password=hunter2', 'select 1'), 'plain'",
        "select dblink('[redacted]', '[redacted]'), 'plain'",
    ),
    (
        "create view v as select pgp_sym_decrypt(a, lower('hunter2')), crypt('hunter2', b), hmac(a, 'hunter2'), 'ok'",
        "create view v as select pgp_sym_decrypt(a, lower('[redacted]')), crypt('[redacted]', b),"
        " hmac(a, '[redacted]'), 'ok'",
    ),
    (
        "create table t (password varchar(20) default 'hunter2', kind text default 'x')",
        "create table t (password varchar(20) default '[redacted]', kind text default 'x')",
    ),
    (
        "insert into users (name, password) values ('joe', 'hunter2')",
        "insert into users (name, password) values ('[redacted]', '[redacted]')",
    ),
    ("update users set password = 'hunter2', name = 'joe'", "update users set password = '[redacted]', name = 'joe'"),
    (
        "create table t as select 'hunter2'::text as password, 'x' as y",
        "create table t as select '[redacted]'::text as password, 'x' as y",
    ),
    (
        "comment on table t is 'see postgres://joe:hunter2@h/db'",
        "comment on table t is 'see postgres://joe:[redacted]@h/db'",
    ),
    (
        "comment on table t is 'the password is hunter2, really'",
        "comment on table t is 'the password is [redacted] really'",
    ),
    ("create table x () -- password: hunter2 and more\n;", "create table x () -- password: [redacted]\n;"),
    ("/* token=hunter2 */ create table x ()", "/* token=[redacted] */ create table x ()"),
    ("copy t from program 'curl -u joe:hunter2 http://x'", "copy t from program '[redacted]'"),
    (
        'select \'{"password": "hun\\"ter2", "a": 1}\'::jsonb',
        'select \'{"password": "[redacted]", "a": 1}\'::jsonb',
    ),
    (
        "select jsonb_build_object('password', 'hunter2', 'a', 'b')",
        "select jsonb_build_object('password', '[redacted]', 'a', 'b')",
    ),
    ("create table t as select 'AKIAABCDEFGHIJKLMNOP' as x", "create table t as select '[redacted]' as x"),
    ("create table t as select 'ghp_abcdefghijklmnopqrst' as x", "create table t as select '[redacted]' as x"),
    ("create table t as select 'github_pat_11ABCDEFG0abcdefghijkl' as x", "create table t as select '[redacted]' as x"),
    ("create table t as select '$6$saltsalt$abcdefghijklmnopqrst' as x", "create table t as select '[redacted]' as x"),
    ("create table t as select '$1$saltsalt$abcdefghijklmnopqrst' as x", "create table t as select '[redacted]' as x"),
    ("create table t as select 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.abc' as x", "create table t as select '[redacted]' as x"),
    ("create table t as select 'SCRAM-SHA-256$4096:c2FsdA==$x:y' as x", "create table t as select '[redacted]' as x"),
    (
        "create table t as select 'md5d41d8cd98f00b204e9800998ecf8427e' as x",
        "create table t as select '[redacted]' as x",
    ),
    (
        "create table t as select '-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----' as x",
        "create table t as select '[redacted]' as x",
    ),
    ("pg_dump 'host=x password=hunter2' > f", "pg_dump 'host=x password=[redacted]' > f"),
)

# the same for secrets that nothing quotes, where the grammar takes a word or refuses the statement
UNQUOTED = (
    (
        "create text search dictionary d (template = synonym, password = hunter2)",
        "create text search dictionary d (template = synonym, password = [redacted])",
    ),
    (
        "alter table t set (app.password = -8.5hunter2, fillfactor = 70)",
        "alter table t set (app.password = [redacted], fillfactor = 70)",
    ),
    (
        "create table t (password text) with (fillfactor = 70, api_key = abc.hunter2)",
        "create table t (password text) with (fillfactor = 70, api_key = [redacted])",
    ),
    (
        "create index i on t (token) with (password = hunter2, fillfactor = 70) where kind = 'x'",
        "create index i on t (token) with (password = [redacted], fillfactor = 70) where kind = 'x'",
    ),
    (
        "create subscription s connection 'x' publication p with (password = hunter2, slot_name = none)",
        "create subscription s connection '[redacted]' publication p with (password = [redacted], slot_name = none)",
    ),
    (
        "create subscription s connection host=h password=hunter2 publication p",
        "create subscription s connection [redacted] [redacted] publication p",
    ),
    (
        'alter subscription s connection "host=h password=hunter2"; create table t ()',
        "alter subscription s connection [redacted]; create table t ()",
    ),
    ("alter tablespace t set (token = hunter2)", "alter tablespace t set (token = [redacted])"),
    (
        "create user mapping for joe server s options (user joe, password hunter2)",
        "create user mapping for joe server s options (user [redacted], password [redacted])",
    ),
    (
        'alter server s options (set host h, add account "hunter2", drop x)',
        "alter server s options (set host h, add account [redacted], drop x)",
    ),
    (
        "create user mapping for joe server s options (password 5hunter2)",
        "create user mapping for joe server s options (password [redacted])",
    ),
    (
        "create user mapping for joe server s password hunter2",
        "create user mapping for joe server s password [redacted]",
    ),
    (
        "copy t (password) from '/x' with (format csv, password hunter2)",
        "copy t (password) from '/x' with (format csv, password [redacted])",
    ),
    ("copy t from stdin (password hunter2)", "copy t from stdin (password [redacted])"),
    (
        "copy t from program curl -u joe:hunter2 h; select 1",
        "copy t from program [redacted] [redacted] [redacted] [redacted]; select 1",
    ),
    ("explain (token hunter2) select 1", "explain (token [redacted]) select 1"),
    ("alter role joe password hunter2!#a login", "alter role joe password [redacted] login"),
    ("alter role joe password 'a' 'hunter2' b", "alter role joe password '[redacted]' '[redacted]' [redacted]"),
    ("alter role joe passwd = hunter2", "alter role joe passwd = [redacted]"),
    ("alter role joe passwort 'hunter2'", "alter role joe passwort '[redacted]'"),
    ("create database d token hunter2", "create database d token [redacted]"),
    ("set app.token hunter2", "set app.token [redacted]"),
    ("set password for joe = 'hunter2'", "set password for joe = '[redacted]'"),
    (
        "alter system set primary_conninfo to host=h, password=hunter2",
        "alter system set primary_conninfo to host=h, password=[redacted]",
    ),
    ('set "app"."token" to hunter2', 'set "app"."token" to [redacted]'),
    ("alter database d set app.token = hunter2", "alter database d set app.token = [redacted]"),
    (
        "create function f() returns int language sql set app.token = hunter2 as $$ select 1 $$",
        "create function f() returns int language sql set app.token = [redacted] as $$ select 1 $$",
    ),
    ("do $$ begin set local app.token = hunter2; end $$", "do $$ begin set local app.token = [redacted]; end $$"),
)

# the same where no name announces it, or a misspelt one: in role DDL and the like every string is one
MISSPELT = (
    ("create role joe pasword 'hunter2'", "create role joe pasword '[redacted]'"),
    ("create role joe login 'hunter2'", "create role joe login '[redacted]'"),
    ("CREATE  USER joe paswd E'hunter2'", "CREATE  USER joe paswd '[redacted]'"),
    ("/* a */ alter\n\tgroup g pssword $$hunter2$$", "/* a */ alter\n\tgroup g pssword '[redacted]'"),
    ("alter/* a */role joe (pasword 'hunter2')", "alter/* a */role joe (pasword '[redacted]')"),
    (
        "create role joe valid until '2030-01-01' pasword 'hunter2'",
        "create role joe valid until '2030-01-01' pasword '[redacted]'",
    ),
    (
        "create table t (); create role joe 'hunter2'; comment on table t is 'x'",
        "create table t (); create role joe '[redacted]'; comment on table t is 'x'",
    ),
    (
        "create user mapping for joe server s optins (user 'hunter2')",
        "create user mapping for joe server s optins (user '[redacted]')",
    ),
    (
        "alter user mapping for joe server s pasword 'hunter2'",
        "alter user mapping for joe server s pasword '[redacted]'",
    ),
    (
        "create server s type 'x' version '1' foreign data wrapper w optins (host 'hunter2')",
        "create server s type 'x' version '1' foreign data wrapper w optins (host '[redacted]')",
    ),
    (
        "create subscription s conection 'hunter2' publication p with (slot_name = 'x', pasword = 'hunter2')",
        "create subscription s conection '[redacted]' publication p with (slot_name = 'x', pasword = '[redacted]')",
    ),
    (
        "do $$ begin execute 'create role joe pasword ''hunter2'''; end $$",
        "do $$ begin execute 'create role joe pasword ''[redacted]'''; end $$",
    ),
    (
        "do $$ begin create role joe pasword 'hunter2'; raise notice 'x'; end $$",
        "do $$ begin create role joe pasword '[redacted]'; raise notice 'x'; end $$",
    ),
)
