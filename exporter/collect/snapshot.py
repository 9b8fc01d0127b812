"""What /metrics hands out: rendered pieces by family, target and collector, each with an end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from exporter.collect import render
from exporter.collect.families import Family
from exporter.collect.packing import Part, Text, part, plain, together
from exporter.metricmap import MetricSpec
from exporter.schedule import monotonic

NEVER = float("inf")
TURN_SECONDS = 0.005  # after so long of joining lines others have their turn

# until when, how many samples, and the lines in both formats. A plain tuple, and plain bytes where they are few: Python
# need not look whether they are garbage, which held up everything for long where there are hundreds of targets
_Told = tuple[float, int, Part, Part]
# until when, how many pieces, and the lines of a family in one format
_Section = tuple[float, int, tuple[Part, ...]]


def _told(texts: render.Texts, end: float, size: int = 0) -> _Told:
    if texts.pieces is not None:
        return (end, size, *texts.pieces)
    text = part(texts.text)
    return end, size, text, text if texts.openmetrics is texts.text else part(texts.openmetrics)


class Snapshot:
    """Joins rendered pieces. A piece past its end is not handed out: it would be stale."""

    def __init__(self) -> None:
        self._headers: dict[str, _Told] = {}
        self._pieces: dict[str, dict[tuple[str, str], _Told]] = {}
        self._told: dict[str, dict[str, dict[str, None]]] = {}  # families by target and source
        self._documentation: dict[str, tuple[str, str]] = {}  # type and text, by family
        self.samples = 0  # all together
        self._changes = 0
        # by format, until something changes or the first piece ends: the whole, and each family where pieces are many
        self._texts: dict[bool, tuple[float, Text]] = {}
        self._sections: dict[bool, dict[str, _Section]] = {False: {}, True: {}}

    def declare(self, spec: MetricSpec, documentation: str) -> None:
        """Makes a family known, or gives it another text; families are handed out in the order of their declaration."""
        known = self._documentation.get(spec.name)
        if known == (spec.type, documentation):
            return
        if known is not None and known[0] != spec.type:  # what was told under the other type is none of this one
            for target, source in list(self._pieces[spec.name]):
                self._remove(spec.name, target, source)
        self._documentation[spec.name] = spec.type, documentation
        self._headers[spec.name] = _told(render.header(spec, documentation), NEVER)
        self._pieces.setdefault(spec.name, {})
        self._changed(spec.name)

    def put(self, target: str, source: str, families: Iterable[Family], end: float = NEVER) -> None:
        """Replaces what a source said of a target; `end` is in seconds of the monotonic clock."""
        self.put_rendered(target, source, [(family, render.samples(family)) for family in families], end)

    def samples_of(self, target: str, source: str) -> int:
        """How many samples a source has told of a target."""
        names = self._told.get(target, {}).get(source, ())
        return sum(self._pieces[name][target, source][1] for name in names if (target, source) in self._pieces[name])

    def put_rendered(
        self, target: str, source: str, families: Iterable[tuple[Family, render.Texts]], end: float = NEVER
    ) -> None:
        """As put(), of families and their lines."""
        now = monotonic()
        told = self._told.setdefault(target, {}).setdefault(source, {})
        for family, texts in families:
            told[family.spec.name] = None
            pieces = self._pieces[family.spec.name]
            known = pieces.get((target, source))
            self.samples += family.size - (0 if known is None else known[1])
            if known is not None and (plain(known[2]), plain(known[3])) == (texts.text, texts.openmetrics):
                pieces[target, source] = self._prolonged(family.spec.name, known, end, now)
            else:
                pieces[target, source] = _told(texts, end, family.size)
                self._changed(family.spec.name)

    def prolong(self, target: str, source: str, end: float) -> None:
        """What a source said of a target holds until another end."""
        now = monotonic()
        for name in self._told.get(target, {}).get(source, ()):
            known = self._pieces[name].get((target, source))
            if known is not None:
                self._pieces[name][target, source] = self._prolonged(name, known, end, now)

    def _prolonged(self, name: str, told: _Told, end: float, now: float) -> _Told:
        if told[0] <= now or end < told[0]:  # the text does not have it, or may hold too long
            self._changed(name)
        return (end, *told[1:])

    def _changed(self, name: str) -> None:
        self._changes += 1
        self._texts.clear()
        for sections in self._sections.values():
            sections.pop(name, None)

    def withdraw(self, target: str, sources: Iterable[str]) -> None:
        """Removes what these sources said of a target."""
        for source in sources:
            for name in self._told.get(target, {}).get(source, ()):
                self._remove(name, target, source)

    def _remove(self, name: str, target: str, source: str) -> None:
        told = self._pieces[name].pop((target, source), None)
        if told is not None:
            self.samples -= told[1]
            self._changed(name)

    def forget(self, target: str) -> None:
        """Removes all that was said of a target."""
        for source, names in self._told.pop(target, {}).items():
            for name in names:
                self._remove(name, target, source)

    def text(self, *, openmetrics: bool) -> Text:
        """The whole in one of the two formats; the same object as before while nothing of it has changed."""
        now = monotonic()
        known = self._texts.get(openmetrics)
        if known is not None and known[0] > now:
            return known[1]
        sections = [self._section(name, now, openmetrics=openmetrics) for name in self._headers]
        return self._joined(sections, openmetrics=openmetrics, is_current=True)

    async def text_in_turns(self, *, openmetrics: bool) -> Text:
        """As text(), with turns for the other tasks while its families are joined; each is of the moment of its own."""
        began, changes = monotonic(), self._changes
        known = self._texts.get(openmetrics)
        if known is not None and known[0] > began:
            return known[1]
        sections = []
        for name in list(self._headers):
            sections.append(self._section(name, monotonic(), openmetrics=openmetrics))
            if monotonic() - began > TURN_SECONDS:
                await asyncio.sleep(0)
                began = monotonic()
        return self._joined(sections, openmetrics=openmetrics, is_current=changes == self._changes)

    def _joined(self, sections: Iterable[_Section], *, openmetrics: bool, is_current: bool) -> Text:
        until = NEVER
        texts: list[Part] = []
        for ends, _, lines in sections:
            texts += lines
            until = min(until, ends)
        if openmetrics:
            texts.append(b"# EOF\n")
        text = Text(texts)
        if is_current:
            self._texts[openmetrics] = (until, text)
        return text

    def _section(self, name: str, now: float, *, openmetrics: bool) -> _Section:
        """The lines of a family, with its heading; the same as before while none of its pieces changed or ended."""
        known = self._sections[openmetrics].get(name)
        if known is not None and known[0] > now:
            return known
        told = [told for told in self._pieces[name].values() if told[0] > now and told[2]]
        until = min((one[0] for one in told), default=NEVER)
        if known is not None and known[1] == len(told):  # they are the same: one that came or changed is told of
            lines = known[2]
        elif told:
            lines = together(one[3] if openmetrics else one[2] for one in (self._headers[name], *told))
        else:
            lines = ()
        section = self._sections[openmetrics][name] = (until, len(told), lines)
        return section

    def exposition(self, *, openmetrics: bool) -> bytes:
        """The whole as bytes."""
        return self.text(openmetrics=openmetrics).plain
