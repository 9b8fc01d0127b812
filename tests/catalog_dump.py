"""The installed schema as readable text: what pg_catalog says of it, one fact a line, the same on every major."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

PINNED = ("search_path = pg_catalog", "timezone = 'UTC'", "datestyle = 'ISO'", "quote_all_identifiers = off")
_SQL = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")


def _statements(text: str) -> dict[str, str]:
    """Statement of each section."""
    parts = re.split(r"^-- section: (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


SECTIONS, BODIES = (_statements(text) for text in re.split(r"^-- bodies: .*$", _SQL, flags=re.MULTILINE))


def _months(text: str) -> str:
    """Month names relative to now, so that the text is the same next month."""
    now = datetime.now(UTC)
    for ahead in range(-1, 13):
        year, month = divmod(now.year * 12 + now.month - 1 + ahead, 12)
        text = text.replace(f"'{year:04d}-{month + 1:02d}-01 00:00:00+00'", f"<month{ahead:+d}>")
        text = text.replace(f"_{year:04d}{month + 1:02d}", f"_<month{ahead:+d}>")
    return text


def dump(dsn: str, *, bodies: bool = True, partitions: bool = True) -> str:
    """The catalog in sections. Without `partitions` only their names and bounds are told, not what they consist of."""
    lines: list[str] = []
    with psycopg.connect(dsn, row_factory=dict_row) as session:
        for setting in PINNED:
            session.execute(f"set {setting}".encode())
        for section, statement in (SECTIONS | (BODIES if bodies else {})).items():
            rows = [_months(row["line"]) for row in session.execute(statement.encode()).fetchall() if row["line"]]
            if not partitions and section not in ("relations", "applied migrations"):
                rows = [row for row in rows if "_first" not in row and "_<month" not in row]
            lines += ["", f"[{section}]", *sorted(rows)]
    return "\n".join(lines).lstrip() + "\n"
