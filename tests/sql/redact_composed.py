"""Statements, and what is stored of them, where strings are put together, or a setting is set and read later."""

from __future__ import annotations

# statement, as stored
COMPOSED = (
    (
        "do $$ begin execute 'alter role joe pass' || 'word ' || quote_literal('hunter2'); return; end $$",
        "do $$ begin execute 'alter role joe pass' || '[redacted]' || quote_literal('[redacted]'); return; end $$",
    ),
    (
        "do $$ begin execute 'create user ' || v_user || v_words || quote_literal('hunter2'); return; end $$",
        "do $$ begin execute 'create user ' || v_user || v_words || quote_literal('[redacted]'); return; end $$",
    ),
    (
        "do $$ begin execute format('create role %I login %s', 'joe', 'hunter2'); raise notice 'x'; end $$",
        "do $$ begin execute format('create role %I login %s', '[redacted]', '[redacted]'); raise notice 'x'; end $$",
    ),
    (
        "select 'postgres://joe:' || 'hunter2' || '@h/d', 'x'; select 'x'",
        "select '[redacted]' || '[redacted]' || '[redacted]', '[redacted]'; select 'x'",
    ),
    (
        "select f('Authorization: Bearer ' || 'hunter27'); select concat('sk_live_', 'hunter2a'); select 'x'",
        "select f('Authorization: [redacted]' || '[redacted]'); select concat('[redacted]', '[redacted]'); select 'x'",
    ),
    (
        "select jsonb_build_object('pass' || 'word', 'hunter2', 'a', 'x')",
        "select jsonb_build_object('pass' || '[redacted]', '[redacted]', 'a', 'x')",
    ),
    (
        "select jsonb_build_object('token' || a, 'hunter2', 'a', 'x')",
        "select jsonb_build_object('token' || a, '[redacted]', 'a', 'x')",
    ),
    (
        "select set_config('app.a', 'hunter2', true), set_config('app.b', 'x', true);"
        " do $$ begin execute format('alter role joe password %L', current_setting('app.a')); end $$",
        "select set_config('app.a', '[redacted]', true), set_config('app.b', 'x', true);"
        " do $$ begin execute format('alter role joe password [redacted]', current_setting('[redacted]')); end $$",
    ),
    (
        "set session app.a = 'hunter2'; set app.b to 'x';"
        " do $$ begin alter role joe login; perform f(current_setting('app.a'), secret); end $$",
        "set session app.a = '[redacted]'; set app.b to 'x';"
        " do $$ begin alter role joe login; perform f(current_setting('app.a'), secret); end $$",
    ),
    (
        "do $$ declare n text; begin set local app.a = 'hunter2'; set local app.b = 'x'; n := current_setting('app.a');"
        " execute 'alter role joe password ' || quote_literal(n); end $$",
        "do $$ declare n text; begin set local app.a = '[redacted]'; set local app.b = 'x';"
        " n := current_setting('[redacted]'); execute 'alter role joe password ' || quote_literal(n); end $$",
    ),
    (
        "select auth.login_user_tracking('joe@example.org', 'hunter2', null), 'x'",
        "select auth.login_user_tracking('[redacted]', '[redacted]', null), 'x'",
    ),
    (
        "select app.sign_in('joe', 'hunter2'), authenticate('joe', 'hunter2'), 'x'",
        "select app.sign_in('[redacted]', '[redacted]'), authenticate('[redacted]', '[redacted]'), 'x'",
    ),
)
