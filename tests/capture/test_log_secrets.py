"""Statements with secrets, run for real: nothing of them in what is kept of the server's log, nor in our lines of it.

REDACT_EXAMPLES sets the number of examples; without it a short run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.capture.fix_readers import SI, Readers, admin, readers
from tests.capture.fix_serverlog import configure, log_database, log_server
from tests.capture.test_clients import OPENED
from tests.capture.test_redacted import COLLECTED
from tests.fix_databases import installed_clone
from tests.fix_exporter import eventually
from tests.fix_sessions import Session, meddling, opened, value
from tests.postgres_server import Server
from tests.sql.redact_places import (
    BARE_STATEMENT,
    EXAMPLES,
    MISSPELT,
    SECRET,
    STATEMENT,
    STYLES,
    Quote,
    conninfo_of,
    dollars,
    escaped,
    plain,
)

pytestmark = pytest.mark.majors  # hundreds of statements, with the server's log

__all__ = ["admin", "log_database", "log_server", "readers"]

AT_A_TIME = 10
READ_EVERY = 20  # examples: as the daemon, which does not let the log of thousands of statements wait
FEW = settings(EXAMPLES, max_examples=int(os.environ.get("REDACT_EXAMPLES", "4")))

# DDL that fails of the rows of a table, whose columns announce what is in them, or of what a function says.
ERRORS: tuple[Callable[[str], str], ...] = (
    lambda s: "create unique index on held (token)",
    lambda s: "create unique index on held (lower(token))",
    lambda s: "alter table held add primary key (kind, token)",
    lambda s: "alter table held alter column token type int using token::int",
    lambda s: "alter table held add constraint short check (length(token) < 3)",
    lambda s: "alter table held add constraint known foreign key (token) references known_tokens",
    lambda s: "create materialized view dates as select token::date from held",
    lambda s: "alter table held alter column token type json using token::json",
    lambda s: "create table numbers as select kind + password::numeric from held",
    lambda s: f"alter table held alter column password set default {plain(s)}::int",
    lambda s: f"create table x (token int default {plain(s)}::int, x_token int default {escaped(s)}::int)",
    lambda s: f"create table x as select tells({plain(conninfo_of(s))})",
    lambda s: f"create table x as select runs({plain('select 1 / 0 -- password = ' + plain(s).replace(chr(10), ' '))})",
    lambda s: f"create table x as select runs({plain('alter role nobody_here password ' + plain(s))})",
    lambda s: f"create table x as select runs({plain('alter role joe pasword ' + plain(s))})",
    lambda s: f"create table x as select runs({plain('/* it' + chr(39) + 's */ set app.token = ' + plain(s) + ' x')})",
    lambda s: f"create server s foreign data wrapper nowhere options (password {plain(s)})",
)
ERROR = st.builds(lambda secret, error: (error(secret[0]), secret[1]), SECRET, st.sampled_from(ERRORS))
WRAPPED = st.builds(
    lambda example, wrap: (wrap(example[0]), example[1]),
    st.one_of(STATEMENT, MISSPELT, BARE_STATEMENT),
    st.sampled_from(
        (
            lambda text: text,
            lambda text: f"/* it's */ {text}",
            lambda text: f"create table made_first (); {text}",
            lambda text: f"do $wrap$ begin create table made_first (); execute {plain(text)}; end $wrap$",
            lambda text: f"create table never as select runs({plain(text)})",
        )
    ),
)


def everything(session: Session) -> str:
    """Whatever the tracker keeps, and what its collectors tell."""
    tables = session.execute(
        "select format('select t::text as t from %I.%I as t', n.nspname, c.relname) as q"
        " from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p', 'v')"
    ).fetchall()
    texts = [row["t"] or "" for table in tables for row in session.execute(table["q"].encode()).fetchall()]
    functions = [row["proname"] for row in session.execute(COLLECTED.encode()).fetchall()]
    for function in functions:
        texts.append(str(session.execute(f"select * from {SI}.{function}()".encode()).fetchall()))
    return "\n".join(texts)


def read_all(admin: Session, readers: Readers) -> None:
    """Rounds until nothing is left to be read; where the machine stands still one may fail: the next tries again."""
    deadline = time.monotonic() + 900  # it has an end, whatever the machine does beside it
    quiet = 0
    while quiet < 3:
        assert time.monotonic() < deadline
        well = all(readers.turn())
        waiting = value(admin, f"select count(*) from {SI}.log_error where settled_at is null")
        unread = value(admin, OPENED)
        quiet = quiet + 1 if well and (waiting, unread) == (0, 0) else 0
        time.sleep(0.05)


def survivors(text: str, examples: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Statements of whose secret something is left, with what stands around it."""
    places = [(statement, text.find(core)) for statement, core in examples]
    return [(statement, text[max(at - 300, 0) : at + 60]) for statement, at in places if at >= 0]


@pytest.fixture
def held(admin: Session) -> Iterator[Session]:
    """What the statements work with."""
    admin.execute(
        "create table held (token text, password text, kind int);"
        " create table known_tokens (token text primary key);"
        " create function tells(p text) returns int language plpgsql as"
        " $$ begin raise using message = p, detail = p, hint = p; end $$;"
        " create function runs(p text) returns int language plpgsql as $$ begin execute p; return 1; end $$"
    )
    yield admin
    admin.execute("drop table held, known_tokens; drop function tells, runs")


