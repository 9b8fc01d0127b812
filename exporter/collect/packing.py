"""A text in pieces, and gzip of it: large pieces are compressed when they arrive, and a scrape joins what is ready."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from exporter.collect import checksum

LEVEL = 1
READY_FROM_BYTES = 4096  # smaller pieces compress better together, when they are asked for
PART_BYTES = 1024**2  # that are handed to a socket at once

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # no name, no time, the fastest level
_END = b"\x03\x00"  # the last block of a stream, which is empty


def _compressor() -> Any:
    return zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)


def _deflate(texts: Sequence[bytes]) -> bytes:
    """Blocks of a deflate stream, of which none is the last; they end with a byte, so that others may follow."""
    compressor = _compressor()
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
class Ready:
    """What gzip makes of a piece: its blocks, its checksum, and what puts the checksum behind another one."""

    blocks: bytes
    checksum: int
    shift: int


@dataclass(frozen=True)
class Piece:
    """Some lines, with what gzip makes of them where that is made beforehand."""

    text: bytes
    ready: Ready | None = None

    @classmethod
    def of(cls, text: bytes) -> Piece:
        """A piece that is ready to be joined."""
        if len(text) < READY_FROM_BYTES:
            return cls(text)
        return cls(text, Ready(_deflate([text]), zlib.crc32(text), checksum.shift(len(text))))


class Packer:
    """Makes a piece that is ready out of texts, each of which is compressed when it comes."""

    def __init__(self) -> None:
        self._compressor = _compressor()
        self._texts: list[bytes] = []
        self._blocks: list[bytes] = []
        self._checksum = 0

    def add(self, text: bytes) -> None:
        """Adds what follows."""
        self._texts.append(text)
        self._blocks.append(self._compressor.compress(text))
        self._checksum = zlib.crc32(text, self._checksum)

    def piece(self) -> Piece:
        """The whole; nothing can be added any more."""
        text = b"".join(self._texts)
        blocks = b"".join([*self._blocks, self._compressor.flush(zlib.Z_SYNC_FLUSH)])
        return Piece(text, Ready(blocks, self._checksum, checksum.shift(len(text))))


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
        return sum(len(piece.text) for piece in self.pieces if piece.ready is None)

    def packed(self) -> bytes:
        """As gzip."""
        blocks, small, total = [_HEAD], list[bytes](), 0
        for piece in self.pieces:
            if piece.ready is None:
                small.append(piece.text)
                total = zlib.crc32(piece.text, total)
                continue
            if small:
                blocks.append(_deflate(small))
                small = []
            blocks.append(piece.ready.blocks)
            total = checksum.joined(total, piece.ready.checksum, piece.ready.shift)
        if small:
            blocks.append(_deflate(small))
        return b"".join([*blocks, _END, struct.pack("<II", total, self.size & 0xFFFFFFFF)])
