"""A text of pieces is one gzip stream, whichever of them were compressed beforehand."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collect import checksum, packing
from exporter.collect.families import Family, LabelSet
from exporter.collect.packing import READY_FROM_BYTES, Packer, Piece, Text
from exporter.collect.snapshot import Snapshot
from exporter.metricmap import MetricSpec

SPEC = MetricSpec.model_validate({"name": "script_tracking_x", "type": "gauge", "help": "X.", "value": "value"})


def unpacked(packed: bytes) -> bytes:
    """What a reader of a single gzip stream makes of it; every byte belongs to the stream."""
    reader = zlib.decompressobj(wbits=31)
    text = reader.decompress(packed)
    assert (reader.eof, reader.unused_data) == (True, b"")
    return text


def packed(*texts: bytes) -> Piece:
    """A piece that is ready, however short, made of texts that came one after the other."""
    packer = Packer()
    for text in texts:
        packer.add(text)
    return packer.piece()


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=9), st.integers(0, 99)), min_size=1, max_size=6))
def test_the_checksum_of_the_whole_is_put_together_of_those_of_its_parts(seeds: list[tuple[bytes, int]]) -> None:
    texts = [seed * times for seed, times in seeds]
    total = 0
    for text in texts:
        total = checksum.joined(total, zlib.crc32(text), checksum.shift(len(text)))
    assert total == zlib.crc32(b"".join(texts))


def test_the_checksum_of_a_very_long_text_is_put_together_as_well() -> None:
    first, second = b"x" * 5, bytes(2**24 + 1)
    joined = checksum.joined(zlib.crc32(first), zlib.crc32(second), checksum.shift(len(second)))
    assert joined == zlib.crc32(first + second)


def test_a_piece_may_come_in_parts() -> None:
    piece = packed(b"one\n" * 2000, b"", b"two\n" * 2000)
    assert piece.text == b"one\n" * 2000 + b"two\n" * 2000
    assert unpacked(Text([b"head\n", piece, b"end\n"]).packed()) == b"head\n" + piece.text + b"end\n"


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=50), st.integers(0, 500), st.booleans()), max_size=12))
def test_what_is_packed_comes_out_again(parts: list[tuple[bytes, int, bool]]) -> None:
    texts = [(seed * times, ready) for seed, times, ready in parts]
    pieces = [packed(text) if ready else text for text, ready in texts]
    whole = Text(pieces)
    assert whole.plain == b"".join(text for text, _ in texts)
    assert unpacked(whole.packed()) == whole.plain
    assert whole.unready_bytes == sum(len(text) for text, ready in texts if not ready)


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.integers(0, 9)), max_size=12), st.integers(1, 40))
def test_parts_are_the_whole_and_none_is_longer_than_a_socket_is_handed(
    seeds: list[tuple[bytes, int]], most: int
) -> None:
    texts = [seed * times for seed, times in seeds]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "PART_BYTES", most)
        whole = Text(texts)
        assert b"".join(whole.parts) == whole.plain == b"".join(texts)
        assert whole.size == len(whole.plain)
        assert max(map(len, whole.parts), default=0) <= most
        assert unpacked(whole.packed()) == whole.plain


def test_a_text_that_one_part_holds_is_not_copied() -> None:
    text = b"x" * 5000
    assert next(packing.in_parts([text])) is text


def test_what_has_not_changed_is_not_compressed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    compressed: list[int] = []
    deflate = packing._deflate

    def counted(texts: list[bytes]) -> bytes:
        compressed.append(sum(map(len, texts)))
        return deflate(texts)

    monkeypatch.setattr(packing, "_deflate", counted)
    snapshot = Snapshot()
    snapshot.declare(SPEC, "X.")
    large: dict[LabelSet, float] = {(("target", "shop"), ("tenant", f"t{number}")): 1.0 for number in range(500)}
    snapshot.put("shop", "large", [Family(SPEC, large)])
    snapshot.put("shop", "small", [Family(SPEC, {(("target", "shop"),): 1.0})])
    assert unpacked(snapshot.text(openmetrics=False).packed()) == snapshot.exposition(openmetrics=False)
    assert [size >= READY_FROM_BYTES for size in compressed] == [True, False, False]  # large, heading, small
    del compressed[:]
    snapshot.put("shop", "large", [Family(SPEC, large)])
    snapshot.put("shop", "small", [Family(SPEC, {(("target", "shop"),): 2.0})])
    assert unpacked(snapshot.text(openmetrics=False).packed()) == snapshot.exposition(openmetrics=False)
    assert max(compressed) < READY_FROM_BYTES
