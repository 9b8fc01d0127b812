"""Families to exposition text, once, when they arrive; a scrape only joins the pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.collect.caps import PORTION, batched
from exporter.collect.families import Exemplar, Family, LabelSet
from exporter.collect.packing import Packer, Part
from exporter.metricmap import MetricSpec

_EOF = b"# EOF"
LEAST_WITH_EXPONENT = 1e6  # so prometheus-client writes numbers


class _Once(Collector):
    """A registry of one family, which is what the library's renderers take."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return [self._metric]


@dataclass(frozen=True)
class Texts:
    """Lines of a family in the two formats."""

    text: bytes
    openmetrics: bytes
    pieces: tuple[Part, Part] | None = field(default=None, compare=False)  # of both, where they need not be made ready


def _metric(spec: MetricSpec, labels: list[str], documentation: str) -> Metric:
    match spec.type:
        case "counter":
            return CounterMetricFamily(spec.name, documentation, labels=labels)
        case "histogram":
            return HistogramMetricFamily(spec.name, documentation, labels=labels)
        case "info":
            return InfoMetricFamily(spec.name.removesuffix("_info"), documentation, labels=labels)
        case _:
            return GaugeMetricFamily(spec.name, documentation, labels=labels)


def _go_float(value: float) -> str:
    """As the library writes it, which looks for infinities first; nearly all numbers are small."""
    if -LEAST_WITH_EXPONENT < value < LEAST_WITH_EXPONENT:
        return repr(float(value))
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _lines(text: bytes, *, comments: bool) -> bytes:
    # not splitlines(), which also ends lines at what may stand in a label, such as a carriage return
    kept = (line for line in text.split(b"\n") if line.startswith(b"# ") == comments and line not in (b"", _EOF))
    return b"".join(line + b"\n" for line in kept)


def header(spec: MetricSpec, documentation: str) -> Texts:
    """Comment lines of a family."""
    once = _Once(_metric(spec, [], documentation))
    return Texts(
        _lines(generate_latest(once), comments=True),
        _lines(openmetrics.generate_latest(once), comments=True),  # type: ignore[no-untyped-call]
    )


def samples(family: Family) -> Texts:
    """Sample lines of a family; the formats differ in the exemplars alone."""
    text = "".join(_sample_lines(family)).encode()
    if not family.exemplars:
        return Texts(text, text)
    return Texts(text, "".join(_sample_lines(family, exemplars=family.exemplars)).encode())


def _sample_lines(family: Family, exemplars: Mapping[LabelSet, Exemplar] = MappingProxyType({})) -> Iterator[str]:
    """As the library writes them, which takes five times as long: there may be hundreds of targets."""
    name = family.spec.name
    for labels, value in family.values.items():
        known = exemplars.get(labels)
        exemplar = "" if known is None else f" # {_braced(known.labels)} 1.0 {known.timestamp}"
        yield f"{name}{_braced(labels)} {_go_float(value)}{exemplar}\n"
    for labels, bounds in family.buckets.items():
        bounds.sort()
        for bound, count in bounds:
            yield f"{name}_bucket{_braced((*labels, ('le', _go_float(bound))))} {_go_float(count)}\n"
        if bounds:
            own = _braced(labels)
            yield f"{name}_count{own} {_go_float(bounds[-1][1])}\n{name}_sum{own} {_go_float(family.sums[labels])}\n"


def _braced(labels: LabelSet) -> str:
    return "{" + ",".join([f'{name}="{_escaped(value)}"' for name, value in sorted(labels)]) + "}" if labels else ""


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def portions(family: Family, size: int = PORTION) -> Iterator[Family]:
    """The family in parts whose lines, one part after the other, are its own; it is the only one where it is small."""
    if family.size <= size:
        yield family
        return
    for labels in batched(family.values, size):
        known = {key: family.exemplars[key] for key in labels if key in family.exemplars}
        yield Family(family.spec, {key: family.values[key] for key in labels}, exemplars=known)
    for labels in batched(family.buckets, max(size // 20, 1)):
        parts = {key: family.buckets[key] for key in labels}
        yield Family(family.spec, buckets=parts, sums={key: family.sums[key] for key in labels if key in family.sums})


async def samples_in_turns(family: Family) -> Texts:
    """As samples(), with a turn for the other tasks between the parts of a large family."""
    if family.size <= PORTION:
        return samples(family)
    packers = [Packer(), Packer()] if family.exemplars else [Packer()]
    for portion in portions(family):
        texts = samples(portion)
        for packer, text in zip(packers, (texts.text, texts.openmetrics), strict=False):
            packer.add(text)
        await asyncio.sleep(0)
    pieces = [packer.piece() for packer in packers]
    return Texts(pieces[0].text, pieces[-1].text, (pieces[0], pieces[-1]))
