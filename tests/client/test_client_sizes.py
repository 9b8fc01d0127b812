"""exporter.client: what waits is bounded by its bytes, and so is each text."""

from __future__ import annotations

from exporter.demo.processes import free_port
from tests.client.steps import Track, ended
from tests.fix_sessions import Session


def away(tracker: Track, **settings: int) -> Track:
    return lambda: tracker(f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere", **settings)


def test_of_a_long_text_only_the_length_is_kept(tracker: Track, auditor: Session, name: str) -> None:
    track, long = tracker(), "x" * 5_000_000
    with track.operation(name, metadata={"a": [long], "b": "y"}, sql_command=long) as operation:
        operation.fail(long)
    with track.operation(name, metadata={str(number): "x" * 90_000 for number in range(20)}, sql_command="x" * 100_000):
        pass
    kept = "[not kept: 5000000 characters]"
    first, second = ended(auditor, name, 2)
    assert (first["sql_command"], first["error_message"]) == (kept, kept)
    assert (first["metadata"]["a"], first["metadata"]["b"]) == ([kept], "y")
    assert second["metadata"]["sql_command_characters"] == 100_000
    assert second["metadata"]["metadata"].startswith("[not kept: 18")


def test_a_long_text_tells_nothing_of_a_secret(tracker: Track, auditor: Session, name: str) -> None:
    padding = " -- " + "x" * 120_000
    with tracker().operation(name, sql_command=f"select * from (values ('hunter2'){padding}\n) as v (password)"):
        pass
    (row,) = ended(auditor, name)
    assert "hunter2" not in str(row)


def test_what_waits_is_bounded_by_its_bytes(tracker: Track, name: str) -> None:
    track = away(tracker, buffer_bytes=250_000)()
    for _ in range(10):
        with track.operation(name, sql_command="x" * 60_000):
            pass
    assert (track.counts.waiting, track.counts.dropped) == (4, 6)
    assert track._courier._backlog.bytes <= 250_000


def test_an_end_without_room_is_kept_without_its_texts(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker(buffer_bytes=1_000)
    with track.operation(name) as operation:
        operation.metadata["long"] = "x" * 2_000
        operation.fail("y" * 5_000)
    (row,) = ended(auditor, name)
    assert (row["execution_status"], row["error_message"]) == ("FAILED", "[not kept: 5000 characters]")
    assert "long" not in row["metadata"]


def test_what_was_delivered_or_given_up_takes_no_room(tracker: Track, auditor: Session, name: str) -> None:
    track = tracker(buffer_bytes=100_000)
    for number in range(10):
        with track.operation(f"{name}-{number}", metadata={"a": "x" * 1_000}, sql_command="x" * 60_000) as operation:
            operation.metadata["b"] = "x" * 1_000
        ended(auditor, f"{name}-{number}")
    track.close(30)
    assert (track.counts.delivered, track.counts.dropped, track._courier._backlog.bytes) == (10, 0, 0)
    refused = away(tracker)()
    with refused.operation(name, sql_command="x" * 60_000):
        pass
    refused.close(0.1)
    assert (refused.counts.dropped, refused._courier._backlog.bytes) == (1, 0)
