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

# the same for addresses and tokens that are secrets by their own shape, and names and values in lists
_SHAPES = (
    (
        "select 'https://a.blob.core.windows.net/c?sv=1&sig=hunter2%3D&se=2' as x",
        "select 'https://a.blob.core.windows.net/c?sv=1&sig=[redacted]&se=2' as x",
    ),
    (
        "select 'https://storage.googleapis.com/b?X-Goog-Signature=hunter2' as x",
        "select 'https://storage.googleapis.com/b?X-Goog-Signature=[redacted]' as x",
    ),
    (
        "select jsonb_build_object('x-webhook-signature', 'hunter2', 'a', 'b')",
        "select jsonb_build_object('x-webhook-signature', '[redacted]', 'a', 'b')",
    ),
    (
        "select 'https://discord.com/api/webhooks/1/hunter2' as x",
        "select 'https://discord.com/api/webhooks/[redacted]' as x",
    ),
    (
        "select 'https://discordapp.com/api/v10/webhooks/1/hunter2' as x",
        "select 'https://discordapp.com/api/v10/webhooks/[redacted]' as x",
    ),
    (
        "select 'https://acme.webhook.office.com/webhookb2/hunter2@x/y' as x",
        "select 'https://acme.webhook.office.com/webhookb2/[redacted]' as x",
    ),
    (
        "select 'https://outlook.office.com/webhook/hunter2/y' as x",
        "select 'https://outlook.office.com/webhook/[redacted]' as x",
    ),
    (
        "select 'https://api.telegram.org/bot123456789:AA{t}/send' as x",
        "select 'https://api.telegram.org/bot[redacted]/send' as x",
    ),
    ("select 'x SG.{t}.{t} y' as x", "select 'x [redacted] y' as x"),
    ("select 'hf_{t}' as x", "select '[redacted]' as x"),
    ("select 'pypi-{t}' as x", "select '[redacted]' as x"),
    ("select 'ya29.a0{t}' as x", "select '[redacted]' as x"),
    ("select 'dapi{t}-2' as x", "select '[redacted]' as x"),
    ("select coalesce(password, 'hunter2'), 'x' from t", "select coalesce(password, '[redacted]'), 'x' from t"),
    (
        "select coalesce(lower(u.password), a, 'hunter2'), 'x' from u",
        "select coalesce(lower(u.password), a, '[redacted]'), 'x' from u",
    ),
    (
        "select nullif(token, 'hunter2'), greatest(a, token, 'hunter2'), 'x'",
        "select nullif(token, '[redacted]'), greatest(a, token, '[redacted]'), 'x'",
    ),
    ("select array['a', 'b', 'password', 'hunter2'], 'x'", "select array['a', 'b', 'password', '[redacted]'], 'x'"),
    (
        "select hstore(array[['password','hunter2'],['a','b']]), 'x'",
        "select hstore(array[['password','[redacted]'],['a','b']]), 'x'",
    ),
    ("select concat_ws('=', 'password', 'hunter2'), 'x'", "select concat_ws('=', 'password', '[redacted]'), 'x'"),
    ("select format('%s=%s', 'password', 'hunter2'), 'x'", "select format('%s=%s', 'password', '[redacted]'), 'x'"),
    (
        "create trigger t after insert on a for each row execute function f('https://h', 'token', 'hunter2')",
        "create trigger t after insert on a for each row execute function f('https://h', 'token', '[redacted]')",
    ),
    (
        "create or replace constraint trigger t after update on a execute function f(token, 'hunter2', 'x')",
        "create or replace constraint trigger t after update on a execute function f(token, '[redacted]', 'x')",
    ),
    (
        "create trigger t instead of insert or update on v execute function f('a', token, 'hunter2', 'x')",
        "create trigger t instead of insert or update on v execute function f('a', token, '[redacted]', 'x')",
    ),
    (
        "create rule r as on insert to t do also insert into log (kind, token) values ('x', 'hunter2')",
        "create rule r as on insert to t do also insert into log (kind, token) values ('[redacted]', '[redacted]')",
    ),
    (
        "merge into t using u on true when not matched then insert (token) values ('hunter2')",
        "merge into t using u on true when not matched then insert (token) values ('[redacted]')",
    ),
    (
        "create policy p on t for insert with check (token = 'hunter2' and kind = 'x')",
        "create policy p on t for insert with check (token = '[redacted]' and kind = 'x')",
    ),
)
SHAPES = tuple(
    (
        statement.replace("{t}", "0123456789abcdef" * 2 + "abc" * ("dapi" not in statement)),
        stored,
    )
    for statement, stored in _SHAPES
)

