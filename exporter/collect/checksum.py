"""CRC-32 of two texts, one after the other, out of the checksums of each: nobody has to read them again.

A checksum is a polynomial over GF(2), its highest power in the lowest bit, modulo that of CRC-32. To put n bytes behind
a text is to multiply by x to the power of 8 n.
"""

from __future__ import annotations

POLYNOMIAL = 0xEDB88320
ONE = 1 << 31


def _product(one: int, other: int) -> int:
    result, bit = 0, ONE
    while bit:
        if one & bit:
            result ^= other
        other = other >> 1 ^ POLYNOMIAL if other & 1 else other >> 1
        bit >>= 1
    return result


def _squares() -> list[int]:
    powers = [ONE >> 1]  # x, then each the square of the one before
    for _ in range(31):
        powers.append(_product(powers[-1], powers[-1]))
    return powers


_POWERS = _squares()


def shift(length: int) -> int:
    """By what a checksum is multiplied where so many bytes follow: x to the power of 8 times their number."""
    result, number = ONE, 3
    while length:
        if length & 1:
            result = _product(_POWERS[number % len(_POWERS)], result)
        length >>= 1
        number += 1
    return result


def joined(first: int, second: int, shifted: int) -> int:
    """The checksum of two texts of which these are the checksums; `shifted` is shift() of the second one's length."""
    return _product(shifted, first) ^ second
