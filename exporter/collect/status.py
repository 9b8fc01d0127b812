"""The exporter's own metrics of one target: up, and how each collector fares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from exporter.buildinfo import facts
from exporter.collect.families import Family
from exporter.collect.snapshot import Snapshot
from exporter.metricmap import MetricSpec

SOURCE = "exporter"

Labels = tuple[tuple[str, str], ...]


class TargetStatus:
    """Values of the own metrics of one target; publish() renders them into the snapshot."""

    def __init__(self, target: str, specs: Mapping[str, MetricSpec]) -> None:
        self._target = target
        self._specs = specs
        self.alone: str | None = None  # the key of the only values that may be handed out
        self._values: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
        self._changed: set[tuple[str, Labels]] = set()
        self._published_alone: str | None = None
        self._is_ended = False

    def set(self, key: str, value: float, **labels: str) -> None:
        """Sets one value; the labels are those of the metric without target."""
        self._put(key, tuple(labels.items()), value)

    def _put(self, key: str, labels: Labels, value: float) -> None:
        values = self._values[key]
        if values.get(labels) != value:
            values[labels] = value
            self._changed.add((key, labels))

    def add(self, key: str, amount: float, **labels: str) -> None:
        """Adds to a counter, which begins at 0."""
        known = self._values[key].get(tuple(labels.items()), 0.0)
        self._put(key, tuple(labels.items()), known + amount)

    def get(self, key: str, **labels: str) -> float | None:
        """One value; None where there is none."""
        return self._values.get(key, {}).get(tuple(labels.items()))

    def withdraw(self, key: str) -> None:
        """Removes all values of a metric."""
        values = self._values.pop(key, {})
        self._changed.update((key, labels) for labels in values)

    def drop(self, label: str, value: str) -> None:
        """Removes the values that have a label, as of a collector that is run no more."""
        for key, values in self._values.items():
            for labels in [labels for labels in values if (label, value) in labels]:
                del values[labels]
                self._changed.add((key, labels))

    def replace(self, key: str, label: str, values: Mapping[str, float]) -> None:
        """Sets all values of a metric, by its label; others are removed."""
        for labels in [labels for labels in self._values[key] if labels[0][1] not in values]:
            del self._values[key][labels]
            self._changed.add((key, labels))
        for text, value in values.items():
            self._put(key, ((label, text),), value)

    def end(self) -> None:
        """Hands out nothing more: a task of the target may end late, and another watch have taken the name."""
        self._is_ended = True

    def publish(self, snapshot: Snapshot) -> None:
        """Hands out what has changed: of hundreds of values mostly a few."""
        if self._is_ended:
            return
        if self.alone != self._published_alone:
            self._published_alone = self.alone
            self._changed.update((key, labels) for key, values in self._values.items() for labels in values)
        for key, labels in sorted(self._changed):
            value = self._values[key].get(labels)
            is_told = value is not None and self.alone in (None, key)
            samples = {(("target", self._target), *labels): value} if is_told and value is not None else {}
            source = "/".join([SOURCE, *(text for _, text in labels)])
            snapshot.put(self._target, source, [Family(self._specs[key], samples)])
        self._changed.clear()


def publish_build(snapshot: Snapshot, specs: Mapping[str, MetricSpec]) -> None:
    """Hands out what the program is made of."""
    snapshot.put("", SOURCE, [Family(specs["build"], {tuple(facts().items()): 1.0})])


def publish_thresholds(snapshot: Snapshot, specs: Mapping[str, MetricSpec], told: Mapping[str, float]) -> None:
    """Hands out where alerts about the program itself begin."""
    samples: dict[Labels, float] = {(("threshold", name),): value for name, value in told.items()}
    snapshot.put("", "exporter_alert_threshold", [Family(specs["exporter_alert_threshold"], samples)])


def publish_values(
    snapshot: Snapshot, specs: Mapping[str, MetricSpec], target: str, values: Mapping[str, float | None]
) -> None:
    """Hands out single values of a target or, where it is '', of the program itself; None withdraws one."""
    labels = (("target", target),) if target else ()
    for key, value in values.items():
        snapshot.put(target, key, [Family(specs[key], {} if value is None else {labels: value})])
