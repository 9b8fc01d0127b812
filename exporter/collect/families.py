"""Rows of a function to samples of metric families, with labels checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from exporter.collect.caps import OTHER, Shown
from exporter.database import Row
from exporter.errors import QueryFailed
from exporter.metricmap import CollectorSpec, MetricSpec

LabelSet = tuple[tuple[str, str], ...]

EXEMPLAR_CHARACTERS = 128  # of all names and values, by OpenMetrics 1.0


@dataclass(frozen=True)
class Exemplar:
    """What stands for one sample's others, and when it was, in seconds of the epoch."""

    labels: LabelSet
    timestamp: float


@dataclass
class Family:
    """Samples of one metric: value by labels, or for a histogram its buckets and sum by labels."""

    spec: MetricSpec
    values: dict[LabelSet, float] = field(default_factory=dict)
    buckets: dict[LabelSet, list[tuple[float, float]]] = field(default_factory=dict)
    sums: dict[LabelSet, float] = field(default_factory=dict)
    exemplars: dict[LabelSet, Exemplar] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many samples it has."""
        return len(self.values) + sum(map(len, self.buckets.values())) + 2 * len(self.buckets)

    def sizes(self) -> Iterator[tuple[LabelSet, int]]:
        """How many samples there are of each set of labels."""
        yield from ((labels, 1) for labels in self.values)
        yield from ((labels, len(bounds) + 2) for labels, bounds in self.buckets.items())

    def narrow(self, left: Sequence[LabelSet]) -> None:
        """Leaves the samples of these labels alone."""
        self.values = {labels: self.values[labels] for labels in left if labels in self.values}
        self.buckets = {labels: self.buckets[labels] for labels in left if labels in self.buckets}
        self.sums = {labels: self.sums[labels] for labels in self.buckets if labels in self.sums}
        self.exemplars = {labels: self.exemplars[labels] for labels in self.values if labels in self.exemplars}


class Families:
    """The families of one collection, made of its rows a portion at a time."""

    def __init__(self, spec: CollectorSpec, target: str, shown: Shown | None = None) -> None:
        self._spec = spec
        self._target = target
        self._shown = shown or Shown()
        self._folds = [_Fold(Family(metric)) for metric in spec.metrics]
        self.dropped = 0  # a duplicate, a label that is NULL, or what has no sum and would have been added to `other`

    @property
    def families(self) -> list[Family]:
        """What was made so far."""
        return [fold.family for fold in self._folds]

    def add(self, rows: Sequence[Row]) -> None:
        """Adds rows. A value that is NULL is unknown and left out, which is not a drop. Raises QueryFailed for rows of
        another shape.
        """
        missing = _columns(self._spec) - rows[0].keys() if rows else set()
        if missing:
            raise QueryFailed(f"{self._spec.function}() returns no column {', '.join(sorted(missing))}")
        for fold in self._folds:
            metric = fold.family.spec
            for row in rows:
                own = _labels(metric, self._target, row)
                try:
                    if own is None or not self._add(fold, own, row):
                        self.dropped += 1
                except (TypeError, ValueError):
                    told = f"{self._spec.function}() returns a value of {metric.name} that is no number"
                    raise QueryFailed(told) from None

    def _add(self, fold: _Fold, own: LabelSet, row: Row) -> bool:
        labels = tuple((label, self._shown.name(label, value)) for label, value in own)
        if not any(value == OTHER and self._shown.is_full(label) for label, value in labels):
            return _add(fold.family, labels, row)
        return fold.add(own, labels, row)


class _Fold:
    """A family, and of what was added up in it whose share is in already."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self._seen: set[tuple[LabelSet, float | None]] = set()

    def add(self, own: LabelSet, labels: LabelSet, row: Row) -> bool:
        """Adds a row to those that stand together under other labels than its own; False where it is in already."""
        metric = self.family.spec
        if metric.type == "histogram":
            return self._add_bucket(own, labels, row)
        how, value = metric.others, row[str(metric.value)] if metric.value is not None else None
        if how is None or value is None or math.isnan(float(value)):
            return how is not None
        if (own, None) in self._seen:
            return False
        self._seen.add((own, None))
        known = self.family.values.get(labels)
        self.family.values[labels] = float(value) if known is None else _COMBINED[how](known, float(value))
        return True

    def _add_bucket(self, own: LabelSet, labels: LabelSet, row: Row) -> bool:
        metric = self.family.spec
        bound, count, total = (row[str(column)] for column in (metric.le, metric.bucket, metric.sum))
        if bound is None or count is None or total is None:
            return True
        if (own, float(bound)) in self._seen:
            return False
        bounds = dict(self.family.buckets.get(labels, ()))
        bounds[float(bound)] = bounds.get(float(bound), 0.0) + float(count)
        self.family.buckets[labels] = list(bounds.items())
        if (own, None) not in self._seen:  # the sum stands beside each of the buckets
            self.family.sums[labels] = self.family.sums.get(labels, 0.0) + float(total)
        self._seen |= {(own, float(bound)), (own, None)}
        return True


_COMBINED: dict[str, Callable[[float, float], float]] = {"sum": float.__add__, "min": min, "max": max}


def from_rows(
    spec: CollectorSpec, target: str, rows: list[Row], shown: Shown | None = None
) -> tuple[list[Family], int]:
    """Families of one collection, and how many samples were dropped. Raises as Families.add() does."""
    made = Families(spec, target, shown)
    made.add(rows)
    return made.families, made.dropped


def _columns(spec: CollectorSpec) -> set[str]:
    """Every column that a collector's metrics are made of."""
    made_of = [[metric.value, metric.bucket, metric.le, metric.sum, *metric.labels.values()] for metric in spec.metrics]
    return {column for columns in made_of for column in columns if column is not None}


def _labels(metric: MetricSpec, target: str, row: Row) -> LabelSet | None:
    labels = [("target", target)]
    for label, column in metric.labels.items():
        value = row[column]
        if value is None:
            return None
        labels.append((label, str(value)))
    return tuple(labels)


def _add(family: Family, labels: LabelSet, row: Row) -> bool:
    """Adds one row; False where its sample stands already."""
    metric = family.spec
    if metric.type == "histogram":
        bounds = family.buckets.setdefault(labels, [])
        bound, count, total = (row[str(column)] for column in (metric.le, metric.bucket, metric.sum))
        if bound is None or count is None or total is None:
            return True
        if any(bound == known for known, _ in bounds):
            return False
        bounds.append((float(bound), float(count)))
        family.sums[labels] = float(total)
        return True
    value = 1.0 if metric.type == "info" else row[str(metric.value)]
    if value is None or math.isnan(float(value)):
        return True
    if labels in family.values:
        return False
    family.values[labels] = float(value)
    exemplar = _exemplar(metric, row)
    if exemplar is not None:
        family.exemplars[labels] = exemplar
    return True


def _exemplar(metric: MetricSpec, row: Row) -> Exemplar | None:
    """The row's exemplar; None where a part of it is NULL or missing, or where OpenMetrics finds it too long."""
    if metric.exemplar is None:
        return None
    values = {label: row.get(column) for label, column in metric.exemplar.labels.items()}
    timestamp = row.get(metric.exemplar.timestamp)
    labels = tuple((label, str(value)) for label, value in values.items() if value is not None)
    length = sum(len(label) + len(value) for label, value in labels)
    if timestamp is None or len(labels) < len(values) or length > EXEMPLAR_CHARACTERS:
        return None
    return Exemplar(labels, float(timestamp))
