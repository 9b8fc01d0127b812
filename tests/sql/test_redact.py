"""What is stored of a statement: the secrets are gone, the rest stands; what cannot be judged is withheld whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.fix_databases import new_database
from tests.fix_sessions import Session, history, opened, value
from tests.postgres_server import Server
from tests.sql.redact_assigned import ASSIGNED
from tests.sql.redact_cases import MISSPELT, REDACTED, UNQUOTED
from tests.sql.redact_composed import COMPOSED
from tests.sql.redact_elsewhere import ELSEWHERE
from tests.sql.redact_ordinary import ORDINARY, WITHHELD
from tests.sql.redact_shapes import SHAPES

REDACT = "select script_tracking_internal.redact(%s)"
MESSAGE = "select script_tracking_internal.redact_message(%s, %s)"


@pytest.fixture(scope="module")
def redacting(postgres: Server, _template: str) -> Iterator[Session]:
    """A session in one database for all, with hostile settings that must not matter."""
    with (
        new_database(postgres, _template) as dsn,
        opened(dsn) as connection,
    ):
        connection.execute(
            "create schema evil; create function evil.lower(text) returns text language sql as 'select null'"
        )
        connection.execute("set search_path = evil, public; set plpgsql.extra_errors = 'all'")
        connection.execute("set statement_timeout = '60s'")
        yield connection


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_secrets_are_replaced_and_the_rest_stands(redacting: Session, conforming: str) -> None:
    redacting.execute(f"set standard_conforming_strings = {conforming}; set escape_string_warning = off".encode())
    for statement, expected in (*REDACTED, *UNQUOTED, *MISSPELT, *COMPOSED, *ASSIGNED, *ELSEWHERE, *SHAPES):
        assert value(redacting, REDACT, statement) == expected
        assert value(redacting, REDACT, expected) == expected, "not the same again"
    redacting.execute("reset standard_conforming_strings; reset escape_string_warning")


def test_what_cannot_be_judged_is_withheld(redacting: Session) -> None:
    for statement in WITHHELD:
        expected = f"[withheld: {len(statement)} characters that may hold a secret]"
        assert value(redacting, REDACT, statement) == expected


def test_what_holds_no_secret_stands(redacting: Session) -> None:
    for statement in ORDINARY:
        assert value(redacting, REDACT, statement) == statement
    large = "create table t (); -- " + "x" * 1_000_000
    assert value(redacting, REDACT, large) == large


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_the_quick_search_sees_every_word(redacting: Session, conforming: str) -> None:
    redacting.execute(f"set standard_conforming_strings = {conforming}; set escape_string_warning = off".encode())
    may_hold = "select script_tracking_internal.may_hold_secret(%s)"
    for words in ("secret_words", "login_words"):
        patterns = value(redacting, f"select script_tracking_internal.{words}()")
        assert isinstance(patterns, list)
        for pattern in patterns:
            word = re.sub(r"(?<!\\)_", "x", pattern.strip("%"))  # a bare one stands for any character
            text = re.sub(r"\\(.)", r"\1", word)
            assert value(redacting, may_hold, f"ä {text.upper()}ß") is True, pattern
    for statement in ("comment on table grün is 'ä'", "create table t (id bigint)", "drop index i", "", None):
        assert value(redacting, may_hold, statement) is not True, statement
    redacting.execute("reset standard_conforming_strings; reset escape_string_warning")


@pytest.mark.parametrize(
    ("message", "statement", "expected"),
    [
        (
            'syntax error at or near "hunter2"',
            "alter role joe password hunter2",
            'syntax error at or near "[redacted]"',
        ),
        (
            "syntax error at or near \"'hunter2'\"",
            "create role joe login 'hunter2'",
            "syntax error at or near \"'[redacted]'\"",
        ),
        (
            "Syntaxfehler bei \u00bb'role joe'\u00ab",
            "create role joe login 'role joe'",
            "Syntaxfehler bei \u00bb'[redacted]'\u00ab",
        ),
        (
            "syntax error at or near \"$$a 'role'$$\"",
            "create role joe login $$a 'role'$$",
            "syntax error at or near \"'[redacted]'\"",
        ),
        (
            'unterminated quoted string at or near "\'role joe"',
            "create role joe pasword 'role joe",
            "unterminated quoted string at or near \"'[redacted]'\"",
        ),
        (
            "syntax error at or near \"'2030'\"",
            "create role joe valid until '2030' valid until '2030'",
            "syntax error at or near \"'2030'\"",
        ),
        (
            "syntax error at or near \"E'hunter 2a'\"",
            "do $$ begin execute 'do ''begin execute ''''create role joe loign E''''''''hunter 2a'''''''''''' end''';"
            " end $$",
            'syntax error at or near "[redacted] [redacted]\'"',
        ),
        ('unrecognized role option "pasword"', "create role joe pasword 'x7'", 'unrecognized role option "pasword"'),
        ('role "joe" does not exist', "alter role joe password 'hunter2'", 'role "joe" does not exist'),
        ('syntax error at or near "tabel"', "create tabel t ()", 'syntax error at or near "tabel"'),
        (
            "PL/pgSQL function f() line 7 at RAISE",
            "set app.token = 'hunter72'",
            "PL/pgSQL function f() line 7 at RAISE",
        ),
        (
            'invalid input syntax for type date: "hunter2"',
            "alter table t alter token type date using token::date",
            'invalid input syntax for type date: "[redacted]"',
        ),
        (
            "ungültige Eingabesyntax für Typ date: »hunter2«",
            "alter table t alter token type date using token::date",
            "ungültige Eingabesyntax für Typ date: »[redacted]«",
        ),
        (
            'invalid input syntax for type date: "hunter2"',
            "alter table t alter name type date using name::date",
            'invalid input syntax for type date: "hunter2"',
        ),
        ("Key (lower(token))=(hunter2) is duplicated.", None, "Key (lower(token))=([redacted]) is duplicated."),
        # of an operation only what may be stored of its statement is known at its end
        (
            'syntax error at or near "hunter2"\nLINE 1: alter role joe pasword hunter2\n        ^',
            "alter role joe pasword [redacted]",
            'syntax error at or near "[redacted]"\nLINE 1: [redacted]\n        ^',
        ),
        (
            'syntax error at or near "login"\nLINE 2: login x\n        ^',
            "create role joe password '[redacted]'\nlogin x",
            'syntax error at or near "login"\nLINE 2: login x\n        ^',
        ),
        (
            'syntax error at or near "tabel"\nLINE 1: create tabel t ()\n        ^',
            "create tabel t (a int)",
            'syntax error at or near "tabel"\nLINE 1: create tabel t ()\n        ^',
        ),
        ("it is 7", "set app.token = '7 hunter'", "it is [redacted]"),
        (
            'invalid connection option "hun\'ter2"',
            "create subscription s connection 'x=hun''ter2' publication p",
            'invalid connection option "[redacted]"',
        ),
        ("Key (token)=(hunter2) already exists.", None, "Key (token)=([redacted]) already exists."),
        ("Key (id)=(1) already exists.", None, "Key (id)=(1) already exists."),
        ("portal with parameter $10 = 'hun\nter''2'", None, "portal with parameter $10 = [redacted]"),
        ("it is hunter2", "alter role joe password U&'h\\0075nter2'", "it is [redacted]"),
        ("it is hunter2", "alter role joe password 'hun' -- it's\n 'ter2'", "it is [redacted]"),
        ('at "hunter2"', "alter role joe password HUNTER2", 'at "[redacted]"'),
        ("Failing row contains (1, hunter2).", None, "Failing row contains ([redacted])"),
        ("Failing row contains (1, hun\nter2).", None, "Failing row contains ([redacted])"),
        ("Key (token)=(hun\nter2) already exists.", None, "Key (token)=([redacted]) already exists."),
        ("Failing row contains (1, x).", "alter table t add check (a > 1)", "Failing row contains ([redacted])"),
        (
            "unnamed portal with parameters: $1 = 'hunter''2', $2 = '3'",
            None,
            "unnamed portal with parameters: $1 = [redacted], $2 = [redacted]",
        ),
        ('password authentication failed for user "joe"', None, 'password authentication failed for user "joe"'),
        ("could not connect: host=x password=hunter2", None, "could not connect: host=x password=[redacted]"),
        ("don't know the token", None, "don't know the token"),
        (None, "select 1", None),
    ],
)
def test_messages(redacting: Session, message: str | None, statement: str | None, expected: str | None) -> None:
    assert value(redacting, MESSAGE, message, statement) == expected


QUOTING = "select script_tracking_internal.redact_quoting(%s, %s, %s, %s)"


@pytest.mark.parametrize(
    ("message", "sqlstate", "expected"),
    [
        (
            'value "99hun\nter2" is out of range for type integer',
            "22003",
            'value "[redacted]" is out of range for type integer',
        ),
        (
            "Wert \u00bb99hunter2\u00ab ist au\u00dferhalb des Bereichs",
            "22003",
            "Wert \u00bb[redacted]\u00ab ist au\u00dferhalb des Bereichs",
        ),
        ("Zeile enth\u00e4lt (1, hunter2).", "23514", "Zeile enth\u00e4lt ([redacted])."),
        ('relation "hunter" already exists', "42P07", 'relation "hunter" already exists'),
    ],
)
def test_what_is_known_of_a_message_by_its_sqlstate(
    redacting: Session, message: str, sqlstate: str, expected: str
) -> None:
    statement = "alter table t alter token type int using token::int"
    assert value(redacting, QUOTING, message, statement, statement, sqlstate) == expected


def test_metadata_keeps_its_shape(redacting: Session) -> None:
    given = (
        '{"password": "hunter2", "apiKey": 12345, "list": [{"db": "postgres://joe:hunter2@h/d", "token": null}],'
        ' "sql": "alter role joe password \'hunter2\'", "max_tokens": 5, "secret": {"a": "hunter2"}, "plain": "it\'s"}'
    )
    assert value(redacting, "select script_tracking_internal.declared_metadata(%s)", given) == {
        "password": "[redacted]",
        "apiKey": "[redacted]",
        "list": [{"db": "postgres://joe:[redacted]@h/d", "token": None}],
        "sql": "alter role joe password '[redacted]'",
        "max_tokens": 5,
        "secret": "[redacted]",
        "plain": "it's",
    }
    deep = '{"token": ' + "[" * 500 + '"hunter2"' + "]" * 500 + "}"
    assert "hunter2" not in str(value(redacting, "select script_tracking_internal.declared_metadata(%s)", deep))


def test_what_a_session_says_of_itself_holds_no_secret(admin: Session) -> None:
    admin.execute("set application_name = 'job password=hunter2'")
    admin.execute("set script_tracking.app_user = 'https://joe:hunter2@h'")
    admin.execute("set script_tracking.change_ref = 'token: hunter2'")
    admin.execute("set script_tracking.tenant = 'password=hunter2'")
    admin.execute("create table public.t ()")
    admin.execute("reset script_tracking.tenant")  # it would narrow what is read
    (row,) = history(admin)
    assert row["metadata"]["application_name"] == "job password=[redacted]"
    assert row["metadata"]["claimed_app_user"] == "https://joe:[redacted]@h"
    assert row["metadata"]["claimed_change_ref"] == "token: [redacted]"
    assert row["metadata"]["refused_tenant_claim"]["claim"] == "password=[redacted]"
