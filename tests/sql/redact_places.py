"""Secrets of any shape, in every quoting style and place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

EXAMPLES = settings(
    max_examples=int(os.environ.get("REDACT_EXAMPLES", "20")),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # the failing one is told as it is: to shrink forty takes minutes
    database=None,
    derandomize="REDACT_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)

# A rare word between parts of any kind: the word is looked for, as what is around it may well stand elsewhere.
PART = st.text(st.sampled_from("'\"\\$;,()=:@/%-* \n\tabcXYZ019éß漢🔑"), max_size=6)
CORE = st.text(st.sampled_from("bcdfghjklmnpqrstvwxz"), min_size=10, max_size=12).map(lambda word: f"{word}7Q")
SECRET = st.builds(lambda before, core, after: (before + core + after, core), PART, CORE, PART)


def plain(secret: str) -> str:
    """'..' where standard_conforming_strings is on."""
    return "'" + secret.replace("'", "''") + "'"


def escaped(secret: str) -> str:
    """E'..'"""
    return "E'" + secret.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def unicoded(secret: str) -> str:
    """U&'..'"""
    return "U&'" + "".join(f"\\+{ord(c):06x}" if c in "\\'é🔑" else c for c in secret) + "'"


def dollars(secret: str) -> str:
    """$tag$..$tag$"""
    return "$q_1$" + secret + "$q_1$"


def continued(secret: str) -> str:
    """Two strings that are one, with the secret in both: of a word that announces one in both nothing is known."""
    middle = secret.rfind("7Q")
    if middle < 0:
        return plain(secret)
    return plain(secret[:middle]) + " -- it's one\n " + plain(secret[middle:])


def conninfo(secret: str) -> str:
    """The value of a key in a connection string."""
    return "'" + secret.replace("\\", "\\\\").replace("'", "\\'") + "'"


STYLES = (plain, escaped, unicoded, dollars, continued)
Quote = Callable[[str], str]


def conninfo_of(secret: str) -> str:
    return f"host=db password={conninfo(secret)} user=joe"


def letters(secret: str) -> str:
    """What of it may stand in a token."""
    return "".join(c for c in secret if c.isascii() and c.isalnum())


# How a literal of the secret, in some style, comes to stand in a statement.
PLACES: tuple[Callable[[str, Quote], str], ...] = (
    lambda s, q: f"alter role joe with encrypted password {q(s)} valid until '2030-01-01'",
    lambda s, q: f"/* it's */ CREATE USER joe /* PASSWORD '*/ PASSWORD\n{q(s)}",
    lambda s, q: f"create user mapping for joe server s options (user 'joe', password {q(s)})",
    lambda s, q: f"alter server s options (set account {q(s)}, add host 'h')",
    lambda s, q: f"create subscription s connection {q(conninfo_of(s))} publication p",
    lambda s, q: f"alter system set primary_conninfo = {q(conninfo_of(s))}",
    lambda s, q: f"select * from dblink({q(conninfo_of(s))}, {q('select 1')}) as t (a int)",
    lambda s, q: f"create view v as select pgp_sym_decrypt(a, {q(s)}), crypt({q(s)}, b) from t",
    lambda s, q: f"set app.api_key = {q(s)}; create table t ()",
    lambda s, q: f"select set_config('app.secret', {q(s)}, false)",
    lambda s, q: f"create table t (id int, password text default {q(s)}, kind text default 'x')",
    lambda s, q: f"insert into users (name, token) values ('joe', {q(s)}), ('jim', {q(s)})",
    lambda s, q: f"update users set (note, password_hash) = ('x', 'y'), secret = coalesce(null, {q(s)}) where id = 1",
    lambda s, q: f"create table t as select {q(s)}::text as client_secret, 1 as b",
    lambda s, q: f"do $do$ declare v_token text := {q(s)}; begin perform 'x'; end $do$",
    lambda s, q: f"do $do$ begin execute {q('alter role joe password ' + plain(s))}; end $do$",
    lambda s, q: f"do $do$ begin execute {q('alter role joe password ' + escaped(s))}; end $do$",
    lambda s, q: f"do $do$ begin execute {q('alter role joe password ')} || quote_literal({q(s)}); end $do$",
    lambda s, q: f"do $do$ begin execute format({q('alter role %I password %L')}, 'joe', {q(s)}); end $do$",
    lambda s, q: f"do {plain('begin execute ' + plain('alter role joe password ' + plain(s)) + '; end')}",
    lambda s, q: f"copy t from program {q('curl -u joe:' + s)}",
    lambda s, q: f"select {q(json.dumps({'name': 'x', 'password': s, 'n': 1}))}::jsonb",
    lambda s, q: f"select {q(json.dumps({'name': 'x', 'list': [{'apiKey': s}]}, ensure_ascii=False))}::jsonb",
    lambda s, q: f"select jsonb_build_object('a', 1, 'password', {q(s)})",
    lambda s, q: f"create function f() returns text language sql as $fn$ select a from t where token = {q(s)} $fn$",
    lambda s, q: f"select upper({q(s)}) as password, {q(s)} as api_key",
    lambda s, q: f"select 1 from t where kind = 'x' and {q(s)} = t.token or lower(token) = lower({q(s)})",
    lambda s, q: f"update users set (name, password) = ('joe', {q(s)}) where d ->> 'secret' = {q(s)}",
    lambda s, q: f"insert into settings (key, value) values ('a', 'b'), ('api_key', {q(s)})",
    lambda s, q: f"create view v (name, password) as select 'joe', {q(s)}",
    lambda s, q: f"do $do$ declare c text := {q(s)}; begin execute format('alter role joe password %L', c); end $do$",
    lambda s, q: f"do $do$ begin raise notice 'password %', {q(s)}; end $do$",
    lambda s, q: f"create policy p on t using (current_setting('app.token') = {q(s)})",
    lambda s, q: f"alter table t alter password type text using {q(s)}",
    lambda s, q: f"alter role joe password {q('x')} {q(s)} login",
    lambda s, q: f"select {q('https://a.blob.core.windows.net/c?sv=1&sig=' + quote(s, safe=''))}",
    lambda s, q: f"select {q('https://storage.googleapis.com/b?X-Goog-Signature=' + quote(s, safe=''))}",
    lambda s, q: f"select jsonb_build_object('x-webhook-signature', {q(s)})",
    lambda s, q: f"select {q('https://discord.com/api/webhooks/1/' + quote(s, safe=''))}",
    lambda s, q: f"select {q('https://acme.webhook.office.com/webhookb2/' + quote(s, safe=''))}",
    lambda s, q: f"select {q('https://api.telegram.org/bot123456789:AA' + 'x' * 33 + letters(s) + '/x')}",
    lambda s, q: f"select {q('SG.' + 'x' * 20 + '.' + letters(s))}, {q('hf_' + 'x' * 20 + letters(s))}",
    lambda s, q: f"select {q('pypi-' + 'x' * 20 + letters(s))}, {q('ya29.' + 'x' * 20 + letters(s))}",
    lambda s, q: f"select coalesce(u.password, a, {q(s)}), nullif(token, {q(s)}) from u",
    lambda s, q: f"select array['a', 'password', {q(s)}], array[['token',{q(s)}]]",
    lambda s, q: f"select concat_ws('=', 'password', {q(s)}), format('%s %s', 'token', {q(s)})",
    lambda s, q: f"create trigger t after insert on a execute function f('https://h', 'token', {q(s)})",
    lambda s, q: f"alter role joe password /* it's */ {q(s)}",
    lambda s, q: f"create rule r as on insert to t do also insert into log (name, token) values ('x', {q(s)})",
    lambda s, q: f"create policy p on t for insert to joe with check (kind = 'x' and token = {q(s)})",
    lambda s, q: f"create table t (password text generated always as ({q(s)}) stored, kind text default 'x')",
    lambda s, q: f"create domain app_secret as text default {q(s)} not null",
    lambda s, q: f"create materialized view v as select {q(s)} password, {q(s)}::text token from t",
    lambda s, q: f"select app.change_password('joe', {q(s)}), coalesce({q(s)}, u.password, {q(s)}) from u",
    lambda s, q: f"create policy p on t using (starts_with(token, {q(s)}) or kind = 'x' and {q(s)} like token)",
    lambda s, q: f"call e({q('create trigger t before update on a execute function f(token, ' + plain(s) + ')')})",
    # put together, or set and read later
    lambda s, q: f"do $do$ begin execute 'alter role joe pass' || 'word ' || quote_literal({q(s)}); end $do$",
    lambda s, q: f"do $do$ begin execute 'alter role joe pass' || {q('word ' + plain(s))}; end $do$",
    lambda s, q: f"do $do$ begin execute 'create user joe ' || v_word || ' ' || quote_literal({q(s)}); end $do$",
    lambda s, q: f"do $do$ begin execute concat('create user joe ', ' %s', v_word, {q(s)}); end $do$",
    lambda s, q: f"select dblink_connect(a), 'pass' || 'word=' || {q(s)} from t",
    lambda s, q: f"create view v as select 'postgres://joe:' || {q(quote(s, safe=''))} || '@h/d' as a, secret from t",
    lambda s, q: f"select 'https://hooks.slack.com/services/' || {q('x' + quote(s, safe=''))}",
    lambda s, q: f"select jsonb_build_object('pass' || 'word', {q(s)}), set_config('app.api' || '_key', {q(s)}, true)",
    lambda s, q: (
        f"select set_config('app.note', {q(s)}, false);"
        " do $do$ begin execute format('alter role joe password %L', current_setting('app.note')); end $do$"
    ),
    lambda s, q: (
        f"set local app.note to {q(s)}; do $do$ declare n text := current_setting('app.note'); begin"
        " execute 'alter role joe password ' || quote_literal(n); end $do$"
    ),
    lambda s, q: (
        f"do $do$ declare n text; begin perform set_config('app.note', {q(s)}, true); n := current_setting('app.note');"
        " execute 'alter role joe password ' || quote_literal(n); end $do$"
    ),
    lambda s, q: f"select auth.login_user_tracking('joe@example.org', {q(s)}, null), authenticate('joe', {q(s)})",
)
# What nothing quotes: a word with what may adhere to it, or a number with a word.
BARE = st.builds(
    lambda before, core, after: (before + core + after, core),
    st.sampled_from(["", "-", "+", "5", "-1.5e", "a.", "x!#", "_"]),
    CORE,
    st.sampled_from(["", "5", ".b", "-c", "$d", "!", "%x"]),
)
BARE_PLACES: tuple[Callable[[str], str], ...] = (
    lambda s: f"alter role joe password {s}",
    lambda s: f"create role joe login passwd = {s} valid until '2030-01-01'",
    lambda s: f"create user joe identified by {s}",
    lambda s: f"set app.token = {s}; create table t ()",
    lambda s: f"set local app.secret to x, {s}",
    lambda s: f"alter system set app.api_key to {s}",
    lambda s: f"alter role all in database d set app.token = {s}",
    lambda s: f"create function f() returns int language sql set app.token = {s} as $$ select 1 $$",
    lambda s: f"do $do$ begin set local app.token = {s}; end $do$",
    lambda s: f"do $do$ begin execute {plain('alter role joe password ' + s)}; end $do$",
    lambda s: f"create table t (a int) with (fillfactor = 70, password = {s})",
    lambda s: f"create index i on t (a) with (password = {s}, fillfactor = 70) where b = 1",
    lambda s: f"alter table t alter column a set (api_key={s})",
    lambda s: f"create subscription s connection 'x' publication p with (slot_name = none, password = {s})",
    lambda s: f"create subscription s connection host=h password={s} publication p",
    lambda s: f"create text search dictionary d (template = simple, password = {s})",
    lambda s: f"create user mapping for joe server s options (user {s}, password {s})",
    lambda s: f"alter server s options (set account {s}, drop x)",
    lambda s: f"alter foreign table t alter a options (add token {s})",
    lambda s: f"copy t (a) from '/x' with (format csv, password {s})",
    lambda s: f"copy t from program curl -u joe:{s}",
    lambda s: f"explain (analyze, token {s}) select 1",
    lambda s: f"create database d token {s}",
)
BARE_STATEMENT = st.builds(lambda secret, place: (place(secret[0]), secret[1]), BARE, st.sampled_from(BARE_PLACES))
# Words that are meant to announce a secret and do not, and where they may stand.
TYPO = st.sampled_from(["pasword", "passord", "paswd", "pssword", "pwasword", "loign", "login", "with", ""])
TYPO_PLACES: tuple[Callable[[str, str], str], ...] = (
    lambda w, s: f"create role joe {w} {s}",
    lambda w, s: f"CREATE  USER joe LOGIN {w} {s} valid until '2030-01-01'",
    lambda w, s: f"create table t (); alter\n group joe valid until '2030-01-01' {w} {s}; select 'x'",
    lambda w, s: f"alter role joe in role a {w} = {s}",
    lambda w, s: f"alter user mapping for joe server s {w} {s}",
    lambda w, s: f"create server s foreign data wrapper w optins ({w} {s})",
    lambda w, s: f"alter subscription s {w} {s}",
    lambda w, s: f"do $do$ begin create role joe {w} {s}; end $do$",
    lambda w, s: f"do $do$ begin execute {plain('create role joe ' + w + ' ' + s)}; end $do$",
)
MISSPELT = st.builds(
    lambda secret, word, place, style: (place(word, style(secret[0])), secret[1]),
    SECRET,
    TYPO,
    st.sampled_from(TYPO_PLACES),
    st.sampled_from(STYLES),
)
STATEMENT = st.builds(
    lambda secret, place, style: (place(secret[0], style), secret[1]),
    SECRET,
    st.sampled_from(PLACES),
    st.sampled_from(STYLES),
)
