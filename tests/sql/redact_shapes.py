"""Statements, and what is stored of them, whose secret has a shape of its own, or stands in a list of pairs."""

from __future__ import annotations

# statement, as stored: addresses and tokens that are secrets by their own shape, and names and values in lists
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
