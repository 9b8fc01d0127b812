"""What a person wants to know of one target, taken from the rows that the collectors have fetched anyway.

It is as fresh as the metrics of the same rows: past its end it is not told. Rows without what names them are left out,
as they are of the metrics; rows of another shape tell nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from exporter.collect.caps import PORTION, batched
from exporter.collect.course import NONE, Counts, Course, Stretch, counts_of
from exporter.collect.names import Names
from exporter.database import Row
from exporter.schedule import monotonic

FAILURES = 20  # kinds that are kept, the newest
TENANTS = 20  # that are kept, those with the most operations
SHARED = 1024  # texts of which there is one, however many targets have it


@dataclass(frozen=True, slots=True)
class Check:
    """One row of script_tracking.get_system_health()."""

    name: str
    status: str  # ok, warning, critical or unknown
    value: float | None
    threshold: float | None
    unit: str
    advice: str


@dataclass(frozen=True, slots=True)
class Capture:
    """At which level DDL is captured, and what was lost."""

    level: str
    lacks: str
    lost: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Failures of one tenant, type and SQLSTATE class."""

    tenant: str
    script_type: str
    error_class: str
    total: int
    last_at: float | None  # seconds of the epoch; None where the last was not within the last hours


@dataclass(frozen=True, slots=True)
class Day:
    """A tenant's last 24 hours."""

    tenant: str
    operations: int
    failed: int
    last_at: float | None


@dataclass(frozen=True, slots=True)
class Digest:
    """What is known at a moment; None is unknown."""

    checks: Sequence[Check] | None = None
    capture: Capture | None = None
    failures: Sequence[Failure] | None = None
    days: Sequence[Day] | None = None
    ddl: Mapping[str, int] | None = None  # statements by their final status
    names: Names | None = None  # which not everybody may see
    stretch: Stretch | None = None  # the last hours, those included in which the database did not answer


@lru_cache(SHARED)
def _shared(text: str) -> str:
    """The same text as before; not sys.intern(), by which CPython 3.12 keeps until 3.12.6 what is another each time.
    Raises TypeError for what is no text.
    """
    if not isinstance(text, str):
        raise TypeError
    return text


# each takes rows into what those before them came to, which is None at first


def _checks(before: Sequence[tuple[Any, ...]] | None, rows: Sequence[Row]) -> Sequence[tuple[Any, ...]]:
    # plain tuples until somebody asks, as the snapshot's are; a schema that was not upgraded yet tells no status, unit
    # and advice
    statuses = {None: "unknown", 1: "ok", 0: "warning"}
    found = tuple(
        (
            _shared(row["check_name"]),  # the texts are the same for hundreds of targets
            _shared(row.get("status") or statuses[row["ok"]]),
            row.get("value"),
            row.get("threshold"),
            _shared(row.get("unit") or ""),
            _shared(row.get("advice") or ""),
        )
        for row in rows
        if row["check_name"] is not None
    )
    return (*(before or ()), *found)


def _capture(before: Capture | None, rows: Sequence[Row]) -> Capture | None:
    if before is None:
        for row in rows:
            return Capture(row["level"] or "", row["lacks"] or "", int(row["lost_records_total"] or 0))
    return before


def _failures(before: Sequence[Failure] | None, rows: Sequence[Row]) -> Sequence[Failure]:
    found = [
        Failure(
            row["tenant"], row["script_type"], row["error_class"], int(row["errors_total"]),
            row.get("last_execution_timestamp_seconds"),
        )
        for row in rows
        if row["errors_total"] and None not in (row["tenant"], row["script_type"], row["error_class"])
    ]  # fmt: skip
    found[:0] = before or ()
    found.sort(key=lambda failure: (-(failure.last_at or 0), -failure.total, failure.tenant, failure.script_type))
    return tuple(found[:FAILURES])


def _days(before: Sequence[Day] | None, rows: Sequence[Row]) -> Sequence[Day]:
    found = [
        Day(
            row["tenant"], int(row["operations_24h"] or 0), int(row["failed_24h"] or 0),
            row["last_operation_timestamp_seconds"],
        )
        for row in rows
        if row["tenant"] is not None
    ]  # fmt: skip
    found[:0] = before or ()
    found.sort(key=lambda day: (-day.operations, day.tenant))
    return tuple(found[:TENANTS])


def _ddl(before: Mapping[str, int] | None, rows: Sequence[Row]) -> Mapping[str, int]:
    counts = dict(before or {})
    for row in rows:
        if row["script_type"] == "DDL" and row["status"] is not None:
            counts[row["status"]] = counts.get(row["status"], 0) + int(row["operations_total"] or 0)
    return counts


# by collector: what becomes of its rows
_TAKEN: Mapping[str, tuple[str, Callable[[Any, Sequence[Row]], Any]]] = {
    "health": ("checks", _checks),
    "capture": ("capture", _capture),
    "errors": ("failures", _failures),
    "dashboard": ("days", _days),
    "operations": ("ddl", _ddl),
}


@dataclass(frozen=True, slots=True)
class Digested:
    """What is wanted of the rows of a collector."""

    name: str
    told: Any  # None where nothing is known
    counts: Counts | None = None


class Digester:
    """Keeps a target's digest."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, Any]] = {}
        self._course = Course()

    @staticmethod
    async def digested(collector: str, rows: Sequence[Row]) -> Digested | None:
        """What is wanted of the rows of a collector, if anything; other tasks have their turn amid many of them."""
        if collector not in _TAKEN:
            return None
        name, reduce = _TAKEN[collector]
        counts = NONE if collector == "operations" else None
        try:
            told = reduce(None, ())
            for number, portion in enumerate(batched(rows, PORTION)):
                if number:
                    await asyncio.sleep(0)
                told = reduce(told, portion)
                if counts is not None:
                    counts = counts_of(portion, counts)
        except (AttributeError, KeyError, TypeError, ValueError):  # the function is not ours any more
            return Digested(name, None)
        return Digested(name, told, counts)

    def take(self, digested: Digested, end: float) -> None:
        """Keeps it until `end` by the monotonic clock."""
        self._told[digested.name] = end, digested.told
        if digested.counts is not None:
            self._course.note(digested.counts)

    def prolong(self, collector: str, end: float) -> None:
        """What a collector told holds until another end."""
        if collector in _TAKEN and (told := self._told.get(_TAKEN[collector][0])) is not None:
            self._told[_TAKEN[collector][0]] = end, told[1]

    def name(self, names: Names, end: float) -> None:
        """Keeps names until `end`."""
        self._told["names"] = end, names

    def forget(self, collectors: Iterable[str]) -> None:
        """Forgets what these collectors told."""
        for collector in collectors:
            if collector in _TAKEN:
                self._told.pop(_TAKEN[collector][0], None)

    def forget_all(self, *, past: bool = False) -> None:
        """Nothing is known any more; with `past` not even what was once."""
        self._told.clear()
        if past:
            self._course = Course()

    def digest(self) -> Digest:
        """What is known now."""
        now = monotonic()
        known = {name: told for name, (end, told) in self._told.items() if end > now}
        if known.get("checks") is not None:
            known["checks"] = tuple(Check(*told) for told in known["checks"])
        return Digest(**known, stretch=self._course.stretch)
