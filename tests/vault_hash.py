"""The vault's keys and hashes, worked out without PostgreSQL: what an auditor would write to check a record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# of a version, in the order of its hash
FIELDS = (
    "tenant_hk",
    "script_name",
    "script_type",
    "execution_status",
    "execution_timestamp",
    "execution_duration_ms",
    "db_session_user",
    "client_ip",
    "affected_objects",
    "sql_command",
    "error_message",
    "metadata",
)

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


def _field(value: object) -> str:
    match value:
        case bytes():
            return canonical(value.hex())
        case datetime():
            return str((value - EPOCH) // timedelta(microseconds=1))
        case IPv4Interface() | IPv6Interface():
            return canonical(str(value.ip))
        case IPv4Address() | IPv6Address():
            return canonical(str(value))
        case list():
            return "[" + ",".join(canonical(item) for item in value) + "]"
        case _:
            return canonical(value)


def hash_diff(fields: Sequence[object]) -> bytes:
    """Hash of the twelve descriptive fields, in the order of script_tracking_internal.hash_diff."""
    return hashlib.sha256(f"[{', '.join(map(_field, fields))}]".encode()).digest()
