"""`python -m benchmarks.peers [--short]`: other exporters with equal work beside ours, as Markdown."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

import exporter
from benchmarks.peers import equal, install
from benchmarks.peers.measure import Contestant, Effort, Figures, measure, write
from benchmarks.place import SETTINGS, install_schema, machine
from exporter.demo.server import LocalServer, embedded_binaries
from exporter.errors import ScriptTrackingError

FULL = Effort(starts=5, scrapes=500, idle_seconds=30.0, outage_seconds=30.0)
SHORT = Effort(starts=1, scrapes=30, idle_seconds=5.0, outage_seconds=8.0)
TENANTS, TYPES = 50, 30  # of which the functions make some 17,000 samples

OPERATE = """
select script_tracking.complete_operations((
  select jsonb_agg(jsonb_build_object('execution_hk', encode(k, 'hex'), 'success', n %% 10 <> 0, 'error_sqlstate',
    case when n %% 10 = 0 then '23505' end))
  from unnest(script_tracking.track_operations((
    select jsonb_agg(jsonb_build_object('script_name', 'job', 'script_type', 'TYPE-' || t, 'tenant', %s::text))
    from generate_series(1, %s) as t))) with ordinality as u (k, n)))
"""


@contextmanager
def _place(tenants: int, types: int) -> Iterator[tuple[LocalServer, str, str]]:
    """A server with a tracked database in which every tenant has run every type; its DSN and version."""
    binaries = embedded_binaries()
    if not binaries:
        raise ScriptTrackingError("the benchmarks need the extra `demo`: pip install '.[demo]'")
    server = LocalServer(binaries[max(binaries)], settings=SETTINGS, prefix="script-tracking-benchmark-")
    server.start()
    try:
        install_schema(server.dsn)
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            for number in range(tenants):
                code = f"tenant-{number:02}"
                connection.execute("select script_tracking.register_tenant(%s)", (code,))
                connection.execute(OPERATE, (code, types))
            connection.execute("select script_tracking_internal.roll_up()")
            version = connection.info.parameter_status("server_version") or "?"
        yield server, server.dsn, version
    finally:
        server.close()


def _contestants(dsn: str) -> Iterator[Contestant]:
    def ours(folder: Path, port: int) -> Sequence[str]:
        return [sys.executable, "-m", "exporter", "run", "--config", write(folder, "e.yaml", equal.ours(port, dsn))]

    yield Contestant(f"ours {exporter.__version__}", b'script_tracking_up{target="tracked"} 0', ours)
    command, version = install.postgres_exporter()
    where = conninfo_to_dict(dsn)
    source = f"postgresql://{where['user']}@{where['host']}:{where['port']}/{where['dbname']}?sslmode=disable"

    def postgres_exporter(folder: Path, port: int) -> Sequence[str]:
        queries = write(folder, "queries.yaml", equal.postgres_exporter())
        own = ("--disable-default-metrics", "--disable-settings-metrics")
        quiet = (*own, "--no-collector.database", "--no-collector.bgwriter", "--log.level=error")
        return [command, *quiet, f"--web.listen-address=127.0.0.1:{port}", f"--extend.query-path={queries}"]

    yield Contestant(f"postgres_exporter {version}", b"pg_up 0", postgres_exporter, {"DATA_SOURCE_NAME": source})
    other, number = install.query_exporter()

    def query_exporter(folder: Path, port: int) -> Sequence[str]:
        config = write(folder, "config.yaml", equal.query_exporter(dsn))
        return [other, "--host", "127.0.0.1", "--port", str(port), "--log-level", "critical", "--config", config]

    yield Contestant(f"query-exporter {number}", b"never", query_exporter)


def _markdown(found: Sequence[Figures], server: str) -> str:
    ours = found[0]
    lines = [
        f"Measured by `make benchmark-peers` on {machine()}; PostgreSQL {server} on the same machine. Equal work: the "
        f"functions {', '.join(equal.COLLECTORS)}, each called once by each program; ours and query-exporter in the "
        f"background every {equal.INTERVAL_SECONDS} s, postgres_exporter within each scrape, as they are made to. In "
        "brackets: so many times ours.",
        "",
        "| | " + " | ".join(one.name for one in found) + " |",
        "|---" * (len(found) + 1) + "|",
    ]

    def row(name: str, key: str, form: str, unit: str = "") -> str:
        cells = []
        for one in found:
            value, base = getattr(one, key), getattr(ours, key)
            ratio = f" ({value / base:.2g})" if one is not ours and base > 0 else ""
            cells.append(f"{value:{form}}{unit}{ratio}")
        return f"| {name} | {' | '.join(cells)} |"

    lines += [
        row("samples of a scrape", "samples", ",d"),
        row("scrape, p50", "p50", ".1f", " ms"),
        row("scrape, p99", "p99", ".1f", " ms"),
        row("scrape that asks for gzip, p50", "packed_p50", ".1f", " ms"),
        row("scrape that asks for gzip, p99", "packed_p99", ".1f", " ms"),
        row("processor time of the exporter for a scrape", "scrape_cpu", ".2f", " ms"),
        row("the same, of a scrape that asks for gzip", "packed_cpu", ".2f", " ms"),
        row("processor time of the exporter, unscraped, in a second", "idle_cpu", ".1f", " ms"),
        row("resident memory", "resident", ".0f", " MB"),
        row("listening after", "listening_seconds", ".2f", " s"),
        row("first samples of the database after", "first_samples_seconds", ".2f", " s"),
    ]
    told = []
    for one in found:
        outage = one.outage
        status = "no answer" if outage.status is None else f"status {outage.status} in {outage.milliseconds:.0f} ms"
        down = "says that the database is down" if outage.says_down else "does not say that the database is down"
        told.append(f"{status}; {down}; {outage.old_samples:,} old samples of operations_total")
    lines.append("| database stopped | " + " | ".join(told) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Exit code 0, or 1 where something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--short", action="store_true", help="few samples and scrapes: shows that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there too")
    arguments = parser.parse_args()
    effort = SHORT if arguments.short else FULL
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "QE_", "DATA_SOURCE"))}
    environment.pop("DATABASE_URL", None)
    found = []
    try:
        with _place(*((5, 4) if arguments.short else (TENANTS, TYPES))) as (server, dsn, version):
            for contestant in _contestants(dsn):
                print(f"measuring {contestant.name}", file=sys.stderr, flush=True)
                found.append(measure(contestant, effort, environment, server))
    except ScriptTrackingError as error:
        print(f"benchmarks.peers: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        arguments.json.write_text(
            json.dumps([dataclasses.asdict(one) for one in found], indent=2) + "\n", encoding="utf-8"
        )
    print(_markdown(found, version))
    return 0


sys.exit(main())
