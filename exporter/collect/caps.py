"""Caps on how many samples are told, and on how many tenants and types by name: what came after the first so many is
told together, as `other`.

Who is told by name is decided by the order in which they came to the record, which never changes: a counter of `other`
that a tenant left would fall, and Prometheus would take that for a reset. So it is the same after a restart and in each
replica.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg.sql import SQL

from exporter.config import LimitsConfig
from exporter.database import Connection, Row, fetch
from exporter.logs import get_logger
from exporter.metricmap import CollectorSpec
from exporter.sqlfiles import query

if TYPE_CHECKING:
    from exporter.collect.families import Family, LabelSet

log = get_logger("collect")

OTHER = "other"
SHOWN_TIMEOUT_SECONDS = 3.0
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


def cut(families: Sequence[Family], most: int, kept: Kept) -> int:
    """Leaves so many samples, and returns how many went. `kept` are those of the last time, which stay before others;
    it is brought up to date.
    """
    if sum(family.size for family in families) <= most:
        kept.clear()
        return 0
    sizes = [
        (family, labels, size)
        for family in families
        for labels, size in [
            *((labels, 1) for labels in family.values),
            *((labels, len(bounds) + 2) for labels, bounds in family.buckets.items()),
        ]
    ]
    sizes.sort(key=lambda item: ((item[0].spec.name, item[1]) not in kept, item[1]))
    kept.clear()
    gone = 0
    for family, labels, size in sizes:
        if size <= most:
            most -= size
            kept.add((family.spec.name, labels))
        else:
            gone += size
            family.remove(labels)
    return gone


class Caps:
    """The caps of one target, and what they let through."""

    def __init__(self, target: str, limits: LimitsConfig) -> None:
        self._target = target
        self.limits = limits
        self.shown = Shown()
        self._cutting: set[str] = set()
        self._kept: dict[str, Kept] = {}  # what was told of a collector that returns too much

    async def learn(self, connection: Connection, spec: CollectorSpec, rows: list[Row]) -> None:
        """Asks which tenants and types are told by name, where these rows or other limits may change that."""
        limits = {"tenant": self.limits.tenants, "script_type": self.limits.script_types}
        if not self.shown.has_news(spec, rows) and self.shown.limits == limits:
            return
        statement = SQL(query("target", "shown_labels")).format(
            tenants=limits["tenant"], script_types=limits["script_type"]
        )
        found = Shown.of(limits, await fetch(connection, statement, timeout=SHOWN_TIMEOUT_SECONDS, read_only=True))
        if found != self.shown:  # by which is known whether what was made of rows would be made of them again
            self.shown = found

    def cut(self, spec: CollectorSpec, families: Sequence[Family], others: int) -> int:
        """Leaves as many samples as there is room for beside those of the others; how many went."""
        room = max(min(self.limits.samples, self.limits.all_samples - others), 0)
        gone = cut(families, room, self._kept.setdefault(spec.name, set()))
        if bool(gone) != (spec.name in self._cutting):
            tell = log.warning if gone else log.info
            tell("samples_dropped", target=self._target, collector=spec.name, samples=gone, limit=room)
            (self._cutting.add if gone else self._cutting.discard)(spec.name)
        return gone
