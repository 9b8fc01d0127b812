"""The exporter's own metrics of one target: up, and how each collector fares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from exporter.buildinfo import facts
from exporter.collect.families import Family
from exporter.collect.render import Texts, samples
from exporter.collect.snapshot import Snapshot
from exporter.metricmap import MetricSpec

SOURCE = "exporter"

Labels = tuple[tuple[str, str], ...]


class TargetStatus:
    """Values of the own metrics of one target; publish() hands out the lines of those that have changed.

    Each value's line is made once: of the hundreds that a target has, a few change.
    """

    def __init__(self, target: str, specs: Mapping[str, MetricSpec]) -> None:
        self._target = target
        self._specs = specs
        self.alone: str | None = None  # the key of the only values that may be handed out
        self._values: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
        self._lines: defaultdict[str, dict[Labels, bytes]] = defaultdict(dict)
        self._changed: set[str] = set()
        self._published_alone: str | None = None
        self._is_ended = False

    def _labels(self, labels: Mapping[str, str]) -> Labels:
        return (("target", self._target), *labels.items())

    def set(self, key: str, value: float, **labels: str) -> None:
        """Sets one value; the labels are those of the metric without target."""
        self._put(key, self._labels(labels), value)

    def _put(self, key: str, labels: Labels, value: float) -> None:
        values = self._values[key]
        if values.get(labels) != value:
            values[labels] = value
            self._lines[key][labels] = samples(Family(self._specs[key], {labels: value})).text
            self._changed.add(key)

    def _remove(self, key: str, gone: Iterable[Labels]) -> None:
        for labels in gone:
            del self._values[key][labels], self._lines[key][labels]
            self._changed.add(key)

    def add(self, key: str, amount: float, **labels: str) -> None:
        """Adds to a counter, which begins at 0."""
        own = self._labels(labels)
        self._put(key, own, self._values[key].get(own, 0.0) + amount)

    def get(self, key: str, **labels: str) -> float | None:
        """One value; None where there is none."""
        return self._values.get(key, {}).get(self._labels(labels))

    def withdraw(self, key: str) -> None:
        """Removes all values of a metric."""
        self._remove(key, list(self._values[key]))

    def drop(self, label: str, value: str) -> None:
        """Removes the values that have a label, as of a collector that is run no more."""
        for key, values in self._values.items():
            self._remove(key, [labels for labels in values if (label, value) in labels])

    def replace(self, key: str, label: str, values: Mapping[str, float]) -> None:
        """Sets all values of a metric, by its label; others are removed."""
        told = {self._labels({label: text}): value for text, value in values.items()}
        self._remove(key, self._values[key].keys() - told.keys())
        for labels, value in told.items():
            self._put(key, labels, value)

    def end(self) -> None:
        """Hands out nothing more: a task of the target may end late, and another watch have taken the name."""
        self._is_ended = True

    def publish(self, snapshot: Snapshot) -> None:
        """Hands out the metrics of which a value has changed."""
        if self._is_ended:
            return
        if self.alone != self._published_alone:
            self._published_alone = self.alone
            self._changed.update(self._values)
        for key in sorted(self._changed):
            is_told = self.alone in (None, key)
            text = b"".join(self._lines[key].values()) if is_told else b""
            family = Family(self._specs[key], self._values[key] if is_told else {})
            # as they are: to compress them each time would be for nothing where many come between two scrapes
            snapshot.put_rendered(self._target, SOURCE, [(family, Texts(text, text, (text, text)))])
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
