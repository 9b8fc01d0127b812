"""What the server's own log says became of every marked statement."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from benchmarks.soak.statements import MARK

CHUNK_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Outcome:
    """How a statement ended; sqlstate and message where it failed."""

    status: str
    sqlstate: str | None = None
    message: str | None = None


@dataclass
class _Session:
    """One session's transaction under way, read from its log lines in order."""

    open_marks: list[str] = field(default_factory=list)  # succeeded so far, in this transaction
    savepoints: list[int] = field(default_factory=list)  # how many had when each was set
    running: str | None = None
    in_transaction: bool = False
    commits: bool = False  # the commit was announced, and no line since tells what became of it


def log_lines(dsn: str) -> Iterator[dict[str, Any]]:
    """Entries of every log file of the server, oldest first. The server must write jsonlog."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        files = connection.execute(
            "select name, size from pg_ls_logdir() where name like '%.json' order by name"
        ).fetchall()
        for name, size in files:
            text = b""
            for offset in range(0, size, CHUNK_BYTES):
                (chunk,) = connection.execute(
                    "select pg_read_binary_file(current_setting('log_directory') || '/' || %s, %s, %s)",
                    (name, offset, min(CHUNK_BYTES, size - offset)),
                ).fetchone() or (b"",)
                text += chunk
            for line in text.splitlines():
                yield json.loads(line)


def outcomes(entries: Iterable[dict[str, Any]], application: str) -> dict[str, Outcome]:
    """The outcome of each marked statement of the sessions with that application_name."""
    found: dict[str, Outcome] = {}
    sessions: dict[str, _Session] = defaultdict(_Session)
    for entry in entries:
        if entry.get("application_name") == application and entry.get("session_id"):
            _read(entry, sessions[entry["session_id"]], found)
    for session in sessions.values():
        _end(session, found)
    return found


def _read(entry: dict[str, Any], session: _Session, found: dict[str, Outcome]) -> None:
    severity, message = entry["error_severity"], entry.get("message", "")
    if session.commits:  # cancelled or killed in the middle of it, nothing is committed
        failed = severity in ("ERROR", "FATAL", "PANIC") and entry.get("statement") == "commit"
        _settle(session, found, "ROLLED_BACK" if failed else "COMPLETED")
    if severity == "LOG" and message.startswith("statement: "):
        _succeeded(session, found)
        _begin(message.removeprefix("statement: "), session, found)
    elif severity == "ERROR":
        mark = MARK.search(entry.get("statement", ""))
        if mark is None or mark[1] != session.running:  # one without syntax is not announced by a line of its own
            _succeeded(session, found)
        if mark is not None:
            found[mark[1]] = Outcome("FAILED", entry["state_code"], message)
        session.running = None
        if session.in_transaction:  # a savepoint is never returned to after an error in these scripts
            _settle(session, found, "ROLLED_BACK")
    elif severity in ("FATAL", "PANIC"):
        mark = MARK.search(entry.get("statement", ""))
        if mark is not None and session.running == mark[1]:
            found[mark[1]] = Outcome("INTERRUPTED", entry["state_code"], message)
            session.running = None
        else:
            _succeeded(session, found)
        _settle(session, found, "ROLLED_BACK")


def _begin(statement: str, session: _Session, found: dict[str, Outcome]) -> None:
    mark = MARK.search(statement)
    match statement:
        case "begin":
            session.in_transaction = True
        case "commit":
            session.commits = True
        case "rollback":
            _settle(session, found, "ROLLED_BACK")
        case "savepoint one":
            session.savepoints.append(len(session.open_marks))
        case "rollback to one":
            kept = session.savepoints[-1] if session.savepoints else 0
            for name in session.open_marks[kept:]:
                found[name] = Outcome("ROLLED_BACK")
            del session.open_marks[kept:]
        case _ if mark is not None:
            session.running = mark[1]


def _succeeded(session: _Session, found: dict[str, Outcome]) -> None:
    """The statement before this line raised no error."""
    if session.running is None:
        return
    if session.in_transaction:
        session.open_marks.append(session.running)
    else:
        found[session.running] = Outcome("COMPLETED")
    session.running = None


def _settle(session: _Session, found: dict[str, Outcome], status: str) -> None:
    """The transaction ended: so did what stood open in it."""
    for name in session.open_marks:
        found[name] = Outcome(status)
    session.open_marks.clear()
    session.savepoints.clear()
    session.in_transaction = session.commits = False


def _end(session: _Session, found: dict[str, Outcome]) -> None:
    """The session's last line was read: what it did by itself is committed, what it left open is not."""
    _succeeded(session, found)
    _settle(session, found, "COMPLETED" if session.commits else "ROLLED_BACK")
