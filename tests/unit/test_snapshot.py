"""The snapshot hands out the same text until something of it changes or ends."""

from __future__ import annotations

import asyncio
import gc
import zlib
from collections.abc import Iterable

import pytest

from exporter.collect import packing
from exporter.collect import snapshot as snapshots
from exporter.collect.families import Family
from exporter.collect.snapshot import Snapshot
from exporter.metricmap import MetricSpec

SPEC = MetricSpec.model_validate({"name": "script_tracking_x", "type": "gauge", "help": "X.", "value": "value"})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, which the test sets."""
    now = [100.0]
    monkeypatch.setattr(snapshots, "monotonic", lambda: now[0])
    return now


def put(snapshot: Snapshot, value: float, end: float, source: str = "a") -> None:
    """What a source says of the target shop."""
    snapshot.put("shop", source, [Family(SPEC, {(("target", "shop"), ("source", source)): value})], end)


def text(snapshot: Snapshot) -> bytes:
    """The text format."""
    return snapshot.exposition(openmetrics=False)


def test_the_text_is_made_anew_only_where_it_would_differ(clock: list[float]) -> None:
    snapshot = Snapshot()
    snapshot.declare(SPEC, "X.")
    put(snapshot, 1, 110)
    first = snapshot.text(openmetrics=False)
    assert b'source="a",target="shop"} 1.0' in first.plain
    assert snapshot.text(openmetrics=False) is first
    put(snapshot, 1, 120)
    assert snapshot.text(openmetrics=False) is first, "nothing has changed but how long it holds"
    clock[0] = 115
    assert b'source="a",target="shop"} 1.0' in text(snapshot), "it was told again and holds on"
    put(snapshot, 2, 130)
    assert b'source="a",target="shop"} 2.0' in text(snapshot)
    assert snapshot.exposition(openmetrics=True) == text(snapshot) + b"# EOF\n"


def test_a_piece_past_its_end_goes_and_comes_back(clock: list[float]) -> None:
    snapshot = Snapshot()
    snapshot.declare(SPEC, "X.")
    put(snapshot, 1, 110, "a")
    put(snapshot, 1, 120, "b")
    assert text(snapshot).count(b"source=") == 2
    clock[0] = 111
    assert text(snapshot).count(b"source=") == 1
    put(snapshot, 1, 150, "a")
    assert text(snapshot).count(b"source=") == 2
    snapshot.withdraw("shop", ["b"])
    assert text(snapshot).count(b"source=") == 1


def test_samples_of_one_type_are_not_told_under_another(clock: list[float]) -> None:
    snapshot = Snapshot()
    snapshot.declare(SPEC, "X.")
    put(snapshot, 1, 200)
    snapshot.declare(SPEC, "Y.")
    assert b'target="shop"} 1.0' in text(snapshot), "another text is no other metric"
    snapshot.declare(SPEC.model_copy(update={"type": "counter"}), "Y.")
    assert text(snapshot) == b""
    assert snapshot.samples == 0
    put(snapshot, 2, 200)
    assert b'target="shop"} 2.0' in text(snapshot)


def test_what_is_told_is_nothing_that_may_be_garbage() -> None:
    """Python looks through all that may be, and holds up everything meanwhile: 50 ms for a hundred thousand objects."""
    snapshot = Snapshot()
    specs = [SPEC.model_copy(update={"name": f"script_tracking_{number}"}) for number in range(20)]
    for spec in specs:
        snapshot.declare(spec, "X.")
    gc.collect()
    before = len(gc.get_objects())
    for number in range(100):
        target = f"target {number}"
        families = [Family(spec, {(("target", target),): float(number)}) for spec in specs]
        snapshot.put(target, "a", families, 110)
        snapshot.prolong(target, "a", 120)
    del families
    gc.collect()
    assert snapshot.samples == 2000
    assert len(gc.get_objects()) - before < 300, "one or two for a target, and none for each of its families"


def test_a_family_of_many_pieces_is_joined_and_compressed_again_only_where_one_changed(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a scrape costs goes with what has changed since the one before, not with the number of targets."""
    joined: list[int] = []
    compressed: list[int] = []
    together, deflate = packing.together, packing._deflate

    def counted(parts: Iterable[packing.Part]) -> tuple[packing.Part, ...]:
        some = list(parts)
        joined.append(len(some) - 1)
        return together(some)

    def measured(texts: list[bytes]) -> bytes:
        compressed.append(sum(map(len, texts)))
        return deflate(texts)

    monkeypatch.setattr(snapshots, "together", counted)
    monkeypatch.setattr(packing, "_deflate", measured)
    snapshot = Snapshot()
    specs = [SPEC.model_copy(update={"name": f"script_tracking_{number}"}) for number in range(3)]
    for spec in specs:
        snapshot.declare(spec, "X.")

    def tell(targets: range, some: list[MetricSpec], value: float, end: float) -> None:
        for number in targets:
            target = f"target {number}"
            snapshot.put(target, "a", [Family(spec, {(("target", target),): value}) for spec in some], end)

    def scraped() -> tuple[list[int], int]:
        """Of the families that were joined anew their pieces, and how many times a large text was compressed."""
        joined.clear()
        compressed.clear()
        packed = snapshot.text(openmetrics=False).packed()
        assert zlib.decompress(packed, wbits=31) == snapshot.exposition(openmetrics=False)
        return list(joined), sum(size > packing.READY_FROM_BYTES for size in compressed)

    tell(range(200), specs, 1, 110)
    assert scraped() == ([200, 200, 200], 3)
    tell(range(200), specs, 1, 120)
    clock[0] = 115  # past the end that the first texts had
    assert scraped() == ([], 0)
    tell(range(7), specs[1:2], 2, 130)
    assert scraped() == ([200], 1)
    tell(range(120), specs, 2, 150)
    assert scraped() == ([200, 200, 200], 3)
    clock[0] = 125  # only these are left
    assert scraped() == ([120, 120, 120], 3)
    snapshot.forget("target 3")
    assert scraped() == ([119, 119, 119], 3)
    assert snapshot.exposition(openmetrics=False).count(b'target 3"') == 0


async def test_others_have_their_turn_while_families_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "TURN_SECONDS", -1.0)
    snapshot, specs = Snapshot(), [SPEC.model_copy(update={"name": f"script_tracking_{n}"}) for n in range(9)]
    for spec in specs:
        snapshot.declare(spec, "X.")
        snapshot.put("shop", spec.name, [Family(spec, {(("target", "shop"),): 1.0})])
    joining = asyncio.create_task(snapshot.text_in_turns(openmetrics=False))
    turns = 0
    while not joining.done():
        await asyncio.sleep(0)
        turns += 1
        if turns == 5:
            for spec in specs:
                snapshot.put("shop", spec.name, [Family(spec, {(("target", "shop"),): 2.0})])
    assert turns >= len(specs), "what changes meanwhile is not joined anew in one go"
    told = joining.result().plain
    assert 0 < told.count(b'{target="shop"} 1.0') < 9, "each family is of the moment of its own"
    assert told.count(b'{target="shop"}') == 9
    assert text(snapshot).count(b'{target="shop"} 2.0') == 9, "a text that is not of one moment is not kept"
    again = await snapshot.text_in_turns(openmetrics=False)
    assert await snapshot.text_in_turns(openmetrics=False) is again
    assert again.plain == text(snapshot)
