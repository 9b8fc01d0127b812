"""When a certificate ends. Python's ssl tells that of a peer's certificates, and not of one's own."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18


def not_after(text: str) -> float | None:
    """When the first of a PEM text's certificates to end does so, in seconds of the epoch; None: it cannot be told."""
    try:
        return min((_not_after(ssl.PEM_cert_to_DER_cert(found)) for found in _PEM.findall(text)), default=None)
    except (ValueError, IndexError):
        return None


def _not_after(der: bytes) -> float:
    """Of one certificate, in DER: that of its field validity (RFC 5280, 4.1)."""
    _, certificate, _ = _element(der)
    _, body, _ = _element(certificate)
    kind, _, rest = _element(body)
    for _ in range(3 if kind == _VERSION else 2):  # serial number, signature, issuer
        _, _, rest = _element(rest)
    kind, validity, _ = _element(rest)
    if kind != _SEQUENCE:
        raise ValueError("no certificate")
    _, _, rest = _element(validity)
    kind, ends, _ = _element(rest)
    moment = ends.decode("ascii")
    if kind == _UTC_TIME:
        moment = ("19" if moment >= "50" else "20") + moment
    elif kind != _GENERALIZED_TIME:
        raise ValueError("no time")
    return datetime.strptime(moment, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and contents of the first element, and what follows it."""
    length, start = data[1], 2
    if length >= 0x80:
        start += length - 0x80
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("cut short")
    return data[0], data[start : start + length], data[start + length :]
