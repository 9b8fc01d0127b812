"""Rows of a function to samples of metric families, with labels checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

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


def from_rows(spec: CollectorSpec, target: str, rows: list[Row]) -> tuple[list[Family], int]:
    """Families of one collection, and how many samples were dropped: a duplicate, or a label that is NULL.

    A value that is NULL is unknown and left out, which is not a drop. Raises QueryFailed for rows of another shape.
    """
    families = []
    missing = _columns(spec) - rows[0].keys() if rows else set()
    if missing:
        raise QueryFailed(f"{spec.function}() returns no column {', '.join(sorted(missing))}")
    dropped = 0
    for metric in spec.metrics:
        family = Family(metric)
        for row in rows:
            labels = _labels(metric, target, row)
            try:
                if labels is None or not _add(family, labels, row):
                    dropped += 1
            except (TypeError, ValueError):
                raise QueryFailed(f"{spec.function}() returns a value of {metric.name} that is no number") from None
        families.append(family)
    return families, dropped


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
