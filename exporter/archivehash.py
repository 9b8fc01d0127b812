"""Keys and hashes of the record, reckoned from archived rows: as script_tracking_internal.hash_diff does it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def row_of(line: bytes) -> dict[str, Any]:
    """The row that a line holds, numbers as they are written. Raises ValueError."""
    row = json.loads(line, parse_int=Decimal, parse_float=Decimal)
    if not isinstance(row, dict):
        raise ValueError("is no object")
    return row


def time_of(text: str) -> datetime:
    """A time of a row. Raises ValueError."""
    return datetime.fromisoformat(text)


def hash_key(row: Mapping[str, Any]) -> str:
    """The hash key of a hub's row, as text."""
    return "\\x" + hashlib.sha256(str(row["script_execution_bk"]).encode()).hexdigest()


def hash_diff(row: Mapping[str, Any]) -> str:
    """The hash of a satellite's row, as text."""
    objects, address = row["affected_objects"], row["client_ip"]
    fields = [
        _bytes(row["tenant_hk"]),
        *(_json(row[name]) for name in ("script_name", "script_type", "execution_status")),
        _microseconds(row["execution_timestamp"]),
        *(_json(row[name]) for name in ("execution_duration_ms", "db_session_user")),
        _json(None if address is None else str(address).partition("/")[0]),
        "null" if objects is None else f"[{','.join(map(_json, objects))}]",
        *(_json(row[name]) for name in ("sql_command", "error_message", "metadata")),
    ]
    return _hash(fields)


def judgement_hash_diff(row: Mapping[str, Any]) -> str:
    """The hash of a judgement's row, as text: as script_tracking_internal.judgement_hash_diff does it."""
    fields = [
        _bytes(row["script_execution_hk"]),
        _microseconds(row["execution_timestamp"]),
        _bytes(row["tenant_hk"]),
        *(_json(row[name]) for name in ("verdict", "reference_state", "window_name", "approved_by")),
        _bytes(row["rules_hash"]),
        _json(row["judged_by"]),
    ]
    return _hash(fields)


def rules_hash(text: str) -> str:
    """The sha256 of a configuration, as text without a prefix."""
    return hashlib.sha256(text.encode()).hexdigest()


def _hash(fields: Sequence[str]) -> str:
    return "\\x" + hashlib.sha256(f"[{', '.join(fields)}]".encode()).hexdigest()


def _bytes(value: Any) -> str:
    return _json(str(value).removeprefix("\\x"))


def _microseconds(text: str) -> str:
    return str((time_of(text) - _EPOCH) // timedelta(microseconds=1))


def _json(value: Any) -> str:
    """JSON as the server writes it; the members of objects are in its order already."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(key)}: {_json(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False)
