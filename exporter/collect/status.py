"""The exporter's own metrics of one target: up, and how each collector fares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from exporter.buildinfo import facts
from exporter.collect.families import Family
from exporter.collect.snapshot import Snapshot
from exporter.metricmap import MetricSpec

SOURCE = "exporter"


class TargetStatus:
    """Values of the own metrics of one target; publish() renders them into the snapshot."""

    def __init__(self, target: str, specs: Mapping[str, MetricSpec]) -> None:
        self._target = target
        self._specs = specs
        self.alone: str | None = None  # the key of the only values that may be handed out
        self._values: defaultdict[str, dict[tuple[tuple[str, str], ...], float]] = defaultdict(dict)

    def set(self, key: str, value: float, **labels: str) -> None:
        """Sets one value; the labels are those of the metric without target."""
        self._values[key][tuple(labels.items())] = value

    def add(self, key: str, amount: float, **labels: str) -> None:
        """Adds to a counter, which begins at 0."""
        values = self._values[key]
        values[tuple(labels.items())] = values.get(tuple(labels.items()), 0.0) + amount

    def get(self, key: str, **labels: str) -> float | None:
        """One value; None where there is none."""
        return self._values.get(key, {}).get(tuple(labels.items()))

    def drop(self, label: str, value: str) -> None:
        """Removes the values that have a label, as of a collector that is run no more."""
        for values in self._values.values():
            for labels in [labels for labels in values if (label, value) in labels]:
                del values[labels]

    def publish(self, snapshot: Snapshot) -> None:
        """Hands all values out."""
        target = ("target", self._target)
        snapshot.put(
            self._target,
            SOURCE,
            [
                Family(
                    self._specs[key],
                    {(target, *labels): value for labels, value in values.items()} if self.alone in (None, key) else {},
                )
                for key, values in self._values.items()
            ],
        )


def publish_build(snapshot: Snapshot, specs: Mapping[str, MetricSpec]) -> None:
    """Hands out what the program is made of."""
    snapshot.put("", SOURCE, [Family(specs["build"], {tuple(facts().items()): 1.0})])


def publish_values(
    snapshot: Snapshot, specs: Mapping[str, MetricSpec], target: str, values: Mapping[str, float | None]
) -> None:
    """Hands out single values of a target or, where it is '', of the program itself; None withdraws one."""
    labels = (("target", target),) if target else ()
    for key, value in values.items():
        snapshot.put(target, key, [Family(specs[key], {} if value is None else {labels: value})])
