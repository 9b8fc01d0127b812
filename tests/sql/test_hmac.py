"""HMAC-SHA256 against the vectors of RFC 4231, and against Python's."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from tests.fix_sessions import Session, value

# key, data, digest (its first 16 bytes in the fifth case): test cases 1 to 7
RFC_4231 = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


def padded(key: bytes) -> tuple[bytes, bytes]:
    """Inner and outer padded key, as the table `installation` keeps them."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\x00")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


@pytest.mark.parametrize("case", range(7))
def test_the_vectors_of_the_rfc(admin: Session, case: int) -> None:
    key, data, digest = RFC_4231[case]
    found = value(admin, "select script_tracking_internal.hmac_sha256(%s, %s, %s)", *padded(key), data)
    assert isinstance(found, bytes)
    assert found.hex()[: len(digest)] == digest
    if data.isascii():
        admin.execute(
            "update script_tracking_internal.installation set message_inner_key = %s, message_outer_key = %s",
            padded(key),
        )
        mac = value(admin, "select script_tracking_internal.message_mac(%s)", data.decode())
        assert str(mac)[: len(digest)] == digest


def test_the_installers_key_is_random_and_padded_as_hmac_wants_it(admin: Session) -> None:
    inner, outer = (
        admin.execute(
            "select message_inner_key as inner, message_outer_key as outer from script_tracking_internal.installation"
        )
        .fetchall()[0]
        .values()
    )
    key = bytes(byte ^ 0x36 for byte in inner)
    assert key == bytes(byte ^ 0x5C for byte in outer)
    assert key[32:] == bytes(32)
    assert len(set(key[:32])) > 16
    mac = value(admin, "select script_tracking_internal.message_mac(%s)", "ünï")
    assert mac == hmac.new(key[:32], "ünï".encode(), "sha256").hexdigest()