# the same where the name comes after the secret, or only stands in a list, a key or a string
ELSEWHERE = (
    (
        "insert into users as u (name, \"password\") values ('joe', 'hunter2')",
        "insert into users as u (name, \"password\") values ('[redacted]', '[redacted]')",
    ),
    ("select upper('hunter2') as password, 'x' as y", "select upper('[redacted]') as password, 'x' as y"),
    (
        "select case when a = 'b' then 'hunter2' end as api_key",
        "select case when a = '[redacted]' then '[redacted]' end as api_key",
    ),
    ("select 'hunter2' password, 'x' y", "select '[redacted]' password, 'x' y"),
    ("select 'hun'\n'ter2' as password", "select '[redacted]'\n'[redacted]' as password"),
    (
        "select from t where kind = 'x' and 'hunter2' = t.token",
        "select from t where kind = 'x' and '[redacted]' = t.token",
    ),
    ("select from t where lower(token) = lower('hunter2')", "select from t where lower(token) = lower('[redacted]')"),
    ("select from t where token is distinct from 'hunter2'", "select from t where token is distinct from '[redacted]'"),
    (
        "select from t where token between 'a' and 'hunter2' and kind = 'x'",
        "select from t where token between '[redacted]' and '[redacted]' and kind = 'x'",
    ),
    (
        "create policy p on t using (current_setting('app.token') = 'hunter2')",
        "create policy p on t using (current_setting('app.token') = '[redacted]')",
    ),
    (
        "update users set (name, password) = ('joe', 'hunter2'), kind = 'x'",
        "update users set (name, password) = ('[redacted]', '[redacted]'), kind = 'x'",
    ),
    (
        "insert into settings (key, value) values ('api_key', 'hunter2')",
        "insert into settings (key, value) values ('api_key', '[redacted]')",
    ),
    (
        "update settings set value = 'hunter2' where key = 'api_key'",
        "update settings set value = '[redacted]' where key = 'api_key'",
    ),
    ("update t set data['password'] = '\"hunter2\"'", "update t set data['password'] = '[redacted]'"),
    (
        "update t set d = jsonb_set(d, '{a,password}', '\"hunter2\"')",
        "update t set d = jsonb_set(d, '{a,password}', '[redacted]')",
    ),
    ("select from t where d ->> 'password' = 'hunter2'", "select from t where d ->> 'password' = '[redacted]'"),
    ("select xmlelement(name password, 'hunter2')", "select xmlelement(name password, '[redacted]')"),
    (
        "select set_config('app.token'::text, 'hunter2'::text, true)",
        "select set_config('app.token'::text, '[redacted]'::text, true)",
    ),
    (
        "create view v (name, password) as select 'joe', 'hunter2'",
        "create view v (name, password) as select '[redacted]', '[redacted]'",
    ),
    (
        "with c (name, password) as (values ('joe', 'hunter2')) select 1",
        "with c (name, password) as (values ('[redacted]', '[redacted]')) select 1",
    ),
    (
        "select * from (values ('joe', 'hunter2')) as v (name, password)",
        "select * from (values ('[redacted]', '[redacted]')) as v (name, password)",
    ),
    (
        "alter table users alter column password type text using 'hunter2'",
        "alter table users alter column password type text using '[redacted]'",
    ),
    (
        "do $$ declare c text := 'hunter2'; begin execute format('alter role joe password %L', c); end $$",
        "do $$ declare c text := '[redacted]'; begin execute format('alter role joe password [redacted]', c); end $$",
    ),
    (
        "do $$ declare v_pass constant text := 'hunter2'; begin end $$",
        "do $$ declare v_pass constant text := '[redacted]'; begin end $$",
    ),
    (
        "do $$ begin raise notice 'password %', 'hunter2'; end $$",
        "do $$ begin raise notice 'password %', '[redacted]'; end $$",
    ),
    (
        "create function f() returns text language plpython3u as "
        '$$\nimport requests\napi_key = "hunter2"\nreturn 1\n$$',
        "create function f() returns text language plpython3u as "
        '$$\nimport requests\napi_key = "[redacted]"\nreturn 1\n$$',
    ),
    (
        'create function f() returns text language plpython3u as $$\nif True:\n  token = f"hunter2"\nreturn 1\n$$',
        'create function f() returns text language plpython3u as $$\nif True:\n  token = f"[redacted]"\nreturn 1\n$$',
    ),
    (
        'create function f() returns int language plv8 as $$ for (;;) { const secret = "my_hunter2_key"; } $$',
        'create function f() returns int language plv8 as $$ for (;;) { const secret = "[redacted]"; } $$',
    ),
    ("comment on table t is 'Authorization: Token 12hunter2ab'", "comment on table t is 'Authorization: [redacted]'"),
    (
        "do $$ begin perform f('Authorization: Digest username=joe, response=hunter2'); end $$",
        "do $$ begin perform f('Authorization: [redacted]'); end $$",
    ),
    ("comment on table t is 'Authorization: Bearer hunter2'", "comment on table t is 'Authorization: [redacted]'"),
    ("select http_header('Authorization', 'hunter2')", "select http_header('Authorization', '[redacted]')"),
    ("select sign('{}', 'hunter2')", "select sign('[redacted]', '[redacted]')"),
    (
        "alter system set archive_command = 'curl -u joe:hunter2 -T %p https://h/%f'",
        "alter system set archive_command = 'curl -u joe:[redacted] -T %p https://h/%f'",
    ),
    (
        "alter system set archive_command = 'sshpass -p hunter2 scp %p h:%f'",
        "alter system set archive_command = 'sshpass -p [redacted] scp %p h:%f'",
    ),
    (
        "alter system set archive_command = 'tool --api-key hunter --x'",
        "alter system set archive_command = 'tool --api-key [redacted] --x'",
    ),
    ("select '<a><password>hunter2</password></a>'::xml", "select '<a><password>[redacted]</password></a>'::xml"),
    (
        'select \'{"name": "api_key", "value": "hunter2"}\'::json',
        'select \'{"name": "api_key", "value": "[redacted]"}\'::json',
    ),
    (
        "comment on table t is 'jdbc:oracle:thin:joe/hunter2@h:1521'",
        "comment on table t is 'jdbc:oracle:thin:joe/[redacted]@h:1521'",
    ),
    ("comment on table t is 'sk-proj-abcdefghijklmnopqrst'", "comment on table t is '[redacted]'"),
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
    "create role joe pasword 'hunter2",
)

