"""What all tests share."""

from __future__ import annotations

import os

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
]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is an error: what CI does not run, nobody runs."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        for report in reporter.stats["skipped"]:
            reporter.write_line(f"skipped, which is an error in CI: {report.nodeid}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
