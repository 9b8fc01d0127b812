"""The results as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.scale.derived import Derived, Sizes
from benchmarks.scale.reports import Report
from benchmarks.scale.writing import Writing


@dataclass(frozen=True)
class Results:
    """Everything that one run measured; the keys are `small` and `large`."""

    machine: str
    server: str
    executions: Mapping[str, int]
    tenants: int
    months: int
    derived: Mapping[str, Derived]
    reports: Mapping[str, Sequence[Report]]
    sizes: Sizes
    writing: Sequence[Writing]


def markdown(results: Results) -> str:
    """Tables for the docs."""
    small, large = (f"{results.executions[name]:,}" for name in ("small", "large"))
    lines = [
        f"Measured by `make scale` on {results.machine}; PostgreSQL {results.server}, {large} executions and {small} "
        f"over {results.tenants} tenants, one of them half of all, and {results.months} months.",
        "",
        f"| function | reader | rows | p50 ms | p95 ms | p95 ms of {small} |",
        "|---|---|---|---|---|---|",
        *(
            f"| `{report.function}` | {report.reader} | {report.rows:,} | {report.p50_milliseconds:,.1f} "
            f"| {report.p95_milliseconds:,.1f} | {before.p95_milliseconds:,.1f} |"
            for report, before in zip(results.reports["large"], results.reports["small"], strict=True)
        ),
        "",
        f"| executions a second, 8 clients | bare INSERT | among {small} | ratio | among {large} | ratio |",
        "|---|---|---|---|---|---|",
        *(
            f"| {load.name} | {load.bare:,.0f} | {load.rates['small']:,.0f} | {load.of_bare['small']:.2f} "
            f"| {load.rates['large']:,.0f} | {load.of_bare['large']:.2f} |"
            for load in results.writing
        ),
        "",
        "| derived by | rows taken in | a second |",
        "|---|---|---|",
        *(
            f"| {job} | {rows:,} | {rows / max(results.derived['large'].seconds[job], 1e-3):,.0f} |"
            for job, rows in results.derived["large"].rows.items()
        ),
        "",
        "| table | bytes an execution | share of hub and satellite |",
        "|---|---|---|",
        f"| hub and satellite | {results.sizes.vault / results.executions['large']:,.0f} | |",
        *(
            f"| {name} | {size / results.executions['large']:,.0f} | {size / results.sizes.vault:.1%} |"
            for name, size in results.sizes.derived.items()
        ),
    ]
    return "\n".join(lines) + "\n"
