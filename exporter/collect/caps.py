"""Caps on how many samples are told, and on how many tenants and types by name: what came after the first so many is
told together, as `other`.

Who is told by name is decided by the order in which they came to the record, which never changes: a counter of `other`
that a tenant left would fall, and Prometheus would take that for a reset. So it is the same after a restart and in each
replica.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from psycopg.sql import SQL

from exporter.config import LimitsConfig
from exporter.database import Connection, Row
from exporter.logs import get_logger
from exporter.metricmap import CollectorSpec
from exporter.sqlfiles import query
from exporter.statement import fetch

if TYPE_CHECKING:
    from exporter.collect.families import Family, LabelSet

log = get_logger("collect")

OTHER = "other"
SHOWN_TIMEOUT_SECONDS = 3.0
PORTION = 200  # samples that are made, sorted or rendered in one turn of the event loop: about half a millisecond
CAPPED = ("tenant", "script_type")  # columns, and labels


@dataclass(frozen=True)
class Shown:
    """The values that are told by name, by label; without a limit for a label all of them are."""

    limits: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, limits: Mapping[str, int], rows: list[Row]) -> Shown:
        """As the database lists them, the first ones first."""
        values = {label: frozenset(row["value"] for row in rows if row["label"] == label) for label in limits}
        return cls(limits, values)

    def is_full(self, label: str) -> bool:
        """Whether what is not among them is `other`: there is no room for it any more."""
        return label in self.limits and len(self.values.get(label, ())) >= self.limits[label]

    def name(self, label: str, value: str) -> str:
        """The value of a label that stands for this one."""
        return value if not self.is_full(label) or value in self.values[label] else OTHER

    def has_news(self, spec: CollectorSpec, rows: list[Row]) -> bool:
        """Whether rows hold a value that came after this was asked for, and for which there may be room."""
        labels = {label for metric in spec.metrics for label in metric.labels}
        return any(
            not {str(row[label]) for row in rows if row.get(label) is not None} <= self.values.get(label, frozenset())
            for label in labels.intersection(self.limits)
            if not self.is_full(label)
        )


Kept = set[tuple[str, "LabelSet"]]
Item = TypeVar("Item")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """So many at a time."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


async def cut(families: Sequence[Family], most: int, kept: Kept) -> int:
    """Leaves so many samples, and returns how many went. `kept` are those of the last time, which stay before others;
    it is brought up to date. Others have their turn meanwhile: there may be a million.
    """
    total = sum(family.size for family in families)
    if total <= most:
        kept.clear()
        return 0
    sorted_parts: list[list[tuple[bool, LabelSet, int, int]]] = []
    for number, family in enumerate(families):
        name = family.spec.name
        for part in batched(family.sizes(), PORTION):
            sorted_parts.append(sorted(((name, labels) not in kept, labels, number, size) for labels, size in part))
            await asyncio.sleep(0)
    kept.clear()
    left: list[list[LabelSet]] = [[] for _ in families]
    told = 0
    for count, (_, labels, number, size) in enumerate(merge(*sorted_parts), 1):
        if told + size <= most:
            told += size
            left[number].append(labels)
            kept.add((families[number].spec.name, labels))
        if told == most:
            break
        if count % PORTION == 0:
            await asyncio.sleep(0)
    for family, labelled in zip(families, left, strict=True):
        family.narrow(labelled)
        await asyncio.sleep(0)
    return total - told


class Caps:
    """The caps of one target, and what they let through."""

    def __init__(self, target: str, limits: LimitsConfig) -> None:
        self._target = target
        self.limits = limits
        self.shown = Shown()
        self._cutting: set[str] = set()
        self._kept: dict[str, Kept] = {}  # what was told of a collector that returns too much

    async def learn(self, connection: Connection, spec: CollectorSpec, rows: Sequence[Row]) -> None:
        """Asks which tenants and types are told by name, where these rows or other limits may change that."""
        limits = {"tenant": self.limits.tenants, "script_type": self.limits.script_types}
        if self.shown.limits == limits and not await self._has_news(spec, rows):
            return
        statement = SQL(query("target", "shown_labels")).format(
            tenants=limits["tenant"], script_types=limits["script_type"]
        )
        found = Shown.of(limits, await fetch(connection, statement, timeout=SHOWN_TIMEOUT_SECONDS, read_only=True))
        if found != self.shown:  # by which is known whether what was made of rows would be made of them again
            self.shown = found

    async def _has_news(self, spec: CollectorSpec, rows: Sequence[Row]) -> bool:
        for portion in batched(rows, PORTION):
            if self.shown.has_news(spec, portion):
                return True
            await asyncio.sleep(0)
        return False

    async def cut(self, spec: CollectorSpec, families: Sequence[Family], others: int) -> int:
        """Leaves as many samples as there is room for beside those of the others; how many went."""
        room = max(min(self.limits.samples, self.limits.all_samples - others), 0)
        gone = await cut(families, room, self._kept.setdefault(spec.name, set()))
        if bool(gone) != (spec.name in self._cutting):
            tell = log.warning if gone else log.info
            tell("samples_dropped", target=self._target, collector=spec.name, samples=gone, limit=room)
            (self._cutting.add if gone else self._cutting.discard)(spec.name)
        return gone
