"""What one scrape of the exporter said."""

from __future__ import annotations

import re

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Scrape:
    """Samples of Prometheus' text format, by name and labels."""

    def __init__(self, text: str) -> None:
        self._samples: dict[str, list[tuple[dict[str, str], float]]] = {}
        for line in text.splitlines():
            match = _SAMPLE.fullmatch(line)
            if match is not None:
                labels = dict(_LABEL.findall(match[2] or ""))
                self._samples.setdefault(match[1], []).append((labels, float(match[3])))

    def select(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of the samples of that name whose labels include these."""
        return [(own, value) for own, value in self._samples.get(name, []) if labels.items() <= own.items()]

    def value(self, name: str, **labels: str) -> float | None:
        """The first of them, None where there is none."""
        return next((value for _, value in self.select(name, **labels)), None)

    def total(self, name: str, **labels: str) -> float:
        """Their sum."""
        return sum(value for _, value in self.select(name, **labels))

    def totals(self, name: str, by: str, **labels: str) -> dict[str, float]:
        """Their sums by one label."""
        result: dict[str, float] = {}
        for own, value in self.select(name, **labels):
            result[own[by]] = result.get(own[by], 0) + value
        return result
