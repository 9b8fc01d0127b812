"""A client string of many statements: each of its records holds the string, and its secrets are looked for once."""

from __future__ import annotations

import pytest

from tests.fix_exporter import becomes
from tests.fix_sessions import Session, history, value

KEPT = "current_setting('script_tracking_internal.query', true)"
SEARCHES = "select coalesce(sum(calls), 0) from pg_stat_user_functions where funcname = 'redact_suspect'"
SECRET = "create table public.members (id int, password text default 'hunter2-of-a-script')"


def script(first: str, statements: int = 30) -> str:
    return ";\n".join([first, *(f"create table public.made_{number} (id int)" for number in range(statements))])


@pytest.mark.parametrize("level", ["basic", "failures"])
def test_secrets_are_looked_for_once_for_all_statements(admin: Session, level: str) -> None:
    admin.execute(f"update script_tracking_internal.installation set capture_level = '{level}'".encode())
    admin.execute("set track_functions = 'all'")
    text = script(SECRET)
    admin.execute(text.encode())
    rows = history(admin, "CREATE TABLE")
    assert len(rows) == 31
    assert {row["sql_command"] for row in rows} == {text.replace("hunter2-of-a-script", "[redacted]")}
    admin.execute("select pg_sleep(1.1)")  # 14 hands its counters over once a second, and to another process
    becomes(1, lambda: value(admin, SEARCHES))


@pytest.mark.parametrize("level", ["basic", "failures"])
def test_so_they_are_in_a_script_that_another_statement_runs(admin: Session, level: str) -> None:
    """The context shows the whole of it to each of its statements."""
    admin.execute(f"update script_tracking_internal.installation set capture_level = '{level}'".encode())
    admin.execute("set track_functions = 'all'")
    text = script(SECRET)
    admin.execute(f"do $do$ begin execute $script${text}$script$; end $do$".encode())
    rows = history(admin, "CREATE TABLE")
    assert len(rows) == 31
    stored = {row["metadata"]["statement"] for row in rows}
    assert stored == {text.replace("hunter2-of-a-script", "[redacted]")}
    admin.execute("select pg_sleep(1.1)")
    becomes(2, lambda: value(admin, SEARCHES))  # of the client's string, and of the script


def test_what_was_kept_is_not_believed_where_the_session_has_set_it(admin: Session) -> None:
    text = script(SECRET)
    forged = "set script_tracking_internal.query = '00000000000000000000000000000000='"
    admin.execute(f"begin; {forged}; {text}; commit".encode())
    texts = {row["sql_command"] for row in history(admin, "CREATE TABLE")}
    assert len(texts) == 1
    assert "hunter2" not in texts.pop()


def test_nothing_is_kept_for_the_next_transaction(admin: Session) -> None:
    admin.execute(script("create table public.first (id int)", 60).encode())
    assert not value(admin, f"select {KEPT}")
    assert len(history(admin, "CREATE TABLE")) == 61


def test_a_second_string_of_the_same_transaction_is_judged_for_itself(admin: Session) -> None:
    with admin.transaction():
        admin.execute(script("create table public.first (id int)").encode())
        admin.execute(script(SECRET).replace("made_", "more_").encode())
    texts = sorted({row["sql_command"] for row in history(admin, "CREATE TABLE")}, key=len)
    assert len(texts) == 2
    assert "hunter2" not in "".join(texts)


@pytest.mark.parametrize("setting", ["plpgsql.extra_errors = 'all'", "standard_conforming_strings = off"])
def test_a_hostile_setting_changes_nothing(admin: Session, setting: str) -> None:
    admin.execute(f"set {setting}".encode())
    admin.execute(script(SECRET).encode())
    rows = history(admin, "CREATE TABLE")
    assert len(rows) == 31
    assert "hunter2" not in rows[0]["sql_command"]
