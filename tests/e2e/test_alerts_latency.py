"""How long a spike takes from the database to the pager with everything as shipped: under a minute.

The collector every 5 s, scrape and evaluation every 15 s, the `for` of 15 s and the pager's `group_wait` of 5 s are
55 s where each has just been missed. `make page-latency` measures it ten times, at moments of no choosing; a run of
the tests once. Each time in a database of its own, as Alertmanager keeps the next news of a group for 30 s.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial

import pytest

from exporter.demo.monitoring import Monitoring
from exporter.demo.shipped import prometheus_config
from tests.e2e.test_alerts import FAILURES, SPIKE, counted, operate, register
from tests.fix_databases import installed_clone
from tests.fix_exporter import StartExporter, eventually
from tests.fix_monitoring import StartMonitoring
from tests.postgres_server import Server

pytestmark = pytest.mark.majors

RUNS = int(os.environ.get("LATENCY_RUNS", "1"))
MOST_SECONDS = 60


def paged_at(source: Monitoring, target: str) -> datetime | None:
    """When the pager was told of the spike in a target."""
    pages = [p for p in source.notifications() if (p.name, p.labels["target"]) == (SPIKE, target)]
    return pages[0].received_at if pages else None


def test_a_spike_pages_within_a_minute_as_shipped(
    postgres: Server, _template: str, exporter: StartExporter, monitoring: StartMonitoring
) -> None:
    interval = prometheus_config()["global"]["scrape_interval"]
    assert prometheus_config()["global"]["evaluation_interval"] == interval == "15s"
    with ExitStack() as stack:
        databases = {f"shop-{n}": stack.enter_context(installed_clone(postgres, _template)) for n in range(RUNS)}
        for dsn in databases.values():
            register(dsn)
            operate(dsn, 2, success=True)
        running = exporter("", targets=[{"name": name, "dsn": dsn} for name, dsn in databases.items()])
        source = monitoring(running, scrape_interval=15.0, alertmanager_wait=None)
        for target in databases:
            eventually(partial(counted, source, target), 60)
        began = {}
        for target, dsn in databases.items():
            time.sleep(random.uniform(0, 15))
            operate(dsn, FAILURES, success=False)
            began[target] = datetime.now(UTC)
        took = {
            target: (eventually(partial(paged_at, source, target), 120) - began[target]).total_seconds()
            for target in databases
        }
    print(f"from the commit of the failures to the pager: {', '.join(f'{s:.0f} s' for s in sorted(took.values()))}")
    assert max(took.values()) < MOST_SECONDS
