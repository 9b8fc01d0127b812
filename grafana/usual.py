"""Panels that the dashboards have many of: one number, rates on top of each other, a curve for each target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana.links import Link
from grafana.panels import NO_DATA, Limit, Query, stat, timeseries
from grafana.promql import counted

Json = dict[str, Any]


def number(
    title: str,
    description: str,
    expr: str,
    *,
    links: Sequence[Link],
    unit: str = "short",
    no_value: str = NO_DATA,
    limit: Limit | None = None,
) -> Json:
    """One number without a name, a whole one unless `unit` says otherwise: what increase() extrapolates is none."""
    query = Query(counted(expr) if unit == "short" else expr)
    return stat(title, description, [query], unit=unit, no_value=no_value, limit=limit, links=links)


def rates(
    title: str,
    description: str,
    expr: str,
    legend: str,
    *,
    links: Sequence[Link],
    unit: str = "ops",
    no_value: str = NO_DATA,
) -> Json:
    """How much there is in a second, or another time, of each kind and altogether."""
    queries = [Query(expr, legend)]
    return timeseries(title, description, queries, unit=unit, no_value=no_value, stacked=True, links=links)


def by_target(
    title: str,
    description: str,
    expr: str,
    *,
    unit: str,
    links: Sequence[Link],
    no_value: str = NO_DATA,
    limit: Limit | None = None,
    step: bool = False,
) -> Json:
    """A curve for each target."""
    queries = [Query(expr, "{{target}}")]
    return timeseries(title, description, queries, unit=unit, no_value=no_value, limit=limit, step=step, links=links)
