"""A fault that lasts is told when it comes, when its reason changes, and when it is over, and not between."""

from __future__ import annotations

from structlog.testing import capture_logs

from exporter.errors import QueryFailed, TargetUnavailable
from exporter.fault import Fault
from exporter.logs import get_logger


def test_it_is_told_once_until_it_changes_and_when_it_is_over() -> None:
    fault = Fault(get_logger("capture"), "capture_failed", "capture_recovered", target="shop", source="wal")
    with capture_logs() as told:
        fault.clear()
        for reason in ("no right", "no right", "no slot"):
            fault.meet(QueryFailed(reason))
        assert fault.lasts
        for reason in ("refused", "reset"):  # one outage has many reasons
            fault.meet(TargetUnavailable(reason))
        fault.clear()
        fault.clear()
        assert not fault.lasts
        fault.meet(QueryFailed("no right"))
    assert [(line["event"], line.get("reason")) for line in told] == [
        ("capture_failed", "no right"),
        ("capture_failed", "no slot"),
        ("capture_failed", "refused"),
        ("capture_recovered", None),
        ("capture_failed", "no right"),
    ]
    assert {(line["target"], line["source"]) for line in told} == {("shop", "wal")}
