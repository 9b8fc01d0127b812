"""A text in pieces, and gzip of it: large pieces are compressed when they arrive, and a scrape joins what is ready."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

LEVEL = 1
READY_FROM_BYTES = 4096  # smaller pieces compress better together, when they are asked for

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # no name, no time, the fastest level
_END = b"\x03\x00"  # the last block of a stream, which is empty


def _deflate(texts: Sequence[bytes]) -> bytes:
    """Blocks of a deflate stream, of which none is the last; they end with a byte, so that others may follow."""
    compressor = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
    return b"".join([*map(compressor.compress, texts), compressor.flush(zlib.Z_SYNC_FLUSH)])


@dataclass(frozen=True)
class Piece:
    """Some lines, with their blocks where these are made beforehand."""

    text: bytes
    blocks: bytes | None = None

    @classmethod
    def of(cls, text: bytes) -> Piece:
        """A piece that is ready to be joined."""
        return cls(text, _deflate([text]) if len(text) >= READY_FROM_BYTES else None)


@dataclass(frozen=True, eq=False)
class Text:
    """The whole of a format."""

    pieces: Sequence[Piece]

    @cached_property
    def plain(self) -> bytes:
        """As it is."""
        return b"".join([piece.text for piece in self.pieces])

    @property
    def unready_bytes(self) -> int:
        """What packing it has yet to compress."""
        return sum(len(piece.text) for piece in self.pieces if piece.blocks is None)

    def packed(self) -> bytes:
        """As gzip."""
        parts, small = [_HEAD], list[bytes]()
        for piece in self.pieces:
            if piece.blocks is None:
                small.append(piece.text)
                continue
            if small:
                parts.append(_deflate(small))
                small = []
            parts.append(piece.blocks)
        if small:
            parts.append(_deflate(small))
        return b"".join([*parts, _END, struct.pack("<II", zlib.crc32(self.plain), len(self.plain) & 0xFFFFFFFF)])
