"""Where alerts begin, as the configuration says, is told and changed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.daemon.test_probe import _ask, _module, _target
from tests.daemon.test_reload import change, sessions, sighup
from tests.fix_exporter import Exporter, StartExporter, becomes, eventually

OF_TARGET, OF_EXPORTER = "script_tracking_alert_threshold", "script_tracking_exporter_alert_threshold"


def told(running: Exporter) -> dict[str, float]:
    """Thresholds by target and name, as served."""
    lines = running.get("/metrics").body.decode().splitlines()
    return {
        line.partition("{")[2].partition("}")[0].replace('"', ""): float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith((OF_TARGET + "{", OF_EXPORTER + "{"))
    }


def test_what_is_set_is_told_of_each_target_and_changed_without_touching_it(
    installed_database: str, second_database: str, exporter: StartExporter
) -> None:
    shop = {"name": "shop", "dsn": installed_database}
    lenient = {"error_spike_failures": 50, "rollup_lag_seconds": "2h"}
    running = exporter(
        installed_database,
        targets=[shop, {"name": "till", "dsn": second_database, "alert_thresholds": lenient}],
        alert_thresholds={"rollup_lag_seconds": "30m", "certificate_ends_in_seconds": "7d"},
    )
    expected = {
        "target=shop,threshold=rollup_lag_seconds": 1800.0,
        "target=till,threshold=error_spike_failures": 50.0,
        "target=till,threshold=rollup_lag_seconds": 7200.0,
        "threshold=certificate_ends_in_seconds": 604800.0,
    }
    becomes(expected, lambda: told(running))
    running.wait_for_value(1, "script_tracking_up", target="till")
    before = {dsn: eventually(partial(sessions, dsn), 20) for dsn in (installed_database, second_database)}
    change(
        running,
        targets=[
            {**shop, "alert_thresholds": {"ddl_waiting_seconds": 5}},
            {"name": "till", "dsn": second_database, "alert_thresholds": {"error_spike_failures": 60}},
        ],
        alert_thresholds={"partitions_ahead": 2},
    )
    sighup(running)
    expected = {
        "target=shop,threshold=ddl_waiting_seconds": 5.0,
        "target=shop,threshold=partitions_ahead": 2.0,
        "target=till,threshold=error_spike_failures": 60.0,
        "target=till,threshold=partitions_ahead": 2.0,
    }
    becomes(expected, lambda: told(running))
    for dsn, pids in before.items():
        assert set(sessions(dsn)) & set(pids), "the session goes on"
    assert len(running.events("target_up")) == 2
    change(running, targets=[shop, {"name": "till", "dsn": second_database}], alert_thresholds=None)
    sighup(running)
    becomes({}, lambda: told(running))


def test_they_are_told_of_a_target_that_is_down_and_by_a_probe(
    installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    running = exporter(
        "postgresql://nobody@127.0.0.1:1/none",
        probe={"modules": {"shops": _module(installed_database, collectors=["operations"])}},
        alert_thresholds={"rollup_lag_seconds": "30m"},
    )
    running.wait_for_value(0, "script_tracking_up", target="shop")
    assert told(running) == {"target=shop,threshold=rollup_lag_seconds": 1800.0}
    target = _target(installed_database)
    status, text = _ask(running, target)
    assert status == 200
    assert f'{OF_TARGET}{{target="{target}",threshold="rollup_lag_seconds"}} 1800.0' in text
