"""Entries of the server's jsonlog and csvlog: bytes to records, records to frozen entries. No database in here.

Bytes are split and parsed as Latin-1, which keeps each of them: every encoding that a server may have holds ASCII as it
is, and a log holds the texts of each database in that database's own. Only the texts that are kept are decoded.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

from exporter.capture.logcodec import decoded_text

Format = Literal["jsonlog", "csvlog"]

_CSV_COLUMNS = 26
_CSV_FIELD = re.compile(r'(?:"((?:[^"]++|"")*+)"|([^,"]*+))(,|$)')
# How a record of a csvlog begins: what follows a damaged one is found by it.
_START = re.compile(rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [^,\"\n]{1,20},", re.MULTILINE)
_SESSION = re.compile(r"[0-9a-f]{1,16}\.[0-9a-f]{1,8}")
_MOMENT = re.compile(r"\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})? \S{1,20}")
_SQLSTATE = re.compile(r"[0-9A-Z]{5}")
_NO_ERROR = ("00", "01", "02", "03")  # classes of success, warning, no data
_SEVERITIES = ("DEBUG", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC")
# SQLSTATEs with which a session ends: where the word for FATAL is not English, they tell it.
_ENDING = ("57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04")


@dataclass(frozen=True)
class Entry:
    """One entry that tells of an error; texts as the server wrote them, not redacted."""

    logged_at: str  # local time of log_timezone with its abbreviation
    user: str
    database: str
    pid: int
    host: str
    session_id: str
    line: int
    tag: str  # command tag that the process showed, idle while it parsed
    session_start: str
    txid: str  # the transaction's number, 32 bits of it; empty where it had none
    ends_session: bool
    sqlstate: str
    message: str
    detail: str
    hint: str
    internal_query: str
    context: str
    statement: str
    position: int  # of the error in the statement, from 1; 0 where it is not told
    application_name: str


@dataclass(frozen=True)
class Crash:
    """The postmaster's word that a process was ended by a signal or failed, with what it ran."""

    logged_at: str
    pid: int
    session_id: str
    line: int
    message: str
    statement: str


@dataclass(frozen=True)
class Scan:
    """What a stretch of the log told: how many of its bytes were read, and how many records were none."""

    entries: tuple[Entry | Crash, ...]
    consumed: int
    unparsed: int


Fields = dict[str, str]


def split(content: bytes, log_format: Format) -> tuple[list[bytes], int]:
    """Whole records at the beginning of the content, and how many bytes they are; a partial last one is left.

    A record of a jsonlog is a line. One of a csvlog ends at the newline before which the quotes are even.
    """
    if log_format == "jsonlog":
        end = content.rfind(b"\n") + 1
        return content[:end].split(b"\n")[:-1], end
    records = []
    start = end = 0
    quotes = 0
    while (newline := content.find(b"\n", end)) >= 0:
        quotes += content.count(b'"', end, newline)
        end = newline + 1
        if quotes % 2 == 0:
            records.append(content[start:newline])
            start, quotes = end, 0
    return records, start


def ends_within(content: bytes, log_format: Format, quotes: int) -> tuple[int, int]:
    """Where a record that began earlier ends in this content, with so many quotes before: the position after it, -1
    where it goes on, and the quotes so far.
    """
    end = 0
    while (newline := content.find(b"\n", end)) >= 0:
        quotes += content.count(b'"', end, newline)
        end = newline + 1
        if log_format == "jsonlog" or quotes % 2 == 0:
            return end, quotes
    return -1, quotes + content.count(b'"', end)


def _json_fields(record: str) -> Fields | None:
    try:
        found = json.loads(record)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    fields = {name: str(value) for name, value in found.items() if isinstance(value, str | int)}
    fields["error_severity"] = fields.get("error_severity", "")
    return fields if "timestamp" in fields and "session_id" in fields else None


