"""The DDL that a server's own log says was run (log_statement = ddl), statement by statement."""

from __future__ import annotations

import re
from collections.abc import Iterator

SETTINGS = {"log_statement": "ddl", "log_line_prefix": "%m [%p] database=%d "}

_ENTRY = re.compile(r"^\d{4}-\d\d-\d\d .*? \[\d+\] database=(\S*) ", re.MULTILINE)
_STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]*): (.*)", re.DOTALL)
# a quoted text or name, a text between dollars, a comment; whatever is in them ends no statement
_OPAQUE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$).*?\1|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_BLOCK = re.compile(r"\bdo\s+(\$\w*\$)\s*begin\b(.*?)\1", re.DOTALL | re.IGNORECASE)
_IGNORED = re.compile(r"\b(or replace|unique|concurrently)\b\s*", re.IGNORECASE)
_DDL = ("CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "REVOKE")


def logged(log: str, database: str) -> Iterator[str]:
    """Client strings with DDL in them that ran in the database, in their order."""
    marks = list(_ENTRY.finditer(log))
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        found = _STATEMENT.match(log[mark.end() : following.start() if following else None])
        if found and mark[1] == database:
            yield found[1].removesuffix("\n").replace("\n\t", "\n")  # what goes on is set in by a tab


def tags(text: str) -> list[str]:
    """Command tags of the DDL statements in a client string and in its DO blocks, in their order."""
    bare = _OPAQUE.sub(lambda match: " x " if match[0][0] in "'\"$" else " ", _BLOCK.sub(r"\2", text))
    found = []
    for statement in bare.split(";"):
        words = _IGNORED.sub("", statement).upper().split()
        if words and words[0] in _DDL:
            found.append(words[0] if words[0] in _DDL[3:] else " ".join(words[:2]))
    return found
