"""What the program says of itself, on the command line and as a metric."""

from __future__ import annotations

import subprocess
import sys

import exporter
from exporter import buildinfo
from exporter.configfile import from_dsn
from exporter.daemon import Daemon
from exporter.dsn import Dsn


def test_the_command_and_the_metric_say_the_same() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "exporter", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    facts = buildinfo.facts()
    assert facts["version"] == exporter.__version__
    assert answer.stdout == (
        f"script-tracking-exporter {facts['version']} (commit {facts['commit']}, python {facts['python']}, "
        f"psycopg {facts['psycopg']}, libpq {facts['libpq']})\n"
    )
    config = from_dsn(Dsn("postgresql://nobody@127.0.0.1:1/none"))
    text = Daemon(config, lambda: config).snapshot.exposition(openmetrics=False).decode()
    told = ",".join(f'{label}="{value}"' for label, value in facts.items())
    line = next(line for line in text.splitlines() if line.startswith("script_tracking_exporter_build_info{"))
    assert sorted(line.partition("{")[2].partition("}")[0].split(",")) == sorted(told.split(","))
    assert all(facts.values())
