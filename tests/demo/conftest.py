"""What the tests of the demo share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.demo.monitoring import find_monitoring
from tests.demo.fix_demo import Demo, run_demo


@pytest.fixture(scope="session", autouse=True)
def monitored() -> Iterator[Demo | None]:
    """A demo with Prometheus and Alertmanager; None where they are not installed.

    It mostly waits for the alert, so it runs beside the other tests from the first of them on.
    """
    if find_monitoring() is None:
        yield None
    else:
        with run_demo(monitored=True, DURATION="1") as demo:
            yield demo
