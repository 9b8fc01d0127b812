"""A target's own metrics: of each, all that is told of it is one piece of the snapshot."""

from __future__ import annotations

import pytest

from exporter.collect.snapshot import Snapshot
from exporter.collect.status import TargetStatus
from exporter.metricmap import load_own

OWN = load_own()


@pytest.fixture
def snapshot() -> Snapshot:
    """One that knows the own metrics."""
    made = Snapshot()
    for spec in OWN.values():
        made.declare(spec, spec.help)
    return made


def told(snapshot: Snapshot) -> list[str]:
    """The samples, without their common beginning."""
    lines = snapshot.exposition(openmetrics=False).decode().splitlines()
    return [line.removeprefix("script_tracking_") for line in lines if not line.startswith("#")]


def test_what_changes_is_told_and_what_is_gone_is_not(snapshot: Snapshot) -> None:
    status = TargetStatus("shop", OWN)
    for name in ("errors", "health"):
        status.set("collector_success", 1, collector=name)
        status.add("dropped_series", 2, collector=name)
    status.set("up", 1)
    assert told(snapshot) == []
    status.publish(snapshot)
    success = [f'collector_success{{collector="{name}",target="shop"}} 1.0' for name in ("errors", "health")]
    assert [line for line in told(snapshot) if line.startswith("collector_success")] == success
    assert snapshot.samples == len(told(snapshot)) == 5
    status.set("collector_success", 0, collector="errors")
    status.add("dropped_series", 3, collector="health")
    status.publish(snapshot)
    assert 'collector_success{collector="errors",target="shop"} 0.0' in told(snapshot)
    assert any(line.endswith('{collector="health",target="shop"} 5.0') for line in told(snapshot))
    assert status.get("dropped_series", collector="health") == 5
    status.drop("collector", "errors")
    status.withdraw("up")
    status.publish(snapshot)
    assert snapshot.samples == len(told(snapshot)) == 2
    assert not any("errors" in line for line in told(snapshot))
    status.end()
    status.set("up", 0)
    status.publish(snapshot)
    assert len(told(snapshot)) == 2


def test_values_are_replaced_by_their_label(snapshot: Snapshot) -> None:
    status = TargetStatus("shop", OWN)
    status.replace("alert_threshold", "threshold", {"a": 1.0, "b": 2.0})
    status.publish(snapshot)
    status.replace("alert_threshold", "threshold", {"b": 2.0, "c": 3.0})
    status.publish(snapshot)
    assert [line.partition("{")[2] for line in told(snapshot)] == [
        'target="shop",threshold="b"} 2.0',
        'target="shop",threshold="c"} 3.0',
    ]


def test_what_is_to_be_told_alone_is(snapshot: Snapshot) -> None:
    status = TargetStatus("shop", OWN)
    status.set("up", 1)
    status.set("standby", 0)
    status.publish(snapshot)
    status.alone = "up"
    status.publish(snapshot)
    assert told(snapshot) == ['up{target="shop"} 1.0']
    status.alone = None
    status.publish(snapshot)
    assert len(told(snapshot)) == 2
