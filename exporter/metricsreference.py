"""Reference of the metrics, made from the metric map."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from exporter import metricmap
from exporter.metricmap import MetricSpec

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
_HEAD = """# Metrics

<!-- made by `make reference` -->

All are declared in `exporter/metrics/*.yaml`. The label `target` is the watched database; it stands at each metric but
those of the process. `tenant` is a tenant's code. Counters are totals of the database and do not fall. What a collector
told is withdrawn after three of its intervals and a timeout without an answer. Intervals, timeouts and whether a
collector runs at all are the configuration's to change ([configuration.md](configuration.md));
`curl -s http://127.0.0.1:10187/metrics` has what is served at the moment.

"""


def _table(metrics: Iterable[MetricSpec]) -> list[str]:
    rows = ["| metric | type | labels | what it is |", "|---|---|---|---|"]
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{metric.name}` | {metric.type} | {labels} | {' '.join(metric.documentation.split())} |")
    return [*rows, ""]


def text() -> str:
    """The page: the exporter's own metrics, then a table for each collector."""
    lines = ["## Of the exporter", "", *_table(metricmap.load_own().values())]
    for spec in metricmap.load():
        lines += [
            f"## {spec.name}",
            "",
            f"By `{spec.function}`, every {spec.interval:g} s, for {spec.timeout:g} s at most, from version "
            f"{spec.minimum_version} of the schema on.",
            "",
            *_table(spec.metrics),
        ]
    return _HEAD + "\n".join(lines)
