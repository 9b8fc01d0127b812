"""Families to exposition text, once, when they arrive; a scrape only joins the pieces.

Written here and not by prometheus-client, to whose lines the tests hold it: that takes five times as long a sample, and
its loading a twentieth of the start.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from exporter.collect.families import Exemplar, Family, LabelSet
from exporter.metricmap import MetricSpec

PORTION = 500  # samples that are rendered in one turn of the event loop: 5 ms
LEAST_WITH_EXPONENT = 1e6  # so prometheus-client writes numbers


@dataclass(frozen=True)
class Texts:
    """Lines of a family in the two formats."""

    text: bytes
    openmetrics: bytes


def header(spec: MetricSpec, documentation: str) -> Texts:
    """Comment lines of a family, which OpenMetrics knows without the suffix of its samples."""
    kind = "gauge" if spec.type == "info" else spec.type
    told = documentation.replace("\\", r"\\").replace("\n", r"\n")
    bare = spec.name.removesuffix({"counter": "_total", "info": "_info"}.get(spec.type, ""))
    text = f"# HELP {spec.name} {told}\n# TYPE {spec.name} {kind}\n"
    return Texts(text.encode(), f"# HELP {bare} {_escaped(documentation)}\n# TYPE {bare} {spec.type}\n".encode())


def samples(family: Family) -> Texts:
    """Sample lines of a family; the formats differ in the exemplars alone."""
    text = "".join(_sample_lines(family)).encode()
    if not family.exemplars:
        return Texts(text, text)
    return Texts(text, "".join(_lines_with_exemplars(family)).encode())


def _sample_lines(family: Family) -> Iterator[str]:
    name = family.spec.name
    for labels, value in family.values.items():
        yield f"{name}{_braced(labels)} {number(value)}\n"
    for labels, bounds in family.buckets.items():
        bounds.sort()
        for bound, count in bounds:
            yield f"{name}_bucket{_braced((*labels, ('le', number(bound))))} {number(count)}\n"
        if bounds:
            own = _braced(labels)
            yield f"{name}_count{own} {number(bounds[-1][1])}\n{name}_sum{own} {number(family.sums[labels])}\n"


def _lines_with_exemplars(family: Family) -> Iterator[str]:
    name = family.spec.name
    for labels, value in family.values.items():
        known = family.exemplars.get(labels)
        yield f"{name}{_braced(labels)} {number(value)}{'' if known is None else _told(known)}\n"


def _told(exemplar: Exemplar) -> str:
    """An exemplar, which stands for an increase by one."""
    return f" # {_braced(exemplar.labels)} 1.0 {exemplar.timestamp}"


def number(value: float) -> str:
    """A number nearly as Go writes it."""
    if -LEAST_WITH_EXPONENT < value < LEAST_WITH_EXPONENT:  # nearly all
        return repr(float(value))
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = repr(float(value))
    whole, point, fraction = text.partition(".")
    if value < 0 or not point or len(whole) == 1:
        return text
    digits = (whole + fraction).rstrip("0")
    mantissa = f"{digits[0]}.{digits[1:]}".rstrip(".")
    return f"{mantissa}e+{len(whole) - 1:02}"


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


def batched(keys: Iterable[LabelSet], size: int) -> Iterator[list[LabelSet]]:
    """So many at a time."""
    rest = iter(keys)
    while batch := list(islice(rest, size)):
        yield batch


async def samples_in_turns(family: Family) -> Texts:
    """As samples(), with a turn for the other tasks between the parts of a large family."""
    texts = []
    for turn, portion in enumerate(portions(family)):
        if turn:
            await asyncio.sleep(0)
        texts.append(samples(portion))
    text = b"".join([part.text for part in texts])
    same = all(part.openmetrics is part.text for part in texts)
    return Texts(text, text if same else b"".join([part.openmetrics for part in texts]))
