"""The files of the server's log: which the daemon may read, how much at once, and what is said where it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from tests.capture.fix_serverlog import configure, current, folder, log_database, log_server, shell
from tests.fix_exporter import eventually
from tests.fix_sessions import MakeRole, Session, meddling, one, opened, value
from tests.postgres_server import Server

__all__ = ["log_database", "log_server"]

SI = "script_tracking_internal"
PATTERN = f"select {SI}.log_name_pattern(%s, '.json')"


@pytest.fixture
def session(log_server: Server, log_database: str) -> Iterator[Session]:
    with opened(log_database) as found:
        yield found
        found.execute("reset role")


@pytest.fixture
def other_settings(session: Session, log_server: Server) -> Iterator[None]:
    """Puts the settings back that a test changes."""
    yield
    configure(session, log_filename="tracking-%Y-%m-%d_%H%M%S.log", log_min_messages="warning")
    configure(session, log_destination="csvlog,jsonlog" if log_server.major >= 15 else "csvlog")


def test_the_daemon_reads_the_current_log_and_only_stretches_of_it(
    log_server: Server, log_database: str, session: Session, make_role: MakeRole
) -> None:
    with opened(log_database, user=make_role("script_tracking_daemon")) as daemon:
        _reads_stretches(log_server, session, daemon)


def _reads_stretches(log_server: Server, session: Session, daemon: Session) -> None:
    (row,) = daemon.execute(f"select * from {SI}.log_files() where is_current".encode()).fetchall()
    assert row["log_format"] == ("jsonlog" if log_server.major >= 15 else "csvlog")
    name = row["file_name"]
    whole = value(session, "select pg_read_binary_file(%s)", f"{folder(session)}/{name}")
    assert isinstance(whole, bytes) and len(whole) > 300
    read = f"select {SI}.read_log(%s, %s, %s)"
    assert value(daemon, read, name, 0, 100) == whole[:100]
    assert value(daemon, read, name, 100, 200) == whole[100:300]
    assert value(daemon, read, name, 10**9, 100) == b""
    for offset, length in ((-1, 10), (0, 1048577), (0, -1), (0, None), (None, 10)):
        with pytest.raises(psycopg.errors.DatabaseError) as refused:
            daemon.execute(read.encode(), (name, offset, length))
        assert refused.value.sqlstate == "ST003"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):  # the daemon has no rights of its own on files
        daemon.execute("select pg_read_binary_file('postgresql.conf')")


def test_nothing_else_can_be_read_through_it(session: Session) -> None:
    name = current(session)
    stem, _, extension = name.rpartition(".")
    named_like_one = f"tracking-1999-12-31_235959.{extension}"
    beside = ["secret.txt", f"secret.{extension}", f"{stem}.txt", f"x{name}", f"{name}x", f"{name}.gz", f"{name}.1x"]
    for other in [*beside, f"{name}.1", f"{name}-20261124"]:
        shell(session, f"echo secret > {other}")
    shell(session, f"mkdir {named_like_one}")
    shown = {row["file_name"] for row in session.execute(f"select file_name from {SI}.log_files()".encode())}
    assert shown & {*beside, f"{name}.1", f"{name}-20261124"} == {f"{name}.1", f"{name}-20261124"}
    assert named_like_one not in shown
    outside = [*beside, "../postgresql.conf", "../log/" + name, f"{folder(session)}/{name}", "/etc/passwd", "", None]
    for path in [*outside, f"{name}\n", f"{name}/../../PG_VERSION", "../current_logfiles", ".", "..", "%"]:
        with pytest.raises(psycopg.errors.DatabaseError) as refused:
            session.execute(f"select {SI}.read_log(%s, 0, 100)".encode(), (path,))
        assert refused.value.sqlstate == "ST003", path
    shell(session, f"rm {' '.join(beside)}; rmdir {named_like_one}")


@pytest.mark.parametrize(
    ("function", "allowed"),
    [
        ("log_files()", {"daemon"}),
        ("read_log(text, bigint, integer)", {"daemon"}),
        ("probe_log()", {"daemon", "owner"}),
        ("log_place()", set()),
        ("log_name_pattern(text, text)", set()),
    ],
)
def test_nobody_but_the_daemon_may_call_it(session: Session, function: str, allowed: set[str]) -> None:
    may = "select has_function_privilege('script_tracking_' || %s, %s, 'execute')"
    roles = ("app", "reader", "auditor", "owner", "daemon")
    assert {role for role in roles if value(session, may, role, f"{SI}.{function}")} == allowed


@pytest.mark.parametrize(
    ("log_filename", "named", "not_named"),
    [
        ("postgresql-%Y-%m-%d_%H%M%S.log", "postgresql-2026-11-24_144144.json", "postgresql-2026-11-24_1441.json"),
        ("postgresql.log", "postgresql.json", "postgresqlxjson"),
        ("postgresql.log", "postgresql.json.1", "postgresql.json.gz"),
        ("postgresql.log", "postgresql.json-20261124", "postgresql.log"),
        ("pg+(a|b).%a.log", "pg+(a|b).Tue.json", "pg+a.Tue.json"),
        ("x%", "x%.json", "x.json"),
        (".log", ".log.json", ".json"),
        ("server", "server.json", "server"),
        ("a%%b.log", "a%b.json", "a%%b.json"),
        ("a[^b].log", "a[^b].json", "ac.json"),
        ("a\\d.log", "a\\d.json", "a1.json"),
        ("%j-%s.log", "328-1795531304.json", "x-1.json"),
    ],
)
def test_the_names_of_a_log_are_those_that_the_server_makes(
    session: Session, log_filename: str, named: str, not_named: str
) -> None:
    session.execute("set standard_conforming_strings = off")
    pattern = value(session, PATTERN, log_filename)
    assert value(session, "select %s::text ~ %s::text", named, pattern) is True
    assert value(session, "select %s::text ~ %s::text", not_named, pattern) is False
    session.execute("set standard_conforming_strings = on")


def test_a_log_in_folders_of_its_own_has_no_pattern(session: Session) -> None:
    assert value(session, PATTERN, "%Y/%m.log") is None
    assert value(session, PATTERN, "../x.log") is None


@pytest.mark.usefixtures("other_settings")
@pytest.mark.parametrize(
    "log_filename", ["%A %B %e %I%p %y %Z %z.log", "%a.log", "%F_%T_%R.log", "%C%g%G%h%k%l%u%U%V%w%W.log", "%r.log"]
)
def test_the_pattern_knows_what_the_server_really_makes_of_an_escape(session: Session, log_filename: str) -> None:
    configure(session, log_filename=log_filename)
    session.execute("select pg_rotate_logfile()")
    extension = current(session).rpartition(".")[2]
    pattern = str(value(session, f"select {SI}.log_name_pattern(%s, %s)", log_filename, f".{extension}"))
    eventually(lambda: "tracking" not in current(session), 30)
    name = current(session)
    assert value(session, "select %s::text ~ %s::text", name, pattern) is True, (name, pattern)
    assert isinstance(value(session, f"select {SI}.read_log(%s, 0, 10)", name), bytes)


def test_rotated_files_stand_before_the_current_one(session: Session) -> None:
    first = current(session)
    configure(session, log_filename="tracking-%Y-%m-%d_%H%M%S.log")
    session.execute("select pg_sleep(1.1)")  # its name has seconds
    session.execute("select pg_rotate_logfile()")
    eventually(lambda: current(session) != first, 30)
    rows = session.execute(f"select file_name, is_current from {SI}.log_files()".encode()).fetchall()
    assert [row["file_name"] for row in rows][-2:] == [first, current(session)]
    assert [row["is_current"] for row in rows] == [False] * (len(rows) - 1) + [True]


def missing(session: Session) -> list[str]:
    """What keeps the log from being read."""
    found = one(session, f"select {SI}.probe_log() as missing")["missing"]
    assert isinstance(found, list)
    return found


@pytest.mark.usefixtures("other_settings")
def test_what_is_missing_is_said_in_words(session: Session, log_server: Server) -> None:
    assert missing(session) == []
    configure(session, log_min_messages="fatal")
    assert [re.sub(r" is .*", "", text) for text in missing(session)] == ["log_min_messages"]
    configure(session, log_min_messages="warning", log_destination="stderr")
    formats = "jsonlog or csvlog" if log_server.major >= 15 else "csvlog"
    assert missing(session) == [f"log_destination has no {formats}"]
    assert session.execute(f"select from {SI}.log_files()".encode()).fetchall() == []
    with pytest.raises(psycopg.errors.DatabaseError):
        session.execute(f"select {SI}.read_log('tracking.csv', 0, 1)".encode())


def test_a_role_without_the_rights_is_named(session: Session, make_role: MakeRole) -> None:
    role = make_role()
    functions = ("log_name_pattern(text, text)", "log_place()", "log_files()", "read_log(text, bigint, integer)")
    with session.transaction(force_rollback=True):
        session.execute(meddling(f"grant usage on schema {SI} to {role}").encode())
        for function in (*functions, "probe_log()"):
            session.execute(f"alter function {SI}.{function} owner to {role}".encode())
        (text,) = missing(session)
    assert text.startswith(f"role {role}, which installed the schema, may not read the log")
