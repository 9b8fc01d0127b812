"""A text in pieces, and gzip of it: large pieces are compressed when they arrive, and a scrape joins what is ready."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

LEVEL = 1
READY_FROM_BYTES = 4096  # smaller pieces compress better together, when they are asked for
PART_BYTES = 1024**2  # that are handed to a socket at once

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # no name, no time, the fastest level
_END = b"\x03\x00"  # the last block of a stream, which is empty


def _deflate(texts: Sequence[bytes]) -> bytes:
    """Blocks of a deflate stream, of which none is the last; they end with a byte, so that others may follow."""
    compressor = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
    return b"".join([*map(compressor.compress, texts), compressor.flush(zlib.Z_SYNC_FLUSH)])


def in_parts(texts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of which a socket takes one at a time: what it does not take at once is copied."""
    waiting, size = list[bytes](), 0
    for text in texts:
        if size + len(text) > PART_BYTES and waiting:
            yield b"".join(waiting)
            waiting, size = [], 0
        if len(text) > PART_BYTES:
            yield from (text[begin : begin + PART_BYTES] for begin in range(0, len(text), PART_BYTES))
        else:
            waiting.append(text)
            size += len(text)
    if waiting:
        yield b"".join(waiting)


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
    def parts(self) -> Sequence[bytes]:
        """As it is, to be sent one after the other."""
        return tuple(self._parts())

    def _parts(self) -> Iterator[bytes]:
        return in_parts(piece.text for piece in self.pieces)

    @cached_property
    def size(self) -> int:
        """Length of the whole."""
        return sum(len(piece.text) for piece in self.pieces)

    @property
    def plain(self) -> bytes:
        """As it is, joined."""
        return b"".join([piece.text for piece in self.pieces])

    @property
    def unready_bytes(self) -> int:
        """What packing it has yet to compress."""
        return sum(len(piece.text) for piece in self.pieces if piece.blocks is None)

    def packed(self) -> bytes:
        """As gzip."""
        blocks, small = [_HEAD], list[bytes]()
        for piece in self.pieces:
            if piece.blocks is None:
                small.append(piece.text)
                continue
            if small:
                blocks.append(_deflate(small))
                small = []
            blocks.append(piece.blocks)
        if small:
            blocks.append(_deflate(small))
        checksum = 0
        for part in self._parts():
            checksum = zlib.crc32(part, checksum)
        return b"".join([*blocks, _END, struct.pack("<II", checksum, self.size & 0xFFFFFFFF)])
