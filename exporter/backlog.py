"""What waits to be delivered, and what runs: bounded by number and bytes, the same for all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from exporter.declared import Counts, Outcome, Record
from exporter.described import not_kept


class Backlog:
    """Records from their beginning to their delivery. None of it raises, whoever calls."""

    def __init__(self, most_records: int, most_bytes: int) -> None:
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._waiting: dict[Record, None] = {}
        self._running: dict[Record, None] = {}
        self._closed = False
        self._delivered = self._dropped = self._refused = 0
        self.bytes = 0  # that wait

    @property
    def counts(self) -> Counts:
        """What became of the operations so far."""
        with self._lock:
            return Counts(self._delivered, self._dropped, self._refused, len(self._waiting))

    def begin(self, record: Record, may_take: Callable[[], bool]) -> bool:
        """Whether it took a record that begins; drops it where there is no room, or where `may_take` denies it."""
        with self._lock:
            full = len(self._waiting) >= self._most_records or self.bytes + record.size > self._most_bytes
            if self._closed or full or not may_take():
                self._dropped += 1
                record.refuse("the client is closed" if self._closed else "the buffer is full")
                return False
            self._waiting[record] = None
            self.bytes += record.size
            return True

    def end(self, record: Record, outcome: Outcome) -> bool:
        """Whether it took the outcome of a record that was begun."""
        with self._lock:
            if record.was_refused:
                return False  # it was counted already
            if self.bytes + outcome.size > self._most_bytes:  # that it ended counts for more than what is said of it
                outcome = replace(outcome, message=outcome.message and not_kept(len(outcome.message)), metadata=None)
            record.outcome = outcome
            self._running.pop(record, None)
            if self._closed:
                self._dropped += 1
                record.refuse("the client is closed")
                return False
            self._waiting[record] = None
            record.size += outcome.size
            self.bytes += outcome.size
            return True

    def withdraw(self, record: Record) -> None:
        """Gives a record up that was begun in vain."""
        with self._lock:
            if self._forget(record):
                self._dropped += 1
            self._running.pop(record, None)
            record.refuse("withdrawn")

    def close(self, reason: str) -> None:
        """Takes nothing any more, and drops what waits."""
        with self._lock:
            self._closed = True
            left = list(self._waiting)
            self._dropped += len(left)
            for record in left:
                self._forget(record)
                record.refuse(reason)

    def to_begin(self, most: int) -> list[Record]:
        """Records whose start the database does not know yet, but whatever is to be known of their parents."""
        with self._lock:
            waiting = list(self._waiting)
        return [record for record in waiting if not record.begun.done() and _is_known(record.parent)][:most]

    def to_end(self, most: int) -> list[Record]:
        """Records whose outcome it does not know yet, though their start."""
        with self._lock:
            waiting = list(self._waiting)
        return [record for record in waiting if record.key is not None and record.outcome is not None][:most]

    def postpone(self, record: Record) -> int:
        """Puts a record that took too long behind the others; how often it did."""
        with self._lock:
            record.tries += 1
            if record in self._waiting:
                del self._waiting[record]
                self._waiting[record] = None
            return record.tries

    def running(self) -> list[bytes]:
        """Keys of those that have begun and not ended."""
        with self._lock:
            return [record.key for record in self._running if record.key is not None]

    def begun(self, records: list[Record], keys: list[bytes | None]) -> list[bytes]:
        """Notes the keys that the database gave; those of records that were withdrawn meanwhile. What has none is
        refused: it is lost, and the database has counted it.
        """
        withdrawn = []
        with self._lock:
            for record, key in zip(records, keys, strict=True):
                if record.was_refused:  # while the database wrote it
                    withdrawn += [] if key is None else [key]
                    continue
                if key is None:
                    self._refuse(record, "the database could not record it, and counts it as lost")
                    continue
                if not record.begun.done():
                    record.begun.set_result(key)
                if record.outcome is None and self._forget(record):
                    self._running[record] = None
        return withdrawn

    def delivered(self, record: Record) -> None:
        """The database knows how it ended."""
        with self._lock:
            self._forget(record)
            self._delivered += 1
            if not record.ended.done():
                record.ended.set_result(None)

    def refused(self, record: Record, reason: str) -> None:
        """The database will not have it."""
        with self._lock:
            self._refuse(record, reason)

    def _refuse(self, record: Record, reason: str) -> None:
        self._forget(record)
        self._running.pop(record, None)
        self._refused += 1
        record.refuse(reason)

    def _forget(self, record: Record) -> bool:
        """Whether it waited; it does not any more, and what its start said needs no room."""
        waited = self._waiting.pop(record, self) is None
        self.bytes -= record.size if waited else 0
        record.size = 0
        record.metadata = record.sql_command = None
        return waited


def _is_known(parent: Record | None) -> bool:
    """Whether nothing more is to be learned of a parent's key."""
    return parent is None or parent.begun.done()
