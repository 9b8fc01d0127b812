"""A text in pieces, and gzip of it: large pieces are compressed when they arrive, and a scrape joins what is ready."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
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
class Packed:
    """What gzip makes of some lines: blocks, checksum, and what puts the checksum behind another one."""

    blocks: bytes
    checksum: int
    shift: int


@dataclass(eq=False)
class Piece:
    """Some lines, which are compressed once: when they arrive, or when they are first asked for."""

    text: bytes
    known: Packed | None = None

    def packed(self) -> Packed:
        """As it goes into a stream."""
        if self.known is None:
            self.known = Packed(_deflate([self.text]), zlib.crc32(self.text), checksum.shift(len(self.text)))
        return self.known


Part = bytes | Piece  # a small one as it is: there are a hundred thousand, and bytes are nothing that may be garbage


def part(text: bytes) -> Part:
    """A part of a text, ready to be joined."""
    if len(text) < READY_FROM_BYTES:
        return text
    piece = Piece(text)
    piece.packed()
    return piece


def together(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The same text in fewer parts: small ones that follow each other are one, and no more compressed each time."""
    found = list[Part]()
    for kind, some in groupby(parts, key=type):
        if kind is Piece:
            found += some
        else:
            text = b"".join(map(plain, some))
            found.append(text if len(text) < READY_FROM_BYTES else Piece(text))
    return tuple(found)


def plain(one: Part) -> bytes:
    """Its lines."""
    return one if isinstance(one, bytes) else one.text


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
        return Piece(text, Packed(blocks, self._checksum, checksum.shift(len(text))))


@dataclass(frozen=True, eq=False)
class Text:
    """The whole of a format."""

    texts: Sequence[Part]

    @cached_property
    def parts(self) -> Sequence[bytes]:
        """As it is, to be sent one after the other."""
        return tuple(in_parts(map(plain, self.texts)))

    @cached_property
    def size(self) -> int:
        """Length of the whole."""
        return sum(map(len, map(plain, self.texts)))

    @property
    def plain(self) -> bytes:
        """As it is, joined."""
        return b"".join(map(plain, self.texts))

    @property
    def unready_bytes(self) -> int:
        """What packing it has yet to compress."""
        return sum(len(plain(one)) for one in self.texts if isinstance(one, bytes) or one.known is None)

    def packed(self) -> bytes:
        """As gzip."""
        blocks, small, total = [_HEAD], list[bytes](), 0
        for text in self.texts:
            if isinstance(text, bytes):
                small.append(text)
                continue
            if small:
                blocks.append(_deflate(small))
                total = _crc32(small, total)
                small = []
            packed = text.packed()
            blocks.append(packed.blocks)
            total = checksum.joined(total, packed.checksum, packed.shift)
        if small:
            blocks.append(_deflate(small))
            total = _crc32(small, total)
        return b"".join([*blocks, _END, struct.pack("<II", total, self.size & 0xFFFFFFFF)])


def _crc32(texts: Sequence[bytes], before: int) -> int:
    for text in in_parts(texts):
        before = zlib.crc32(text, before)
    return before