@pytest.mark.parametrize("destination", ["csvlog", "jsonlog"])
def test_nothing_of_a_secret_is_left_of_the_lines_that_are_read(
    held: Session, readers: Readers, log_database: str, destination: str
) -> None:
    if destination == "jsonlog" and held.info.server_version < 150000:
        destination = "csvlog"  # there is no other
    configure(held, log_destination=destination)
    run_before = value(held, f"select count(*) from {SI}.log_error")
    examples: list[tuple[str, str]] = []

    @given(st.lists(st.one_of(ERROR, WRAPPED), min_size=AT_A_TIME, max_size=AT_A_TIME), SECRET)
    @FEW
    def run(some: list[tuple[str, str]], said: tuple[str, str]) -> None:
        with opened(log_database, application_name="load " + conninfo_of(said[0])[:40]) as session:
            session.execute("set statement_timeout = '20s'; set check_function_bodies = off")
            for statement, core in some:
                examples.append((statement, core))
                session.execute("truncate held")
                session.execute("insert into held select %s, %s, 1 from generate_series(1, 2)", (core, core))
                with suppress(psycopg.Error):
                    session.execute("begin")
                    session.execute(statement.encode())
                session.execute("rollback")
        if len(examples) % (AT_A_TIME * READ_EVERY) == 0:
            read_all(held, readers)

    with capture_logs() as logs:
        run()
        read_all(held, readers)
    read = value(held, f"select count(*) from {SI}.log_error")
    assert isinstance(read, int) and isinstance(run_before, int)
    assert read - run_before > len(examples) / 4
    left = survivors(everything(held) + str(logs), examples)
    assert left == [], left[:3]


# DDL with a secret that goes through.
THROUGH: tuple[Callable[[str, Quote], str], ...] = (
    lambda s, q: f"create table t (password text default {q(s)})",
    lambda s, q: f"comment on table known is {q(conninfo_of(s))}",
    lambda s, q: f"create view t as select {q(s)}::text as token",
    lambda s, q: f"do $do$ begin execute {q('create table t (token text default ' + plain(s) + ')')}; end $do$",
    # what a line's end would end is a comment
    lambda s, q: (
        "do $do$ begin execute 'create table t (a int) -- password = '"
        f" || quote_literal(translate({q(s)}, e'\\n', ' ')); end $do$"
    ),
    lambda s, q: f"create table t as select runs({q('create table u (token text default ' + plain(s) + ')')})",
    lambda s, q: f"create role r_told password {q(s)}; create table t (); drop role r_told",
    lambda s, q: f"create function t() returns text language sql as {dollars('select token from f(' + plain(s) + ')')}",
)
LOST = f"select last_value from {SI}.lost_record_seq"
FAULTS = (
    f"alter table {SI}.installation rename to elsewhere",
    "alter table script_tracking.script_execution_s add constraint never check (script_name <> script_name) not valid",
    f"drop function {SI}.redact(text) cascade",
)


FILES = "select current_setting('log_directory') || '/' || name as name, size from pg_ls_logdir()"


def lengths(session: Session) -> dict[str, int]:
    """Of all files of the server's log."""
    return {row["name"]: row["size"] for row in session.execute(FILES).fetchall()}


def written(session: Session, before: dict[str, int]) -> str:
    """What was added to the server's log."""
    read = "select pg_read_binary_file(%s, %s, %s)"
    texts = []
    for name, size in lengths(session).items():
        start = before.get(name, 0)
        content = value(session, read, name, start, size - start)
        assert isinstance(content, bytes)
        texts.append(content.decode("utf-8", "replace"))
    return "\n".join(texts)


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_of_a_secret_is_left_in_a_line_of_our_own(log_server: Server, _template: str, fault: str) -> None:
    """The tracker is broken, and says so: the statement goes through, and PostgreSQL itself writes nothing of it."""
    examples: list[tuple[str, str]] = []
    with installed_clone(log_server, _template) as dsn, opened(dsn) as session:
        session.execute(
            "create table known (); create function runs(p text) returns int language plpgsql as"
            " $$ begin execute p; return 1; end $$"
        )
        session.execute(meddling(fault).encode())
        # PostgreSQL's own warnings apart
        session.execute("set log_min_error_statement = debug5; set log_min_messages = log")
        session.execute("set password_encryption = 'md5'")  # the quicker one
        session.execute("set check_function_bodies = off")

        @given(SECRET, st.sampled_from(THROUGH), st.sampled_from(STYLES))
        @settings(FEW, max_examples=FEW.max_examples * 8)
        def run(
            example: tuple[str, str], place: Callable[[str, Callable[[str], str]], str], style: Callable[[str], str]
        ) -> None:
            statement = place(example[0], style)
            examples.append((statement, example[1]))
            session.execute("begin")
            try:
                session.execute(statement.encode())
            finally:
                session.execute("rollback")

        before, lost = lengths(session), value(session, LOST)
        run()
        assert value(session, LOST) != lost
        session.execute("do $$ begin raise log 'all is said'; end $$")
        eventually(lambda: "all is said" in written(session, before), 30)
        log = written(session, before)
    # where what redacts is gone nothing can be judged, and a log that always has the context gets no line
    assert ("script_tracking: " in log) == ("redact" not in fault)
    left = survivors(log, examples)
    assert left == [], left[:3]
