"""What /metrics hands out: rendered pieces by family, target and collector, each with an end."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.collect import render
from exporter.collect.families import Family
from exporter.metricmap import MetricSpec
from exporter.schedule import monotonic

NEVER = float("inf")


class Snapshot:
    """Joins rendered pieces. A piece past its end is not handed out: it would be stale."""

    def __init__(self) -> None:
        self._headers: dict[str, render.Header] = {}
        self._pieces: dict[str, dict[tuple[str, str], tuple[float, bytes]]] = {}

    def declare(self, spec: MetricSpec, documentation: str) -> None:
        """Makes a family known; families are handed out in the order of their declaration."""
        self._headers[spec.name] = render.header(spec, documentation)
        self._pieces[spec.name] = {}

    def put(self, target: str, source: str, families: Iterable[Family], end: float = NEVER) -> None:
        """Replaces what a source said of a target; `end` is in seconds of the monotonic clock."""
        for family in families:
            self._pieces[family.spec.name][target, source] = (end, render.samples(family))

    def withdraw(self, target: str, sources: Iterable[str]) -> None:
        """Removes what these sources said of a target."""
        for pieces in self._pieces.values():
            for source in sources:
                pieces.pop((target, source), None)

    def exposition(self, *, openmetrics: bool) -> bytes:
        """The whole text in one of the two formats."""
        now = monotonic()
        parts: list[bytes] = []
        for name, heading in self._headers.items():
            lines = [text for end, text in self._pieces[name].values() if end > now and text]
            if lines:
                parts.append(heading.openmetrics if openmetrics else heading.text)
                parts += lines
        if openmetrics:
            parts.append(b"# EOF\n")
        return b"".join(parts)
