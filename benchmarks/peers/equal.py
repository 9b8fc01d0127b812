"""Equal work: the same calls of the same functions, as each program's own configuration says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from exporter import metricmap
from exporter.metricmap import CollectorSpec, MetricSpec

# functions of which each row gives each metric one sample: the peers have no histograms of ready buckets, and no infos
COLLECTORS = ("operations", "errors", "running", "event_triggers", "storage", "health", "performance", "dashboard")
INTERVAL_SECONDS = 5


def name_of(metric: MetricSpec) -> str:
    """Our name of a metric, as long as a column's name can be."""
    return metric.name[:63]


def _specs() -> Iterator[tuple[CollectorSpec, str]]:
    """Each collector, and its one statement: labels, then a column for each metric, named as the metric."""
    for spec in metricmap.load():
        if spec.name in COLLECTORS:
            labels = {label: column for metric in spec.metrics for label, column in metric.labels.items()}
            columns = [f"{column} as {label}" for label, column in labels.items()]
            # what is unknown has no sample here; the peers would fail at NULL, or make NaN of it
            columns += [f"coalesce({m.value}::float8, 'NaN') as {name_of(m)}" for m in spec.metrics]
            yield spec, f"select {', '.join(columns)} from {spec.function}()"


def ours(port: int, dsn: str) -> Mapping[str, Any]:
    """Our configuration: these collectors alone, at one interval, without capture."""
    known = {spec.name for spec in metricmap.load()}
    return {
        "listen": f"127.0.0.1:{port}",
        "schema": "off",
        "capture": {"slot": "off"},
        "collectors": {
            **{name: {"interval": f"{INTERVAL_SECONDS}s"} for name in COLLECTORS},
            **{name: {"enabled": False} for name in known - set(COLLECTORS)},
        },
        "targets": [{"name": "tracked", "dsn": dsn}],
    }


def postgres_exporter() -> Mapping[str, Any]:
    """Its file of queries: one a function, which it runs within each scrape, as it does with all of its own."""
    return {
        f"equal_{spec.name}": {
            "query": statement,
            "master": True,
            "metrics": [
                *(
                    {label: {"usage": "LABEL", "description": label}}
                    for label in {label: None for metric in spec.metrics for label in metric.labels}
                ),
                *(
                    {name_of(m): {"usage": "COUNTER" if m.type == "counter" else "GAUGE", "description": m.help}}
                    for m in spec.metrics
                ),
            ],
        }
        for spec, statement in _specs()
    }


def query_exporter(dsn: str) -> Mapping[str, Any]:
    """Its configuration: a query a function, in the background at our interval."""
    return {
        "databases": {"tracked": {"dsn": dsn.replace("postgresql://", "postgresql+psycopg://", 1)}},
        "metrics": {
            name_of(m): {"type": m.type, "description": m.help, "labels": list(m.labels)}
            for spec, _ in _specs()
            for m in spec.metrics
        },
        "queries": {
            spec.name: {
                "interval": INTERVAL_SECONDS,
                "databases": ["tracked"],
                "metrics": [name_of(metric) for metric in spec.metrics],
                "sql": statement,
            }
            for spec, statement in _specs()
        },
    }
