"""The results as Markdown tables, the first of which sets them beside what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.daemon import Exporter
from benchmarks.load import Effort
from benchmarks.place import CLIENTS
from benchmarks.reconcile import Comparison
from benchmarks.tracking import Cost, Storage


@dataclass(frozen=True)
class Results:
    """Everything that one run measured."""

    machine: str
    server: str
    effort: Effort
    ddl: Sequence[Cost]
    captured: Sequence[Cost]
    operations: Sequence[Cost]
    storage: Storage
    exporter: Exporter
    comparison: Comparison


def _ddl(heading: str, costs: Sequence[Cost]) -> list[str]:
    return [
        f"| {heading} | clients | flush ms | untracked /s | tracked /s | ratio | added ms |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {cost.name} | {cost.clients} | {cost.flush_milliseconds:.2f} | {cost.pair.baseline_rate:,.0f} "
            f"| {cost.pair.rate:,.0f} | {cost.pair.ratio:.2f} | {cost.pair.added_milliseconds:.2f} |"
            for cost in costs
        ),
        "",
    ]


def _asked(results: Results) -> list[str]:
    """What was asked of the system that this one descends from, and what it came to here."""

    def each(costs: Sequence[Cost], clients: int, text: str) -> str:
        """What is said of each load at a number of clients; of some a round is a pair of statements."""
        told = [
            f"{cost.name} {text.format(cost.pair)}{', a pair' if '+' in cost.name else ''}"
            for cost in costs
            if cost.clients == clients
        ]
        return f"{'; '.join(told)} ({clients} client{'s' if clients > 1 else ''})"

    return [
        "| asked of the tracking system that this one descends from | here |",
        "|---|---|",
        f"| 1,000 DDL statements a second | {each(results.ddl, CLIENTS, '{0.rate:,.0f}')} |",
        f"| 5 ms added to each | {each(results.ddl, 1, '{0.added_milliseconds:.2f} ms')} |",
        f"| 5,000 operations a second | {each(results.operations, CLIENTS, '{0.rate:,.0f}')} |",
        f"| 100 ms for a scrape | {results.exporter.scrape_p99_milliseconds:.1f} ms "
        f"(p99, {results.exporter.samples} samples) |",
        "",
    ]


def markdown(results: Results) -> str:
    """Tables for docs/cost.md."""
    exporter, storage, comparison = results.exporter, results.storage, results.comparison
    lines = [
        f"Measured by `make benchmark` on {results.machine}; PostgreSQL {results.server} with default durability on "
        f"the same machine; medians of {results.effort.pairs} pairs of runs of {results.effort.seconds} s.",
        "",
        *_asked(results),
        *_ddl("DDL, level basic", results.ddl),
        *_ddl("DDL, level full, the exporter beside it; untracked: a server without a slot", results.captured),
        "| operations | clients | flush ms | bare INSERT /s | tracked /s | ratio |",
        "|---|---|---|---|---|---|",
        *(
            f"| {cost.name} | {cost.clients} | {cost.flush_milliseconds:.2f} | {cost.pair.baseline_rate:,.0f} "
            f"| {cost.pair.rate:,.0f} | {cost.pair.ratio:.2f} |"
            for cost in results.operations
        ),
        "",
        "| exporter, one target | |",
        "|---|---|",
        f"| scrape of {exporter.samples} samples, p50 / p99 of {exporter.scrapes} | "
        f"{exporter.scrape_p50_milliseconds:.1f} / {exporter.scrape_p99_milliseconds:.1f} ms "
        f"({exporter.scrape_p50_milliseconds / exporter.healthy_p50_milliseconds:.1f} times `/-/healthy`) |",
        f"| listening after | {exporter.listen_seconds:.2f} s "
        f"({exporter.listen_seconds / exporter.python_seconds:.0f} times the start of Python) |",
        f"| first snapshot after | {exporter.first_snapshot_seconds:.2f} s |",
        f"| resident memory | {exporter.resident_megabytes:.0f} MB |",
        f"| bytes kept of a DDL statement, indexes included ({storage.executions} of them) | "
        f"{storage.one_version:,.0f} |",
        f"| bytes kept of a completed operation (two versions) | {storage.completed_operation:,.0f} |",
        "",
        f"| comparison of the catalogs, {comparison.tables:,} tables and as many indexes | "
        f"{comparison.objects:,} objects |",
        "|---|---|",
        f"| a pass that finds nothing | {comparison.seconds:.2f} s |",
        f"| the pass that accounts for all of them | {comparison.accounting_seconds:.2f} s |",
    ]
    return "\n".join(lines) + "\n"
