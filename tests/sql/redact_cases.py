"""Statements and what is stored of them."""

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
    ("alter role joe password E'hun' -- c\n 'te\\'r2'", "alter role joe password '[redacted]' -- c"),
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

# what cannot be judged: it ends within a token, or standard_conforming_strings decides where a string ends
WITHHELD = (
    "alter role joe password 'hunter2",
    "alter role joe password $a$hunter2$b$",
    "alter role joe password 'hunter2' /* /* */",
    'alter role joe password "hunter2',
    "alter role joe password E'hunter2\\'",
    "alter role joe password 'a\\', 'hunter2'",
    "alter role joe password 'hunter2'" + " " * 100_000,
)

# no secret: stored as they are
ORDINARY = (
    "create table t (id int primary key, password_hash text not null, token_id int references tokens, k text)",
    "alter table users add column password text not null default ''",
    "alter table users alter column secret type varchar(40) using secret::varchar(40)",
    "create table t (token text, kind text check (kind in ('access', 'refresh')))",
    "create index on users (lower(token)) where kind = 'x'",
    "create unique index api_key_index on api_keys (api_key) where state = 'active'",
    "alter table t add constraint c check (length(password) > 8 and kind in ('a', 'b'))",
    "create function check_password(p text) returns boolean language sql as $$ select p = 'x' $$",
    "create or replace function auth.token_of(u int) returns text language plpgsql as $f$\n"
    "declare v_token text;\nbegin\n  select t.token into v_token from tokens t where t.kind = 'x' and t.user_id = u;\n"
    "  if v_token is null then raise exception 'no token for %', u; end if;\n  return v_token;\nend $f$",
    "create policy p on tokens using (owner = 'x') with check (true)",
    "create policy tenant on secrets for select to public using (tenant = current_setting('app.tenant'))",
    "create type auth_kind as enum ('password', 'token', 'key')",
    "create trigger token before update on t for each row execute function f('x')",
    "comment on column t.token is 'the user''s token, hashed with sha256'",
    "comment on column t.password is 'The password is hashed before it is stored'",
    "set password_encryption = 'scram-sha-256'",
    "set session authorization 'joe'",
    "create schema authorization joe",
    "alter role joe password null",
    "create role joe login",
    "create extension if not exists pgcrypto",
    "grant select (password) on users to joe",
    'alter table "Token" rename column "secret key" to k',
    "create view v as select u.name as \"user\", s.token from users u join sessions s using (id) where s.state = 'x'",
    "create table t (email text check (email like '%@%'), s text default 'a@b')",
    "select 'https://example.org/a/b?c=d', 'C:\\temp' as path",
    "create table p (key text) partition by list (key); create table p1 partition of p for values in ('a')",
    "create table t (a int, primary key (a), foreign key (a) references k (key))",
    "create publication p for table t with (publish = 'insert')",
)
