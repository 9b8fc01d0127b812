"""How much of the server's log is handed over at a time."""

from __future__ import annotations

from exporter.capture.logbatch import MOST_CHARACTERS, MOST_ENTRIES, batches


def test_all_entries_are_handed_over_once_and_in_their_order() -> None:
    items: list[dict[str, object]] = [{"line": n, "statement": "x" * (n % 7 * 20_000)} for n in range(1000)]
    found = batches(items)
    assert [item for some in found for item in some] == items
    assert max(len(some) for some in found) <= MOST_ENTRIES
    assert max(sum(len(str(item["statement"])) for item in some) for some in found) <= MOST_CHARACTERS


def test_an_entry_that_is_longer_than_a_batch_goes_alone() -> None:
    long: dict[str, object] = {"statement": "x" * MOST_CHARACTERS, "message": None, "context": "y"}
    assert batches([{"line": 1}, long, {"line": 2}]) == [[{"line": 1}], [long], [{"line": 2}]]


def test_nothing_is_one_empty_batch() -> None:
    assert batches([]) == [[]]
