"""No text that a user sends takes long to be searched for secrets: the time goes with its length.

Most of these took minutes when time went with the square of the length, or doubled with each level."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fix_sessions import Session, value

pytestmark = pytest.mark.majors  # long texts

LONG = 40_000


def within(text: str, levels: int, before: str = "select ") -> str:
    """A string within a string within .."""
    for _ in range(levels):
        text = before + "'" + text.replace("'", "''") + "'"
    return text


def parts(text: str, levels: int) -> str:
    """Strings that are continued, within strings that are."""
    for _ in range(levels):
        text = "select '" + text.replace("'", "''") + "'" + "\n'x'" * 90
    return text


STATEMENTS: dict[str, Callable[[], str]] = {
    "names of columns after values": lambda: (
        "select " + "'x'," * (LONG // 8) + "1 from (values ('x')) as v (a" + ",pwd" * (LONG // 8) + ")"
    ),
    "names after a string": lambda: "select 'x'" + "||'x'" * (LONG // 5) + " as pwd" * (LONG // 8),
    "comparisons": lambda: "select 'x'" + "||'x'" * (LONG // 10) + "=pwd" * (LONG // 8),
    "coalesce": lambda: "select coalesce('x'" + ",'x'" * (LONG // 8) + ",pwd" * (LONG // 8),
    "more expressions than are kept compiled": lambda: "update t set b='x',a='token';" * (LONG // 30),
    "continued strings": lambda: parts("select pwd, 'x y'", 3),
    "backslashes": lambda: within("select pwd " + "a " * 20_000, 8, "select 'a\\b', "),
    "nested levels": lambda: within("pwd " * (LONG // 4), 7),
    "strings put together": lambda: "select 'a token b'" + "||'a token b'" * (LONG // 12),
    "settings that bodies may read": lambda: (
        "".join(f"set app.s{n}='x';" for n in range(LONG // 20))
        + "select 'current_setting token'," * (LONG // 25)
        + "1"
    ),
    "a word of many parts": lambda: "select pwd, a" + "$a" * LONG,
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement(admin: Session, name: str) -> None:
    admin.execute("set statement_timeout = '60s'")
    text = STATEMENTS[name]()
    assert len(text) <= 100_000
    assert value(admin, "select length(script_tracking_internal.redact(%s)) > 0", text)


def words(length: int) -> str:
    return " ".join(f"{n:03x}"[-3:] for n in range(length // 4))


MESSAGES: dict[str, Callable[[], tuple[str, str]]] = {
    "short words": lambda: (words(4000), f"alter role joe password '{words(90_000)}'"),
    "statements in the context": lambda: (
        "\n".join(f'SQL statement "select pwd {n}"' for n in range(10_000)),
        "alter role joe password 'x'",
    ),
    "lines": lambda: (
        "\n".join(f"LINE 1: {n}" for n in range(1500)),
        "alter role joe password 'x'; select " + ",".join(f"'{n}'" for n in range(10_000)),
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message(admin: Session, name: str) -> None:
    admin.execute("set statement_timeout = '60s'")
    message, statement = MESSAGES[name]()
    assert value(admin, "select length(script_tracking_internal.redact_message(%s, %s)) > 0", message, statement)


def test_the_innermost_statement_is_found_in_a_long_context(admin: Session) -> None:
    admin.execute("set statement_timeout = '60s'")
    statement = "create table t (); -- " + 'it"\n' * 100_000
    context = f'PL/pgSQL function f()\nSQL statement "{statement}"\nPL/pgSQL function g() line 1 at EXECUTE'
    assert value(admin, "select script_tracking_internal.real_statement(%s)", context) == statement