# no secret: stored as they are
ORDINARY = (
    "select array['a', 'b'], x[1], coalesce(name, 'x'), 'msg.a', 'https://example.org/webhook?signal=1' from who_is",
    "create trigger t after insert on a for each row when (new.kind in ('token', 'x')) execute function f('a', 'b')",
    "select data['kind'], 'x' where data['a']['b'] = 'c' and concat_ws(', ', 'a', 'b') = format('%s', 'token_id')",
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
    "create role token login valid until '2030-01-01' in role secret",
    "alter role joe in database password set search_path = token, 'x'",
    "alter role token rename to secret",
    "create table token (id int, secret_id int) with (fillfactor = 70); copy token (password) from stdin (format csv)",
    "create type t as (password text, kind text); create aggregate a (token text) (sfunc = f, stype = text)",
    "create foreign table t (password text options (column_name 'p'), n int) server s options (table_name 'x')",
    "create function f(password text) returns text language sql set search_path = token, 'x' as $$ select 'y' $$",
    "create procedure p(password text) language sql as $$ select 'y' $$",
    "create view v as select lower(u.token) as t, 'x' as kind from users u where u.token is not null and u.kind = 'y'",
    "create trigger t before update on u for each row when (old.token is distinct from token) execute function f('x')",
    "create trigger t before insert or delete on u for each row when (new.token is not null) execute function f('x')",
    "create trigger t after insert on app.token for each row execute function f('x')",
    "create policy p on t for insert with check (password is not null and kind = 'x')",
    "create rule r as on insert to app.tokens where new.token is not null and new.kind = 'x' do nothing",
    "grant select, insert (password) on app.tokens to joe; comment on table app.tokens is 'x'",
    "update tokens set kind = 'x' where token_id = 5 and state = 'y'",
    "do $$ begin if exists (select from u where token = p_token and kind = 'x') then return; end if; end $$",
    "do $$ begin if v_token.kind = 'x' then v_token.state := 'y'; end if; raise notice 'x'; end $$",
    "select name from t where name like '%secret%' or name like 'password %' or kind = 'x'",
    "alter table t alter column token set default null, alter column kind set default 'x'",
    "alter subscription s set publication token with (refresh = false)",
    "create role joe login in role a, b admin c valid until 'infinity' connection limit 5",
    "alter role joe in database d set timezone = 'UTC'; alter user joe set datestyle to 'iso'",
    "create server s type 'x' version '1' foreign data wrapper w options (host 'h', port '5432')",
    "alter subscription s set (slot_name = 'x', synchronous_commit = 'off', origin = 'none')",
    "create table app_user (id int, role text default 'x', server text, subscription text check (role in ('a', 'b')))",
    "create policy p on t using (role = 'x' and user_group = 'y')",
    "alter system set archive_command = 'cp %p /archive/%f'; select 1 -- user joe signs",
)
