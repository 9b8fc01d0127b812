"""The tables of `make benchmark`: what was asked stands beside what was measured."""

from __future__ import annotations

from benchmarks.daemon import Exporter
from benchmarks.load import Effort, Pair
from benchmarks.reconcile import Comparison
from benchmarks.report import Results, markdown
from benchmarks.tracking import Cost, Storage


def cost(name: str, clients: int, rate: float) -> Cost:
    """Beside a baseline of twice the rate."""
    return Cost(name, clients, 0.1, Pair(rate, 2 * rate, 0.5, 500 / rate, 5))


def test_what_was_asked_stands_beside_what_was_measured() -> None:
    ddl = [cost(name, clients, 1000 * clients) for name in ("COMMENT ON", "CREATE + DROP") for clients in (1, 8)]
    operations = [cost("track_operation", clients, 700 * clients) for clients in (1, 8)]
    served = Exporter(0.5, 0.1, 1.0, 60.0, 1.0, 2.5, 0.5, 300, 1000)
    stored = Storage(100.0, 200.0, 1000)
    compared = Comparison(1, 2, 3.0, 4.0)
    results = Results("a machine", "18.4", Effort(5, 2), ddl, ddl, operations, stored, served, compared)
    lines = markdown(results).splitlines()
    at = lines.index("| asked of the tracking system that this one descends from | here |")
    assert lines[at + 2 : at + 6] == [
        "| 1,000 DDL statements a second | COMMENT ON 8,000; CREATE + DROP 8,000, a pair (8 clients) |",
        "| 5 ms added to each | COMMENT ON 0.50 ms; CREATE + DROP 0.50 ms, a pair (1 client) |",
        "| 5,000 operations a second | track_operation 5,600 (8 clients) |",
        "| 100 ms for a scrape | 2.5 ms (p99, 300 samples) |",
    ]
    assert lines[0].startswith("Measured by `make benchmark` on a machine; PostgreSQL 18.4 ")
