"""What would take the tracker away is refused within long scripts too, which the guard reads closely once and not at
each of their statements."""

from __future__ import annotations

import pytest

from tests.fix_exporter import becomes
from tests.fix_sessions import Login, MakeRole, Session, refusal, value

LONG = "-- nothing of script_tracking\n" + "-- of which there is much to say\n" * 40
READ = "select coalesce(sum(calls), 0) from pg_stat_user_functions where funcname = 'lex'"
SCHEMA, ROLE = "drop schema script_tracking cascade", "drop owned by script_tracking_app"


def script(statement: str, times: int = 20) -> str:
    return LONG + ";\n".join([statement] * times)


@pytest.mark.parametrize(
    "statement",
    [
        "create schema passing; alter schema passing rename to passed; drop schema passed",
        "drop owned by bystander",
        "do $$ begin execute 'create schema passing; drop schema passing'; end $$",
    ],
)
def test_it_is_read_closely_once(admin: Session, make_role: MakeRole, statement: str) -> None:
    admin.execute("set track_functions = 'all'")
    admin.execute(script(statement.replace("bystander", make_role())).encode())
    admin.execute("select pg_sleep(1.1)")  # 14 hands its counters over once a second, and to another process
    becomes(0 if "do $$" in statement else 1, lambda: value(admin, READ))


def test_a_script_that_names_nothing_of_the_tracker_is_not_read_closely(admin: Session) -> None:
    admin.execute("set track_functions = 'all'")
    admin.execute("create schema authors")
    text = LONG.replace("script_tracking", "an author") + "alter sequence s owned by none; drop schema authors"
    admin.execute(f"create sequence s; {text}".encode())
    admin.execute("select pg_sleep(1.1)")
    becomes(0, lambda: value(admin, READ))


@pytest.mark.parametrize("statement", [SCHEMA, ROLE])
def test_what_a_session_says_of_a_script_is_not_believed(admin: Session, make_role: MakeRole, statement: str) -> None:
    said = "script_tracking_internal.spares_" + ("schemas" if statement == SCHEMA else "owned")
    admin.execute("begin")
    admin.execute(script(f"create schema passing; drop schema passing; drop owned by {make_role()}", 1).encode())
    noted = value(admin, f"select current_setting('{said}')")
    assert noted
    admin.execute("commit")
    for forged in ("0" * 32, noted):
        assert refusal(admin, f"set {said} = '{forged}'; {script(statement)}") == "ST009"


@pytest.mark.parametrize("statement", [SCHEMA, ROLE])
def test_what_is_known_of_one_script_says_nothing_of_another(
    admin: Session, make_role: MakeRole, statement: str
) -> None:
    other = script(f"create schema passing; drop schema passing; drop owned by {make_role()}", 1)
    admin.execute("begin")
    admin.execute(other.encode())
    assert refusal(admin, script(statement)) == "ST009"
    admin.execute("rollback")


def test_what_is_known_of_a_script_says_nothing_of_it_run_by_another_role(
    admin: Session, make_role: MakeRole, login: Login
) -> None:
    role = make_role("script_tracking_app")
    session = login(role)
    text = script("drop owned by current_role", 1)
    session.execute("begin")
    session.execute(text.encode())
    session.execute("set local role script_tracking_app")
    assert refusal(session, text) == "ST009"
