"""What is told to the database of the entries of the server's log, and how much at a time."""

from __future__ import annotations

from exporter.capture.ddltag import is_ddl_tag, is_temporary, tag_at
from exporter.capture.logentry import Crash, Entry

MOST_ENTRIES = 100
MOST_CHARACTERS = 256 * 1024
TEXTS = ("statement", "message", "detail", "hint", "query", "context")


def batches(items: list[dict[str, object]]) -> list[list[dict[str, object]]]:
    """In their order, as many together as a database takes in within seconds: it searches each text for secrets."""
    found: list[list[dict[str, object]]] = [[]]
    characters = 0
    for item in items:
        size = sum(len(text) for text in (item.get(name) for name in TEXTS) if isinstance(text, str))
        if found[-1] and (len(found[-1]) >= MOST_ENTRIES or characters + size > MOST_CHARACTERS):
            found.append([])
            characters = 0
        found[-1].append(item)
        characters += size
    return found


def told(entry: Entry | Crash, pids: set[int]) -> dict[str, object] | None:
    """What is told to the database of an entry; None where it has to do with no DDL."""
    if isinstance(entry, Crash):
        if entry.pid not in pids:
            return None
        return {
            "at": entry.logged_at,
            "session_start": entry.logged_at,
            "session": entry.session_id,
            "line": entry.line,
            "pid": entry.pid,
            "message": entry.message,
            "ends_session": True,
            "crash": True,
        }
    tag = ddl_tag(entry)
    if tag is None and entry.pid not in pids:
        return None
    return {
        "at": entry.logged_at,
        "session_start": entry.session_start,
        "session": entry.session_id,
        "line": entry.line,
        "pid": entry.pid,
        "user": entry.user,
        "host": entry.host,
        "application": entry.application_name,
        "tag": tag,
        "txid": entry.txid or None,
        "ends_session": entry.ends_session,
        "sqlstate": entry.sqlstate,
        "message": entry.message,
        "detail": entry.detail or None,
        "hint": entry.hint or None,
        "query": entry.internal_query or None,
        "context": entry.context or None,
        "statement": entry.statement or None,
        "position": entry.position or None,
    }


def ddl_tag(entry: Entry) -> str | None:
    """The command tag of the DDL that an error belongs to: what the process showed, else what the text begins with."""
    if is_ddl_tag(entry.tag):
        return None if is_temporary(entry.statement) else entry.tag
    if entry.tag in ("", "idle") or not entry.tag.isupper() or entry.tag in ("PARSE", "BIND"):
        return tag_at(entry.statement, entry.position)
    return None
