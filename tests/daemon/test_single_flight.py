"""What is slower than it is asked for: a collector is never run twice at once, nor is a probe of the same database."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from exporter import metricmap
from exporter.collect.packing import Text
from exporter.collect.snapshot import Snapshot
from exporter.config import Config
from exporter.database import connect
from exporter.probe import Prober
from exporter.sessions import Sessions
from tests.faults.road import Road
from tests.fix_exporter import StartExporter, becomes, eventually
from tests.fix_sessions import Session

pytestmark = pytest.mark.majors

SKIPPED = "script_tracking_collections_skipped_total"
# a second one at the same time would be refused
SLOW = """
create function shop.slow() returns table (region text, n bigint) language plpgsql as $f$
begin
  if not pg_catalog.pg_try_advisory_xact_lock(4711) then
    raise exception 'two at once';
  end if;
  perform pg_catalog.pg_sleep(3);
  return query select 'eu'::text, 1::bigint;
end $f$
"""


def _write(file: Path, interval: str) -> None:
    metric = {"name": "shop_slow", "type": "gauge", "help": "Orders.", "value": "n", "labels": {"region": "region"}}
    slow = {"function": "shop.slow", "interval": interval, "timeout": "2m", "metrics": [metric]}
    file.write_text(yaml.safe_dump({"collectors": {"slow": slow}}), encoding="utf-8")


def test_a_collector_slower_than_its_interval_is_run_once_at_a_time_and_the_turns_it_misses_are_counted(
    admin: Session, installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    admin.execute("create schema shop")
    admin.execute(SLOW.encode())
    file = tmp_path / "own.yaml"
    _write(file, "1s")
    targets = [{"name": "shop", "dsn": installed_database}]
    running = exporter("", targets=targets, metric_files=[str(file)])
    assert running.value(SKIPPED, target="shop") == 0, "known from the start"
    eventually(lambda: (running.value(SKIPPED, target="shop") or 0) >= 2, 40)
    _write(file, "500ms")
    running.process.send_signal(signal.SIGHUP)  # most likely amid a run
    running.wait_for_event("configuration_reloaded")
    known = running.value(SKIPPED, target="shop") or 0
    eventually(lambda: (running.value(SKIPPED, target="shop") or 0) >= known + 4, 60)
    becomes(1, lambda: running.value("script_tracking_collector_success", target="shop", collector="slow"))
    assert [line for line in running.events("collector_failed") if line["collector"] == "slow"] == []


async def test_who_asks_for_a_probe_that_is_being_made_gets_the_same(installed_database: str) -> None:
    where = urlsplit(installed_database)
    module = {
        "hosts": [f"{where.hostname}:{where.port}"],
        "dsn": f"postgresql://{where.username}@nowhere.invalid/x",
        "collectors": ["operations"],
        "timeout": "2m",
    }
    sessions = Sessions()
    elsewhere = [{"name": "none", "dsn": "postgresql://nobody@127.0.0.1:1/none"}]
    config = Config.model_validate({"targets": elsewhere, "probe": {"modules": {"shops": module}, "concurrency": 1}})
    prober = Prober(lambda: config, metricmap.load(), metricmap.load_own(), sessions)
    target = f"{where.hostname}:{where.port}{where.path}"

    async def ask(openmetrics: bool) -> str:
        answer = await prober.answer([target], ["shops"], None, openmetrics=openmetrics)
        assert isinstance(answer, Text), "refused, as another probe is being made"
        return answer.plain.decode()

    first = asyncio.create_task(ask(False))
    await asyncio.sleep(0)
    others = [asyncio.create_task(ask(openmetrics)) for openmetrics in (False, True, True)]
    await asyncio.sleep(0)
    first.cancel()  # whoever asked first may go
    texts = await asyncio.gather(*others)
    assert sessions.opened == 1 and sessions.open == 0
    up = f'script_tracking_up{{target="{target}"}} 1.0\n'
    assert all(up in text for text in texts)
    assert [text.endswith("# EOF\n") for text in texts] == [False, True, True]
    assert up in await ask(False)
    assert sessions.opened == 2, "the next one is made anew"


def _prober(installed_database: str, address: str, **changes: object) -> tuple[Prober, Sessions]:
    where = urlsplit(installed_database)
    module = {"hosts": [address], "dsn": f"postgresql://{where.username}@nowhere.invalid/x", **changes}
    elsewhere = [{"name": "none", "dsn": "postgresql://nobody@127.0.0.1:1/none"}]
    config = Config.model_validate({"targets": elsewhere, "probe": {"modules": {"shops": module}}})
    sessions = Sessions()
    return Prober(lambda: config, metricmap.load(), metricmap.load_own(), sessions), sessions


async def test_who_has_little_time_has_nobody_told_that_the_database_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same database, asked by the same module at the same time."""
    prober, _ = _prober("postgresql://e@x/shop", "db1", timeout="30s")
    began = list[float]()

    async def probe(module: object, name: str, target: str, place: object, seconds: float) -> Snapshot:
        began.append(seconds)
        await asyncio.sleep(0)
        return Snapshot()

    monkeypatch.setattr(prober, "_probe", probe)
    for hurry in (["1"], ["1", None], ["1", None, "1", None, "20"]):
        asked = [prober.answer(["db1/shop"], ["shops"], seconds, openmetrics=False) for seconds in hurry]
        assert all(isinstance(answer, Text) for answer in await asyncio.gather(*asked))
    assert began == [0.5, 0.5, 30.0, 0.5, 30.0, 19.5]


async def test_a_probe_of_a_server_that_falls_silent_ends_in_its_time(
    installed_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else Prometheus has given up, and nobody learns that the database is down."""
    at = urlsplit(installed_database)
    road = Road(at.hostname or "", at.port or 0)

    async def silenced(*arguments: Any, **keywords: Any) -> Any:
        connection = await connect(*arguments, **keywords)
        road.silence(True)
        return connection

    monkeypatch.setattr("exporter.targetsessions.connect", silenced)
    place = f"127.0.0.1:{road.port}"
    prober, sessions = _prober(installed_database, place, timeout="2s")
    try:
        began = time.monotonic()
        answer = await prober.answer([f"{place}{at.path}"], ["shops"], None, openmetrics=False)
        took = time.monotonic() - began
    finally:
        road.close()
    assert isinstance(answer, Text) and b"script_tracking_up{" in answer.plain and sessions.open == 0
    assert f'script_tracking_up{{target="{place}{at.path}"}} 0.0'.encode() in answer.plain
    assert took < 5
