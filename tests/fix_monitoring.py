"""Fixture `monitoring`: a real Prometheus and Alertmanager on the shipped files, which scrape a running exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from exporter.demo.monitoring import Monitoring, find_monitoring, missing_monitoring
from tests.fix_exporter import Exporter

SCRAPE_SECONDS = 1.0

StartMonitoring = Callable[..., Monitoring]


@pytest.fixture
def monitoring() -> Iterator[StartMonitoring]:
    """Starts both beside an exporter: monitoring(exporter, **settings). Skips, naming what is missing, where one is."""
    binaries = find_monitoring()
    if binaries is None:
        pytest.skip(
            f"not on the PATH: {' and '.join(missing_monitoring())}"
            " (Debian: apt-get install prometheus prometheus-alertmanager)"
        )
    with ExitStack() as stack:

        def start(exporter: Exporter, **settings: Any) -> Monitoring:
            address = f"127.0.0.1:{exporter.port}"
            return stack.enter_context(Monitoring(binaries, address, **{"scrape_interval": SCRAPE_SECONDS, **settings}))

        yield start
