"""Many targets in one process: the short form of `make fleet`, and hundreds that do not answer beside two that do."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from benchmarks.fleet import measure
from tests.fix_exporter import StartExporter, eventually

TARGETS = 30
HUNDREDS = 500
SESSIONS = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name = 'script-tracking-exporter'
"""

pytestmark = pytest.mark.majors


def test_targets_share_one_process_and_two_sessions_each(installed_database: str, second_database: str) -> None:
    run = measure.measure([installed_database, second_database], TARGETS, 5.0, limit=2 * TARGETS)
    assert run.targets == TARGETS, "every collector of each has succeeded"
    assert run.sessions <= 2 * TARGETS
    assert run.samples > TARGETS * 50


def test_hundreds_that_do_not_answer_cost_those_that_do_nothing(
    installed_database: str, second_database: str, exporter: StartExporter
) -> None:
    good = [{"name": "shop", "dsn": installed_database}, {"name": "till", "dsn": second_database}]
    ports = (1, 2)
    bad = [
        {"name": f"gone {number}", "dsn": f"postgresql://nobody@127.0.0.1:{ports[number % 2]}/none"}
        for number in range(HUNDREDS - len(good))
    ]
    half = len(bad) // 2
    running = exporter("", targets=[*bad[:half], *good, *bad[half:]])
    for target in ("shop", "till"):
        running.wait_for_value(1, "script_tracking_up", 90, target=target)
        running.wait_for_value(1, "script_tracking_collector_success", 90, target=target, collector="operations")
    eventually(lambda: running.get("/-/ready").status == 200, 90)

    def told() -> Counter[bytes]:
        lines = running.get("/metrics").body.splitlines()
        return Counter(line[-3:] for line in lines if line.startswith(b"script_tracking_up{"))

    eventually(lambda: told() == {b"0.0": len(bad), b"1.0": 2}, 90)
    before = running.value(
        "script_tracking_collector_last_success_timestamp_seconds", target="shop", collector="health"
    )

    def goes_on() -> bool:
        name = "script_tracking_collector_last_success_timestamp_seconds"
        return running.value(name, target="shop", collector="health") != before

    eventually(goes_on, 90)
    down = Counter(str(event["target"]) for event in running.events("target_down"))
    assert {name: count for name, count in down.items() if count > 1} == {}, "a change of state is logged once"
    assert len(down) == len(bad) and not running.events("watch_broken")
    for dsn in (installed_database, second_database):
        with psycopg.connect(dsn) as session:
            assert session.execute(SESSIONS).fetchall() <= [(2,)]
    assert running.stop() == 0
