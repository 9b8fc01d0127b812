"""The ways in which clients send statements: psql, psycopg by either protocol, also through a pooler."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from tests.capture.client_case import Case, Style
from tests.harmless.tools import tool


@dataclass(frozen=True)
class Script:
    """The statements of a case, in a schema of their own."""

    case: Case
    schema: str
    statements: tuple[str, ...]

    @property
    def text(self) -> str:
        return ";\n".join(self.statements) + ";\n"


@dataclass(frozen=True)
class Server:
    """Where to send it."""

    dsn: str
    pooled: str | None  # through a pooler in transaction mode, where there is one
    major: int


@dataclass(frozen=True)
class Way:
    """One of them; `batched`: what a case sends is one string; `stops`: nothing after an error."""

    style: Style
    send: Callable[[Server, list[Script]], None]
    batched: bool = False
    stops: bool = False
    pooled: bool = False


def _psql(server: Server, *arguments: str) -> None:
    command = [tool("psql", server.major), "--no-psqlrc", "--quiet", "--output", os.devnull, "--dbname", server.dsn]
    environment = {**os.environ, "PGCLIENTENCODING": "UTF8", "PGOPTIONS": "-c client_min_messages=error"}
    subprocess.run([*command, *arguments], env=environment, capture_output=True, timeout=120, check=False)


def psql_commands(server: Server, scripts: list[Script]) -> None:
    """psql -c '..; ..': each argument is sent as one string."""
    _psql(server, *(part for script in scripts for part in ("--command", script.text)))


def _file(server: Server, text: str, *arguments: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "script.sql"
        file.write_text(text, encoding="utf-8")
        _psql(server, *arguments, "--file", str(file))


def psql_file(server: Server, scripts: list[Script]) -> None:
    """psql -f: statement by statement, going on after an error."""
    _file(server, "".join(script.text for script in scripts))


def psql_stopping(server: Server, scripts: list[Script]) -> None:
    """The same with ON_ERROR_STOP: nothing after an error. What has none goes in one file, the rest in one each."""
    for part in _apart(scripts):
        _file(server, "".join(script.text for script in part), "--set", "ON_ERROR_STOP=1")


def psql_single(server: Server, scripts: list[Script]) -> None:
    """psql -1 -f: all in a transaction block."""
    for part in _apart(scripts):
        _file(server, "".join(script.text for script in part), "--single-transaction")


def _apart(scripts: list[Script]) -> Iterator[list[Script]]:
    """Those that end nothing together, each of the others alone."""
    yield [script for script in scripts if not script.case.ends]
    for script in scripts:
        if script.case.ends:
            yield [script]


def psql_gexec(server: Server, scripts: list[Script]) -> None:
    r"""psql \gexec: a query makes the statements."""
    rows = [statement for script in scripts for statement in script.statements]
    values = ", ".join(f"({number}, $gexec${statement}$gexec$)" for number, statement in enumerate(rows))
    _file(server, f"select statement from (values {values}) as v (number, statement) order by number \\gexec\n")


def psycopg_string(server: Server, scripts: list[Script]) -> None:
    """psycopg, the simple protocol, all in one string."""
    with psycopg.connect(server.dsn, autocommit=True) as session:
        for script in scripts:
            with suppress(psycopg.Error):
                session.execute(script.text.encode())
            session.rollback()


def _each(dsn: str, scripts: list[Script], prepare: bool | None = None, binary: bool = False) -> None:
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=5 if prepare else None) as session:
        for script in scripts:
            for statement in script.statements:
                with suppress(psycopg.Error):
                    session.execute(statement.encode(), prepare=prepare, binary=binary)
            session.rollback()


def psycopg_simple(server: Server, scripts: list[Script]) -> None:
    """psycopg, the simple protocol."""
    _each(server.dsn, scripts)


def psycopg_prepared(server: Server, scripts: list[Script]) -> None:
    """psycopg, the extended protocol, prepared."""
    _each(server.dsn, scripts, prepare=True)


def psycopg_pipeline(server: Server, scripts: list[Script]) -> None:
    """psycopg, the extended protocol, a case's statements in one pipeline."""
    with psycopg.connect(server.dsn, autocommit=True) as session:
        for script in scripts:
            with suppress(psycopg.Error), session.pipeline():
                for statement in script.statements:
                    session.execute(statement.encode())
            session.rollback()


def pooled_simple(server: Server, scripts: list[Script]) -> None:
    """psycopg through the pooler, the simple protocol."""
    assert server.pooled is not None
    _each(server.pooled, scripts)


def pooled_extended(server: Server, scripts: list[Script]) -> None:
    """psycopg through the pooler, the extended protocol: with `binary` psycopg speaks it, unprepared."""
    assert server.pooled is not None
    _each(server.pooled, scripts, binary=True)


WAYS = {
    "psycopg simple": Way(Style.APART, psycopg_simple),
    "psycopg prepared": Way(Style.APART, psycopg_prepared),
    "psycopg string": Way(Style.TOGETHER, psycopg_string, batched=True),
    "psycopg pipeline": Way(Style.TOGETHER, psycopg_pipeline),
    "psql -c": Way(Style.TOGETHER, psql_commands, batched=True),
    "psql -f": Way(Style.APART, psql_file),
    "psql -f stopping": Way(Style.APART, psql_stopping, stops=True),
    "psql -1": Way(Style.WHOLE, psql_single),
    "psql gexec": Way(Style.APART, psql_gexec),
    "pooled simple": Way(Style.APART, pooled_simple, pooled=True),
    "pooled extended": Way(Style.APART, pooled_extended, pooled=True),
}
