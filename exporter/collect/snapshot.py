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
        self._headers: dict[str, render.Texts] = {}
        self._pieces: dict[str, dict[tuple[str, str], tuple[float, render.Texts]]] = {}
        self._told: dict[str, set[tuple[str, str]]] = {}  # family and source by target
        self._documentation: dict[str, str] = {}
        self._texts: dict[bool, tuple[float, bytes]] = {}  # by format, until something changes or the first piece ends

    def declare(self, spec: MetricSpec, documentation: str) -> None:
        """Makes a family known, or gives it another text; families are handed out in the order of their declaration."""
        if self._documentation.get(spec.name) == documentation:
            return
        self._documentation[spec.name] = documentation
        self._headers[spec.name] = render.header(spec, documentation)
        self._pieces.setdefault(spec.name, {})
        self._texts.clear()

    def put(self, target: str, source: str, families: Iterable[Family], end: float = NEVER) -> None:
        """Replaces what a source said of a target; `end` is in seconds of the monotonic clock."""
        now = monotonic()
        told = self._told.setdefault(target, set())
        for family in families:
            told.add((family.spec.name, source))
            pieces = self._pieces[family.spec.name]
            known_end, known = pieces.get((target, source), (0.0, None))
            texts = render.samples(family)
            if known != texts or known_end <= now:
                self._texts.clear()
            pieces[target, source] = (end, texts)

    def withdraw(self, target: str, sources: Iterable[str]) -> None:
        """Removes what these sources said of a target."""
        for pieces in self._pieces.values():
            for source in sources:
                pieces.pop((target, source), None)
        self._texts.clear()

    def forget(self, target: str) -> None:
        """Removes all that was said of a target."""
        for name, source in self._told.pop(target, ()):
            self._pieces[name].pop((target, source), None)
        self._texts.clear()

    def exposition(self, *, openmetrics: bool) -> bytes:
        """The whole text in one of the two formats; the same object as before while nothing of it has changed."""
        now = monotonic()
        until, text = self._texts.get(openmetrics, (0.0, b""))
        if until > now:
            return text
        until = NEVER
        parts: list[bytes] = []
        for name, heading in self._headers.items():
            lines = [(end, texts) for end, texts in self._pieces[name].values() if end > now and texts.text]
            if lines:
                parts += [t.openmetrics if openmetrics else t.text for t in (heading, *(texts for _, texts in lines))]
                until = min(until, *(end for end, _ in lines))
        if openmetrics:
            parts.append(b"# EOF\n")
        text = b"".join(parts)
        self._texts[openmetrics] = (until, text)
        return text
