"""Nothing that the daemon does keeps its event loop from all else for long, however much there is to tell.

Work is counted in calls of functions within one turn of the loop, which are as many on every machine.
"""

from __future__ import annotations

import gzip
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fix_exporter import Exporter, StartExporter, becomes, eventually
from tests.fix_injected import Injected
from tests.fix_sessions import Session

SAMPLES = 18_000
TOO_MANY = 30_000  # rows of a collector of which 20,000 samples are told
MOST_CALLS = 20_000
SUCCESS = "script_tracking_collector_success"


def collector(name: str, **metric: Any) -> dict[str, Any]:
    metrics = [{"name": f"shop_{name}", "help": "Orders.", "labels": {"region": "region"}, **metric}]
    return {"function": f"shop.{name}", "interval": "5s", "timeout": "5m", "row_limit": 100_000, "metrics": metrics}


COLLECTORS = {
    "many": collector("many", type="gauge", value="n"),
    "buckets": collector("buckets", type="histogram", le="le", bucket="n", sum="total"),
    "floods": collector("floods", type="gauge", value="n"),
}


def worked(injected: Injected) -> dict[str, Any]:
    """The most that one callback did."""
    found: dict[str, Any] = json.loads((injected.folder / "worked").read_text(encoding="utf-8"))
    return found


def last_success(running: Exporter, name: str) -> float:
    return running.value("script_tracking_collector_last_success_timestamp_seconds", target="shop", collector=name) or 0


@pytest.mark.majors  # all that it does is counted, which takes some times as long
def test_no_turn_of_the_event_loop_does_much_however_many_samples_there_are(
    admin: Session, installed_database: str, exporter: StartExporter, injected: Injected, tmp_path: Path
) -> None:
    admin.execute("create schema shop")
    now = "extract(epoch from clock_timestamp())::float8"  # so that each answer is another
    for name, count in (("many", SAMPLES), ("floods", TOO_MANY)):
        admin.execute(
            f"create function shop.{name}() returns table (region text, n float8) language sql as"
            f" $f$ select 'region' || k, k + {now} from generate_series(1, {count}) as g (k) $f$".encode()
        )
    admin.execute(
        "create function shop.buckets() returns table (region text, le float8, n bigint, total float8) language sql as"
        f" $f$ select 'region' || k, b, k + b, {now} from generate_series(1, 1200) as g (k),"
        " generate_series(1, 12) as h (b) $f$".encode()
    )
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump({"collectors": COLLECTORS}), encoding="utf-8")
    running = exporter(installed_database, environment=injected.environment, metric_files=[str(file)])
    for name in COLLECTORS:
        running.wait_for_value(1, SUCCESS, 300, target="shop", collector=name)
    before = {name: last_success(running, name) for name in COLLECTORS}
    injected.set("counted", "")
    for name in COLLECTORS:
        eventually(lambda name=name: last_success(running, name) > before[name] + 2, 300)  # type: ignore[misc]
    for accept in ("text/plain", "application/openmetrics-text"):
        told = gzip.decompress(running.get("/metrics", Accept=accept, Accept_Encoding="gzip").body).decode()
        assert told.count("\nshop_many{") == SAMPLES and told.count("\nshop_floods{") == 20_000
        assert running.get("/metrics", Accept=accept).status == 200
    assert running.get("/").status == 200
    becomes(200, lambda: running.get("/-/ready").status)
    running.process.send_signal(signal.SIGHUP)
    running.wait_for_event("configuration_reloaded", 300)
    most = worked(injected)
    assert most["callbacks"] > 100
    assert most["waits"] == []
    assert most["calls"] < MOST_CALLS, most
