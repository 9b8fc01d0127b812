"""Secrets of any shape, in every quoting style and place: none is left of them; and no text at all makes it fail.

REDACT_EXAMPLES sets the number of examples; without it a short run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fix_databases import new_database
from tests.fix_sessions import Session, opened
from tests.postgres_server import Server
from tests.sql.redact_places import (
    BARE_STATEMENT,
    EXAMPLES,
    MISSPELT,
    PLACES,
    SECRET,
    STATEMENT,
    Quote,
    dollars,
    escaped,
    plain,
)

pytestmark = pytest.mark.majors  # takes a minute of a core

# Each example is many statements in one query: a round trip costs more than a redaction.
TOGETHER = 40


@pytest.fixture(scope="module")
def redacting(postgres: Server, _template: str) -> Iterator[Session]:
    """A session in one database for all."""
    with (
        new_database(postgres, _template) as dsn,
        opened(dsn) as connection,
    ):
        connection.execute("set statement_timeout = '60s'")
        yield connection


def redacted(session: Session, function: str, texts: list[str]) -> list[str]:
    """What a function makes of each."""
    judged = f"script_tracking_internal.{function}(t) as r"
    query = f"select {judged} from unnest(%s::text[]) with ordinality as u (t, n) order by n"
    return [row["r"] for row in session.execute(query.encode(), (texts,)).fetchall()]


@given(st.lists(st.one_of(STATEMENT, BARE_STATEMENT, MISSPELT), min_size=TOGETHER, max_size=TOGETHER))
@EXAMPLES
def test_no_secret_is_left_of_a_statement(redacting: Session, examples: list[tuple[str, str]]) -> None:
    stored = redacted(redacting, "redact", [statement for statement, _ in examples])
    for (statement, core), text in zip(examples, stored, strict=True):
        assert core not in text, f"{statement!r}\n{text!r}"


def shown_line(statement: str, number: int) -> str:
    """What a client shows of one of its lines in error: what fits, from anywhere, with spaces for tabs."""
    lines = statement.replace("\t", " ").splitlines() or [""]
    line = lines[number % len(lines)]
    start = number % max(len(line), 1)
    return f"LINE {number}: {'...' if start else ''}{line[start : start + 60]}{'...' if line[start + 60 :] else ''}"


# What the server says of a statement, given what of it is wrong, the literal of the secret and some number.
Message = Callable[[str, str, int], str]
MESSAGES: tuple[Message, ...] = (
    lambda statement, quoted, n: f'syntax error at or near "{quoted}"',
    lambda statement, quoted, n: f'unterminated quoted string at or near "{quoted}"\nLINE 1: {statement}\n        ^',
    lambda statement, quoted, n: f'SQL statement "{statement}"\nPL/pgSQL function f() line 3 at EXECUTE',
    lambda statement, quoted, n: statement,
    lambda statement, quoted, n: f"syntax error\n{shown_line(statement, n)}\n        ^\nHINT:  it's not that",
    lambda statement, quoted, n: f"it fails\nQUERY:  {statement}\nCONTEXT:  PL/pgSQL function f() line 3 at EXECUTE",
)
# Comments in which a quote stands, before and behind.
REMARKS = st.sampled_from(["", "/* it's */ ", "-- don't\n", "/* '' $a$ */ "])


def mistaken(
    secret: tuple[str, str],
    place: Callable[[str, Quote], str],
    style: Quote,
    message: Message,
    remark: str,
    number: int,
) -> tuple[str, str, str]:
    """A statement, a message about it, and what of the secret to look for."""
    statement, quoted = remark + place(secret[0], style), style(secret[0])
    # a server quotes what stands in the statement
    return statement, message(statement, quoted if quoted in statement else statement, number), secret[1]


MISTAKE = st.builds(
    mistaken,
    SECRET,
    st.sampled_from(PLACES),
    st.sampled_from((plain, escaped, dollars)),
    st.sampled_from(MESSAGES),
    REMARKS,
    st.integers(0, 100),
)


@given(st.lists(MISTAKE, min_size=TOGETHER, max_size=TOGETHER))
@EXAMPLES
def test_no_secret_is_left_of_a_message(redacting: Session, examples: list[tuple[str, str, str]]) -> None:
    query = (
        "select script_tracking_internal.redact_message(m, s) as r"
        " from unnest(%s::text[], %s::text[]) with ordinality as u (m, s, n) order by n"
    )
    statements, messages = [one[0] for one in examples], [one[1] for one in examples]
    rows = redacting.execute(query.encode(), (messages, statements)).fetchall()
    for (statement, message, core), row in zip(examples, rows, strict=True):
        assert core not in row["r"], f"{statement!r}\n{message!r}\n{row['r']!r}"


SOUP = st.text(
    st.one_of(
        st.sampled_from("'\"\\$;,()=:@/%-* \n\r\teEuUbBxX&[]{}1a_"),
        st.characters(exclude_characters="\0", codec="utf-8"),
    ),
    max_size=60,
)
WORDS = st.sampled_from(
    [
        "password",
        "alter role",
        "E'",
        "U&'",
        "$a$",
        "/*",
        "*/",
        "--",
        "''",
        "options(",
        "set",
        "token=",
        "://a:",
        "\\'",
        "",
    ]
)
TEXT = st.lists(st.one_of(SOUP, WORDS), max_size=8).map("".join)


@given(st.lists(TEXT, min_size=TOGETHER, max_size=TOGETHER))
@EXAMPLES
def test_no_text_makes_it_fail(redacting: Session, texts: list[str]) -> None:
    for function in ("redact", "redact_text", "redact_suspect"):
        assert all(text is not None for text in redacted(redacting, function, texts))
    lexed = "coalesce((select string_agg(l.space || l.raw, '') from script_tracking_internal.lex(t) as l), '') as r"
    query = f"select t, {lexed} from unnest(%s::text[]) as u (t)"
    for row in redacting.execute(query.encode(), (texts,)).fetchall():
        assert row["r"] in (row["t"], row["t"][: len(row["r"])]), "made up"
    metadata = json.dumps({"a": texts, "password": texts})
    assert redacting.execute("select script_tracking_internal.declared_metadata(%s)", (metadata,)).fetchone()
