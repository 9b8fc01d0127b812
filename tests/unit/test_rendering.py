"""From a function's rows to exposition text."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Exemplar, Timestamp

from exporter.collect import families, render
from exporter.collect.families import Family, LabelSet, from_rows
from exporter.errors import QueryFailed
from exporter.metricmap import CollectorSpec

GAUGE = {"name": "script_tracking_x", "type": "gauge", "help": "X.", "value": "value", "labels": {"tenant": "tenant"}}


def collector(*metrics: dict[str, Any]) -> CollectorSpec:
    """A collector of these metrics."""
    return CollectorSpec.model_validate(
        {"name": "x", "function": "s.f", "interval": "5s", "timeout": "1s", "minimum_version": 1, "metrics": metrics}
    )


@pytest.mark.parametrize(
    "tenant", ['quo"te', "back\\slash", "new\nline", "carriage\rreturn", "\x0b\x0c\x1c\x85\u2028", "# HELP", "ünï"]
)
def test_whatever_stands_in_a_label_comes_out_of_a_parser_again(tenant: str) -> None:
    families, dropped = from_rows(collector(GAUGE), "shop", [{"tenant": tenant, "value": 2}])
    text = render.header(families[0].spec, "X.").text + render.samples(families[0]).text
    (family,) = text_string_to_metric_families(text.decode())
    (sample,) = family.samples
    assert (sample.labels, sample.value, dropped) == ({"target": "shop", "tenant": tenant}, 2, 0)


def test_null_and_nan_are_left_out_duplicates_and_missing_labels_dropped() -> None:
    rows: list[dict[str, Any]] = [
        {"tenant": "a", "value": None},
        {"tenant": "b", "value": math.nan},
        {"tenant": "c", "value": 1},
        {"tenant": "c", "value": 2},
        {"tenant": None, "value": 3},
    ]
    (family,), dropped = from_rows(collector(GAUGE), "shop", rows)
    assert family.values == {(("target", "shop"), ("tenant", "c")): 1.0}
    assert dropped == 2


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"tenant": "a"}, r"s.f\(\) returns no column value"),
        ({"value": 1}, r"s.f\(\) returns no column tenant"),
        ({"tenant": "a", "value": "many"}, r"s.f\(\) returns a value of script_tracking_x that is no number"),
    ],
)
def test_rows_of_another_shape_are_a_failed_query(row: dict[str, Any], complaint: str) -> None:
    with pytest.raises(QueryFailed, match=complaint):
        from_rows(collector(GAUGE), "shop", [row])


COUNTER = {
    **GAUGE,
    "name": "script_tracking_x_total",
    "type": "counter",
    "exemplar": {"labels": {"execution_hk": "hk"}, "timestamp": "at"},
}


def test_an_exemplar_stands_in_openmetrics_alone() -> None:
    rows: list[dict[str, Any]] = [
        {"tenant": "a", "value": 3, "hk": "ab" * 32, "at": 1700000000.25},
        {"tenant": "b", "value": 1, "hk": None, "at": None},
        {"tenant": "c", "value": 1, "hk": "x" * 117, "at": 1700000000.25},
    ]
    (family,), dropped = from_rows(collector(COUNTER), "shop", rows)
    heading, texts = render.header(family.spec, "X."), render.samples(family)
    text = (heading.openmetrics + texts.openmetrics + b"# EOF\n").decode()
    (parsed,) = openmetrics_families(text)  # type: ignore[no-untyped-call]
    told = {sample.labels["tenant"]: (sample.value, sample.exemplar) for sample in parsed.samples}
    exemplar = Exemplar({"execution_hk": "ab" * 32}, 1, Timestamp(1700000000, 250000000))
    assert told == {"a": (3, exemplar), "b": (1, None), "c": (1, None)}
    (plain,) = text_string_to_metric_families((heading.text + texts.text).decode())
    assert {sample.labels["tenant"]: sample.value for sample in plain.samples} == {"a": 3, "b": 1, "c": 1}
    assert (b"execution_hk" in texts.text, dropped) == (False, 0)


def test_a_schema_without_the_exemplars_columns_gives_its_samples() -> None:
    (family,), _ = from_rows(collector(COUNTER), "shop", [{"tenant": "a", "value": 3}])
    texts = render.samples(family)
    assert texts.openmetrics is texts.text
    assert texts.text == b'script_tracking_x_total{target="shop",tenant="a"} 3.0\n'


class _Once:
    """A registry's collector of one family."""

    def __init__(self, metric: Any) -> None:
        self._metric = metric

    def collect(self) -> list[Any]:
        return [self._metric]


def by_the_library(metric: Any) -> bytes:
    """Sample lines of a family as prometheus-client writes them."""
    registry = CollectorRegistry()
    registry.register(_Once(metric))
    text = generate_latest(registry)
    return b"".join(line + b"\n" for line in text.split(b"\n") if line and not line.startswith(b"# "))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER = st.one_of(st.floats(allow_nan=True), st.integers(-(2**70), 2**70).map(float), st.floats(0, 1e9))


@settings(deadline=None)
@given(st.dictionaries(TEXT, NUMBER, min_size=1, max_size=5))
def test_lines_are_those_of_the_library(values: dict[str, float]) -> None:
    family = Family(collector(GAUGE).metrics[0])
    theirs = GaugeMetricFamily("script_tracking_x", "X.", labels=["target", "tenant"])
    for tenant, value in values.items():
        family.values[("target", "sh\\op"), ("tenant", tenant)] = value
        theirs.add_metric(["sh\\op", tenant], value)
    assert render.samples(family).text == by_the_library(theirs)


HISTOGRAM = {
    "name": "script_tracking_x_seconds", "type": "histogram", "help": "X.", "bucket": "count", "le": "bound",
    "sum": "total", "labels": {"zone": "zone"},
}  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(TEXT, st.sets(st.floats(0, 1e12), min_size=1, max_size=4), min_size=1, max_size=3))
def test_lines_of_a_histogram_are_those_of_the_library(bounds: dict[str, set[float]]) -> None:
    family = Family(collector(HISTOGRAM).metrics[0])
    theirs = HistogramMetricFamily("script_tracking_x_seconds", "X.", labels=["target", "zone"])
    for zone, own in bounds.items():
        counts = [(bound, float(number)) for number, bound in enumerate(sorted({*own, math.inf}))]
        labels: LabelSet = (("target", "shop"), ("zone", zone))
        family.buckets[labels], family.sums[labels] = counts[::-1], 2.5
        theirs.add_metric(["shop", zone], [(render._go_float(bound), count) for bound, count in counts], 2.5)
    assert render.samples(family).text == by_the_library(theirs)


@settings(deadline=None)
@given(TEXT, st.floats(0, 2e9), NUMBER)
def test_a_line_with_an_exemplar_is_that_of_the_library(key: str, at: float, value: float) -> None:
    spec = collector(COUNTER).metrics[0]
    labels: LabelSet = (("target", "shop"), ("tenant", key))
    exemplar = families.Exemplar((("execution_hk", key),), at)
    family = Family(spec, {labels: value}, exemplars={labels: exemplar})
    theirs = CounterMetricFamily(spec.name, "X.")
    own = Exemplar(dict(exemplar.labels), 1.0, at)
    theirs.add_sample(spec.name, dict(labels), value, exemplar=own)
    registry = CollectorRegistry()
    registry.register(_Once(theirs))
    text = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
    assert render.samples(family).openmetrics == text.split(b"\n", 2)[2].removesuffix(b"# EOF\n")
