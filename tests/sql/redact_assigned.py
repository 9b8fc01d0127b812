"""Statements, and what is stored of them, whose secret a variable is set to, or a column, elsewhere than beside it."""

from __future__ import annotations

# statement, as stored
ASSIGNED = (
    # a variable that is set to it, however
    *(
        (
            f"do $$ declare {declared}; begin {done} execute 'alter role x password ' || quote_literal(p); end $$",
            f"do $$ declare {declared.replace('hunter2', '[redacted]').replace('joe', '[redacted]')};"
            f" begin {done.replace('hunter2', '[redacted]')}"
            " execute 'alter role x password ' || quote_literal(p); end $$",
        )
        for declared, done in (
            ("r text = 'joe'; p text = 'hunter2'", ""),
            ("p text default 'hunter2'", "if a = 'x' then null; end if;"),
            ("p text", "p = 'hunter2';"),
            ("p text", "p := lower('hunter2');"),
            ("p text", "select 'hunter2' into p;"),
            ("p text[] := array['joe', 'hunter2']", ""),
        )
    ),
    (
        "create table t (U&\"p!0061ssword\" uescape '!' text default 'hunter2')",
        "create table t (U&\"p!0061ssword\" uescape '[redacted]' text default '[redacted]')",
    ),
    (
        "insert into users values ('joe', 'hunter2') on conflict (name) do update set password = excluded.password",
        "insert into users values ('[redacted]', '[redacted]') on conflict (name)"
        " do update set password = excluded.password",
    ),
    (
        "merge into users u using (values ('joe', 'hunter2')) v (n, p) on u.name = v.n"
        " when matched then update set password = v.p; select 'x'",
        "merge into users u using (values ('[redacted]', '[redacted]')) v (n, p) on u.name = v.n"
        " when matched then update set password = v.p; select 'x'",
    ),
    (
        "update users as u set password = v.p from (values ('joe', 'hunter2')) as v (n, p); select 'x'",
        "update users as u set password = v.p from (values ('[redacted]', '[redacted]')) as v (n, p); select 'x'",
    ),
    (
        "select from t where password in (select 'hunter1' union select 'hunter2') and kind = 'x'",
        "select from t where password in (select '[redacted]' union select '[redacted]') and kind = 'x'",
    ),
    (
        "select from t where kind = 'x' and 'hunter2' in (password, token)",
        "select from t where kind = 'x' and '[redacted]' in (password, token)",
    ),
    (
        "select from t where kind = 'x' and lower('hunter2') = lower(trim(password))",
        "select from t where kind = 'x' and lower('[redacted]') = lower(trim(password))",
    ),
    (
        "select from t where kind = 'x' and row('hunter2', 1) = row(password, 1)",
        "select from t where kind = 'x' and row('[redacted]', 1) = row(password, 1)",
    ),
    (
        "select case password when 'hunter1' then 1 when 'hunter2' then 2 end",
        "select case password when '[redacted]' then 1 when '[redacted]' then 2 end",
    ),
    ("comment on table t is 'user[password]=hunter2&a=b'", "comment on table t is 'user[password]=[redacted]&a=b'"),
    (
        "comment on table t is '<entry key=\"password\">hunter2</entry>'",
        "comment on table t is '<entry key=\"password\">[redacted]</entry>'",
    ),
    ("select 'hunter2'::app.token, 'x'::text", "select '[redacted]'::app.token, 'x'::text"),
    ("select 'hunter2'::password, 'x'", "select '[redacted]'::password, 'x'"),
    ("select 'x', cast('hunter2' as app.token)", "select 'x', cast('[redacted]' as app.token)"),
    (
        "create policy p on t using (kind = 'x' and 'hunter2' = current_setting('app.token'))",
        "create policy p on t using (kind = 'x' and '[redacted]' = current_setting('app.token'))",
    ),
    (
        "copy t from 's3://b' access_key_id 'a' secret_access_key 'hunter2'",
        "copy t from '[redacted]' access_key_id '[redacted]' secret_access_key '[redacted]'",
    ),
    (
        "create table t (ssh_key text default 'hunter2', tls_key text, private_key_pem text default 'hunter2')",
        "create table t (ssh_key text default '[redacted]', tls_key text, private_key_pem text default '[redacted]')",
    ),
)
