"""How many DDL statements and failures of a database there were in each quarter of an hour that was looked at."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from exporter.database import Row

SLOT_SECONDS = 900
SLOTS = 48  # twelve hours
FAILED = ("FAILED", "INTERRUPTED")
LOGINS = ("LOGIN", "REGISTRATION")  # a wrong password is no failure of operations


@dataclass(frozen=True, slots=True)
class Stretch:
    """The last hours: of each quarter of an hour, the oldest first, how many DDL statements and how many failures."""

    ddl: Sequence[int]
    failed: Sequence[int]
    since: float  # when the first of them begins, in seconds of the epoch
    seen_from: float  # when the exporter began to look: nothing is known of what was before


class Counts(NamedTuple):
    """How many there ever were."""

    ddl: int = 0
    failed: int = 0


NONE = Counts()


def counts_of(rows: Sequence[Row], before: Counts = NONE) -> Counts:
    """What rows of the collector of operations count, and those before them."""
    ddl = sum(int(row["operations_total"] or 0) for row in rows if row["script_type"] == "DDL")
    failed = sum(
        int(row["operations_total"] or 0)
        for row in rows
        if row["status"] in FAILED and row["script_type"] not in LOGINS
    )
    return Counts(before.ddl + ddl, before.failed + failed)


class Course:
    """Made of the counters that the collector of operations brings; what nobody saw come counts when it is seen."""

    def __init__(self) -> None:
        self._counts: deque[list[int]] = deque(maxlen=SLOTS)
        self._last: Counts | None = None
        self._slot = 0
        self._seen_from = 0.0

    def note(self, counts: Counts) -> None:
        """Takes the counters as of now."""
        now = time.time()
        if self._last is None:
            self._seen_from = now
        self._turn(int(now // SLOT_SECONDS))
        if self._last is not None:
            more = counts.ddl - self._last.ddl, counts.failed - self._last.failed
            for number, amount in enumerate(more):
                self._counts[-1][number] += max(amount, 0)  # less is another database under the name: that begins anew
        self._last = counts

    def _turn(self, slot: int) -> None:
        """Begins what quarters of an hour have begun since; a clock that steps back begins none."""
        if not self._counts:
            self._counts.append([0, 0])
        elif slot > self._slot:
            self._counts.extend([0, 0] for _ in range(min(slot - self._slot, SLOTS)))
        self._slot = max(slot, self._slot)

    @property
    def stretch(self) -> Stretch | None:
        """What was seen; None before there was a look at the counters."""
        if self._last is None:
            return None
        self._turn(int(time.time() // SLOT_SECONDS))
        ddl, failed = zip(*self._counts, strict=True)
        return Stretch(ddl, failed, float(SLOT_SECONDS * (self._slot - len(ddl) + 1)), self._seen_from)
