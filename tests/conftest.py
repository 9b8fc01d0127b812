"""What all tests share."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

pytest_plugins = [
    "tests.fix_servers",
    "tests.fix_certificates",
    "tests.fix_browser",
    "tests.fix_exporter",
    "tests.fix_databases",
    "tests.fix_injected",
    "tests.fix_logs",
    "tests.fix_monitoring",
    "tests.fix_passwords",
    "tests.fix_secured",
    "tests.fix_sessions",
    "tests.fix_shop",
    "tests.fix_systemd",
]


MONTH_ENDS_SECONDS = {True: 1200, False: 300}


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """No run begins where a month is about to end: tests reckon from the month, and so do the partitions that stand
    when another one begins amid them. In CI, where a stage takes long, the end is waited for from further away.
    """
    now = datetime.now(UTC)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    left = ((month + timedelta(days=32)).replace(day=1) - now).total_seconds()
    if left < MONTH_ENDS_SECONDS[os.environ.get("CI") == "true"]:
        print(f"the month ends in {left:.0f} s, which are waited for")
        time.sleep(left + 1)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is an error: what CI does not run, nobody runs."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        for report in reporter.stats["skipped"]:
            reporter.write_line(f"skipped, which is an error in CI: {report.nodeid}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
