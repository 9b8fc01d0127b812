"""That each alert is provoked in a real database by a test, or told here why it is not."""

from __future__ import annotations

from tests.e2e.provocations import PROVOCATIONS
from tests.unit.test_alert_files import ALERTS

ELSEWHERE = {
    "ScriptTrackingWatchdog": "it always fires: tests/e2e/test_alerts_provoked.py sees it arrive, and nothing ends it",
}


def test_each_alert_is_provoked_or_it_is_told_why_not() -> None:
    provoked = [provocation.name for provocation in PROVOCATIONS]
    assert len(provoked) == len(set(provoked)), "once each"
    assert sorted([*provoked, *ELSEWHERE]) == sorted(ALERTS)
