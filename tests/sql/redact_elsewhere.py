"""Statements, and what is stored of them, whose secret is named after it, or elsewhere."""

from __future__ import annotations

# statement, as stored: where the name comes after the secret, or only stands in a list, a key or a string
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
    *(
        (f"{head} select 'hunter2' password, 'x' y", f"{head} select '[redacted]' password, 'x' y")
        for head in (
            "create temporary table t as",
            "create local temporary table t as",
            "create global temp table t as",
            "create or replace recursive view v (a) as",
            "insert into t (a, b)",
            "explain analyze",
            "explain (verbose)",
            "prepare p as",
        )
    ),
    ("copy (select 'hunter2' password, 'x' y) to stdout", "copy (select '[redacted]' password, 'x' y) to stdout"),
    ("select 'hun'\n'ter2' as password", "select '[redacted]'\n'[redacted]' as password"),
    # an alias without AS, whatever the statement begins with and whatever the type between is called
    *(
        (f"{head} select 'hunter2' password, 'x' y{tail}", f"{head} select '[redacted]' password, 'x' y{tail}")
        for head, tail in (
            ("declare c cursor for", ""),
            ("declare c binary insensitive no scroll cursor with hold for", ""),
            ("do $$ declare c cursor for", "; begin end $$"),
            ("do $$ begin for r in", " loop end loop; end $$"),
            ("do $$ begin return query", "; end $$"),
            ("create rule r as on select to t do instead", ""),
            ("create function f() returns text language sql begin atomic", "; end"),
        )
    ),
    *(
        (f"select 'x' a, 'hunter2'{between} password, 'x' y", f"select 'x' a, '[redacted]'{between} password, 'x' y")
        for between in (
            "::character varying",
            "::character varying(20)",
            "::pg_catalog.text",
            "::pg_catalog.text /* it's */",
            "::text -- it's\n",
            "::double precision",
            "::timestamp(3) without time zone",
            "::interval day to second",
            "::text[]",
            ' collate "C"',
            '::text collate pg_catalog."C"',
            " || a.suffix",
            " || suffix",
        )
    ),
    (
        "select array['hunter2'] password, array['hunter2']::text[] token, 'x' y",
        "select array['[redacted]'] password, array['[redacted]']::text[] token, 'x' y",
    ),
    (
        "select case when a then 1 else 2 end b, 'hunter2' password, 'x' y",
        "select case when a then 1 else 2 end b, '[redacted]' password, 'x' y",
    ),
    (
        "select 'x' y, case when a then 'hunter1' else 'hunter2' end password",
        "select 'x' y, case when a then '[redacted]' else '[redacted]' end password",
    ),
    (
        "create role joe valid until '2030-01-01' password 'hunter2'",
        "create role joe valid until '2030-01-01' password '[redacted]'",
    ),
    # in parts
    ("select 'pass' -- it's\n 'word=hunter2', 'x'", "select '[redacted]' -- it's\n , '[redacted]'"),
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
    (
        "create table t (password text generated always as ('hunter2') stored, kind text default 'x')",
        "create table t (password text generated always as ('[redacted]') stored, kind text default 'x')",
    ),
    ("create domain secret as text default 'hunter2'", "create domain secret as text default '[redacted]'"),
    (
        "create materialized view v as select 'x' as y, 'hunter2'::text password",
        "create materialized view v as select 'x' as y, '[redacted]'::text password",
    ),
    (
        "create table t as select 'hunter2' password, 'x' y",
        "create table t as select '[redacted]' password, 'x' y",
    ),
    ("select change_password('joe', 'hunter2'), 'x'", "select change_password('[redacted]', '[redacted]'), 'x'"),
    (
        "call app.set_user_password(1, lower('hunter2')); comment on table t is 'x'",
        "call app.set_user_password(1, lower('[redacted]')); comment on table t is 'x'",
    ),
    (
        "select coalesce('hunter2', u.password, 'hunter2'), 'x' from u",
        "select coalesce('[redacted]', u.password, '[redacted]'), 'x' from u",
    ),
    (
        "create policy p on t using (starts_with(token, 'hunter2') and kind = 'x')",
        "create policy p on t using (starts_with(token, '[redacted]') and kind = 'x')",
    ),
    (
        "select from t where kind = 'x' and 'hunter2' like token",
        "select from t where kind = 'x' and '[redacted]' like token",
    ),
    ("update users set pass_word = 'hunter2', kind = 'x'", "update users set pass_word = '[redacted]', kind = 'x'"),
    (
        "create function f() returns text language plpython3u as $$\npassword = r'hunter2'\nreturn 1\n$$",
        "create function f() returns text language plpython3u as $$\npassword = '[redacted]'\nreturn 1\n$$",
    ),
)
