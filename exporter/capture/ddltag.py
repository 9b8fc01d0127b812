"""Which DDL command a client string holds, told by the first words of its statements."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LOCAL = ("TEMP", "TEMPORARY")
_FILLING = frozenset(
    ("OR", "REPLACE", "GLOBAL", "LOCAL", *_LOCAL, "UNLOGGED", "UNIQUE", "RECURSIVE", "TRUSTED", "PROCEDURAL")
) | {"CONSTRAINT", "DEFAULT"}
_KINDS = [
    "ACCESS METHOD",
    "AGGREGATE",
    "CAST",
    "COLLATION",
    "CONVERSION",
    "DATABASE",
    "DEFAULT PRIVILEGES",
    "DOMAIN",
    "EVENT TRIGGER",
    "EXTENSION",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "FUNCTION",
    "GROUP",
    "INDEX",
    "LANGUAGE",
    "LARGE OBJECT",
    "MATERIALIZED VIEW",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "OPERATOR",
    "OWNED",
    "POLICY",
    "PROCEDURE",
    "PUBLICATION",
    "ROLE",
    "ROUTINE",
    "RULE",
    "SCHEMA",
    "SEQUENCE",
    "SERVER",
    "STATISTICS",
    "SUBSCRIPTION",
    "SYSTEM",
    "TABLE",
    "TABLESPACE",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "TRANSFORM",
    "TRIGGER",
    "TYPE",
    "USER MAPPING",
    "USER",
    "VIEW",
]
_ALONE = (
    "GRANT",
    "REVOKE",
    "COMMENT",
    "SECURITY LABEL",
    "REINDEX",
    "REFRESH MATERIALIZED VIEW",
    "IMPORT FOREIGN SCHEMA",
    "REASSIGN OWNED",
)
_SYNONYMS = {"USER": "ROLE", "GROUP": "ROLE"}
_OTHER_TAGS = ("GRANT ROLE", "REVOKE ROLE")
_LEXEME = re.compile(
    r"""--[^\n]*+|/\*|'(?:[^']++|'')*+'?|"(?:[^"]++|"")*+"?|\$(?:[^\W\d]\w*+)?\$|(?P<word>[^\W\d]\w*+)|(?P<end>;)|\s++|.""",
    re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_ESCAPED = re.compile(r"'(?:[^'\\]++|''|\\.)*+'?", re.DOTALL)
LONGEST_LOOK = 1_000_000  # characters of a client string


def is_ddl_tag(tag: str) -> bool:
    """Whether a command tag is one of a command that changes the catalog."""
    verb, _, kind = tag.partition(" ")
    if (verb, kind) in (("CREATE", "TABLE AS"), ("SELECT", "INTO")):
        return True
    return tag in _ALONE or tag in _OTHER_TAGS or (verb in ("CREATE", "ALTER", "DROP") and kind in _KINDS)


def statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each statement of a client string: the position after it and its first words in capitals."""
    words: list[str] = []
    escaping = False
    at = 0
    text = text[:LONGEST_LOOK]
    while at < len(text):
        match = _LEXEME.match(text, at)
        assert match is not None  # the last branch takes any character
        lexeme = match[0]
        end = match.end()
        if lexeme == "/*":
            end = _comment_end(text, end)
        elif lexeme.startswith("'") and escaping:
            string = _ESCAPED.match(text, at)
            end = string.end() if string else end
        elif lexeme.startswith("$") and len(lexeme) > 1:
            close = text.find(lexeme, end)
            end = len(text) if close < 0 else close + len(lexeme)
        elif match["end"]:
            if words:
                yield at, words
            words = []
        elif (match["word"] or (lexeme.startswith('"') and words)) and len(words) < 8:
            words.append(lexeme.upper() if match["word"] else '"')
        escaping = match["word"] in ("e", "E")
        at = end
    if words:
        yield len(text), words


def _comment_end(text: str, at: int) -> int:
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, at)
        if edge is None:
            return len(text)
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at


def tag_of(words: list[str]) -> str | None:
    """The command tag of a statement's first words; None where it is no DDL or on temporary objects. A command that
    does not exist has its first word.
    """
    for alone in _ALONE:
        if words[: alone.count(" ") + 1] == alone.split():
            return alone
    if words[0] not in ("CREATE", "ALTER", "DROP"):
        return None
    rest = words[1:]
    while rest and rest[0] in _FILLING and not (words[0] == "ALTER" and rest[:2] == ["DEFAULT", "PRIVILEGES"]):
        if rest[0] in _LOCAL:
            return None
        rest = rest[1:]
    for kind in sorted(_KINDS, key=len, reverse=True):
        if rest[: kind.count(" ") + 1] == kind.split():
            return f"{words[0]} {_SYNONYMS.get(kind, kind)}"
    return words[0]


def is_temporary(text: str) -> bool:
    """Whether the DDL of a client string, as far as its first words tell, is on temporary objects only."""
    all_words = [words for _, words in statements(text)]
    made = [words for words in all_words if words[0] == "CREATE" and any(word in _LOCAL for word in words[1:5])]
    return bool(made) and not any(tag_of(words) for words in all_words)


def tag_at(text: str, position: int = 0) -> str | None:
    """The tag of the DDL statement of a client string that an error at this position (from 1; 0 for unknown) is of;
    without a position that of its first DDL statement.
    """
    for end, words in statements(text):
        tag = tag_of(words)
        if position and position <= end + 1:
            return tag
        if tag is not None and not position:
            return tag
    return None