def _csv_fields(record: str) -> Fields | None:
    values = []
    at = 0
    while at <= len(record):
        match = _CSV_FIELD.match(record, at)
        if match is None:
            return None
        values.append(match[1].replace('""', '"') if match[1] is not None else match[2])
        if match[3] == "":
            break
        at = match.end()
    # later versions append columns, and never take one away
    if len(values) < _CSV_COLUMNS:
        return None
    names = [
        "timestamp",
        "user",
        "dbname",
        "pid",
        "connection",
        "session_id",
        "line_num",
        "ps",
        "session_start",
        "vxid",
        "txid",
        "error_severity",
        "state_code",
        "message",
        "detail",
        "hint",
        "internal_query",
        "internal_position",
        "context",
        "statement",
        "cursor_position",
        "location",
        "application_name",
        "backend_type",
        "leader_pid",
        "query_id",
    ]
    fields = {name: value for name, value in zip(names, values, strict=False) if value}
    connection = fields.pop("connection", "")
    host, colon, port = connection.rpartition(":")
    fields["remote_host"] = host if colon and port.isdigit() else connection
    return fields


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _is_error(fields: Fields) -> bool:
    """Whether an entry tells of an error. A csvlog has the severity in the server's language: where that is not
    English, an error is what has the SQLSTATE of one and its statement beside it, which a warning has not by default.
    """
    severity, state = fields.get("error_severity", ""), fields.get("state_code", "00000")
    if severity in ("ERROR", "FATAL", "PANIC"):
        return True
    if severity.startswith(_SEVERITIES):
        return False
    return state[:2] not in _NO_ERROR and "statement" in fields


def parse(record: bytes, log_format: Format, database: str, encoding: str) -> Entry | Crash | Literal["other"] | None:
    """The entry of a record: an error of the database, a crash, "other" for what tells of neither, None for what is no
    record. `encoding` is the database's, as Python names it.
    """
    text = record.decode("latin-1")
    fields = _json_fields(text) if log_format == "jsonlog" else _csv_fields(text)
    if fields is None:
        return None
    fields = {"pid": "", "line_num": "", "session_start": "", **fields}
    pid, line = _number(fields["pid"]), _number(fields["line_num"])
    moment, session = fields.get("timestamp", ""), fields.get("session_id", "")
    if not (pid and line and _MOMENT.fullmatch(moment) and _SESSION.fullmatch(session)):
        return None

    def decoded(name: str) -> str:
        return decoded_text(fields.get(name, "").encode("latin-1", "replace"), encoding)

    if fields.get("backend_type") == "postmaster" and fields.get("state_code", "00000") == "00000":
        return _crash(decoded("message"), decoded("detail"), moment, session, line) or "other"
    state = fields.get("state_code", "")
    if not _is_error(fields) or "leader_pid" in fields or decoded("dbname") != database:
        return "other"  # what a parallel worker says, its leader says as well
    if not (_SQLSTATE.fullmatch(state) and _MOMENT.fullmatch(fields["session_start"])):
        return None
    return Entry(
        logged_at=moment,
        user=decoded("user"),
        database=database,
        pid=pid,
        host=fields.get("remote_host", ""),
        session_id=session,
        line=line,
        tag=fields.get("ps", "").removesuffix(" waiting"),
        session_start=fields["session_start"],
        txid=fields.get("txid", "").removeprefix("0"),
        ends_session=fields.get("error_severity") in ("FATAL", "PANIC") or state in _ENDING,
        sqlstate=state,
        message=decoded("message"),
        detail=decoded("detail"),
        hint=decoded("hint"),
        internal_query=decoded("internal_query"),
        context=decoded("context"),
        statement=decoded("statement"),
        position=_number(fields.get("cursor_position", "")),
        application_name=decoded("application_name"),
    )


def _crash(message: str, detail: str, moment: str, session: str, line: int) -> Crash | None:
    """A process that the postmaster saw die: its number stands in brackets in every language, its statement after the
    first colon of the detail. Told by its form, as these entries have no SQLSTATE.
    """
    pid = re.search(r"\(\D{0,8}(\d{1,9})\)", message)
    _, colon, statement = detail.partition(": ")
    if pid is None or not colon:
        return None
    return Crash(moment, int(pid[1]), session, line, message, statement)


def scan(content: bytes, log_format: Format, database: str, encoding: str, *, stalled: bool = False) -> Scan:
    """Reads a stretch of the log from the beginning of a record.

    What is no record is counted, and reading goes on where the next one seems to begin. Of a csvlog that shows
    only when more records follow; `stalled`: nobody goes on writing the last one, which is then no record either.
    """
    found: list[Entry | Crash] = []
    unparsed = at = 0
    while True:
        records, _ = split(content[at:], log_format)
        damaged = False
        for record in records:
            entry = parse(record, log_format, database, encoding)
            if entry is None:
                unparsed += 1
                following = _START.search(record, 1) if log_format == "csvlog" else None
                if following is not None:
                    at += following.start()
                    damaged = True
                    break
            elif entry != "other":
                found.append(entry)
            at += len(record) + 1
        if damaged:
            continue
        if not stalled or at == len(content):
            return Scan(tuple(found), at, unparsed)
        unparsed += 1
        following = _START.search(content, at + 1) if log_format == "csvlog" else None
        at = following.start() if following is not None else len(content)
