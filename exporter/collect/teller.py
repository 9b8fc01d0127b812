"""From what the collectors of one target return to its part of the snapshot, as much as there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exporter.answer import Answer
from exporter.collect.caps import PORTION, Caps, Shown
from exporter.collect.digest import Digested, Digester
from exporter.collect.families import Families, Family
from exporter.collect.render import Texts, samples_in_turns
from exporter.collect.snapshot import Snapshot
from exporter.config import LimitsConfig
from exporter.metricmap import CollectorSpec, MetricSpec


@dataclass(frozen=True)
class Telling:
    """An answer with its lines; by which names and limits they were made, where nothing of it is left out."""

    spec: CollectorSpec
    answer: Answer
    told: Sequence[tuple[Family, Texts]]
    dropped: int = 0
    by: tuple[Shown, LimitsConfig] | None = None
    digested: Digested | None = None


class Teller:
    """Hands out what is told; what is told again as it was is not made anew."""

    def __init__(self, target: str, snapshot: Snapshot, caps: Caps) -> None:
        self._target = target
        self._snapshot = snapshot
        self._caps = caps
        self.digester = Digester()
        self._told: dict[str, tuple[int, Shown, LimitsConfig]] = {}  # mark of what stands in the snapshot as a whole
        self._metrics: dict[str, Sequence[MetricSpec]] = {}  # of which it was made, by collector

    def known(self, spec: CollectorSpec) -> int | None:
        """The mark of an answer that would be told as it stands."""
        told = self._told.get(spec.name)
        if told is None or told[1] is not self._caps.shown or told[2] is not self._caps.limits:
            return None
        return told[0] if self._metrics.get(spec.name) == spec.metrics else None

    async def prepare(self, spec: CollectorSpec, answer: Answer) -> Telling:
        """Makes samples and lines of an answer. Raises QueryFailed for rows of another shape."""
        if answer.is_known:
            return Telling(spec, answer, ())
        shown, limits = self._caps.shown, self._caps.limits
        made = Families(spec, self._target, shown)
        portion = max(PORTION // max(len(spec.metrics), 1), 1)
        for begin in range(0, len(answer.rows), portion):
            if begin:
                await asyncio.sleep(0)
            made.add(answer.rows[begin : begin + portion])
        others = self._snapshot.samples - self._snapshot.samples_of(self._target, spec.name)
        gone = await self._caps.cut(spec, made.families, others)
        told = [(family, await samples_in_turns(family)) for family in made.families]
        digested = await self.digester.digested(spec.name, answer.rows)
        whole = not (made.dropped or gone)
        return Telling(spec, answer, told, made.dropped + gone, (shown, limits) if whole else None, digested)

    def tell(self, telling: Telling, end: float) -> None:
        """Hands it out until `end` by the monotonic clock."""
        name, answer = telling.spec.name, telling.answer
        if answer.is_known:
            self._snapshot.prolong(self._target, name, end)
            self.digester.prolong(name, end)
            return
        if self._metrics.get(name, metrics := telling.spec.metrics) != metrics:  # some may be gone
            self._snapshot.withdraw(self._target, [name])
        self._metrics[name] = metrics
        self._snapshot.put_rendered(self._target, name, telling.told, end)
        if telling.digested is not None:
            self.digester.take(telling.digested, end)
        if telling.by is not None and answer.mark is not None:
            self._told[name] = (answer.mark, *telling.by)
        else:
            self._told.pop(name, None)

    def withdraw(self, collectors: Iterable[str]) -> None:
        """Hands out no more of what these collectors told."""
        names = list(collectors)
        self._snapshot.withdraw(self._target, names)
        self.digester.forget(names)
        for name in names:
            self._told.pop(name, None)
