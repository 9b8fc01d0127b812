"""The vault's keys and hashes, worked out without PostgreSQL: what an auditor would write to check a record."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any

BYTEA_OID = 17
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Address = IPv4Address | IPv4Interface | IPv6Address | IPv6Interface


def hash_key(business_key: str) -> bytes:
    """Hash key of a business key."""
    return hashlib.sha256(business_key.encode()).digest()


def canonical(value: Any) -> str:
    """Text of a jsonb value as the server writes it: keys by length in bytes, then bytewise."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{canonical(key)}: {canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(canonical(item) for item in value) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False)


def _bytes(value: object) -> bytes | None:
    match value:
        case None:
            return None
        case bytes():
            return value
        case datetime():
            return str((value - EPOCH) // timedelta(microseconds=1)).encode()
        case IPv4Interface() | IPv6Interface():
            return str(value.ip).encode()
        case dict() | list():
            return canonical(value).encode()
        case _:
            return str(value).encode()


def hash_diff(fields: Sequence[object]) -> bytes:
    """Hash of the twelve descriptive fields, in the order of script_tracking_internal.hash_diff."""
    text = struct.pack("!i", len(fields))
    for field in fields:
        written = _bytes(field)
        text += struct.pack("!ii", BYTEA_OID, -1 if written is None else len(written)) + (written or b"")
    return hashlib.sha256(text).digest()
