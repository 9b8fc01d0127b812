"""A mistake of the program's own in what finds targets costs no more than what it befell."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter import metricmap
from exporter.config import Config
from exporter.discovery import Discovery
from exporter.inventory import Inventory
from exporter.targetfiles import TargetFiles
from tests.unit.mistakes import NO_TARGETS, NOWHERE, WITHIN, lines, mistake, no_pauses, snapshot_of, until

__all__ = ["no_pauses"]


async def test_sources_of_targets_end_also_where_their_own_ending_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    looked: list[str] = []

    async def look(discovery: Discovery) -> bool:
        looked.append(discovery.entry.name)
        try:
            await asyncio.Event().wait()
        finally:
            mistake()
        return True

    monkeypatch.setattr(Discovery, "look", look)
    targets = [{"name": "odd", "dsn": NOWHERE, "discover": {}}]
    config = Config.model_validate({"targets": targets})
    ended: list[Any] = []
    own = metricmap.load_own()
    snapshot = snapshot_of(own)
    inventory = Inventory(snapshot, own, changed=lambda: None, ended=ended.append)
    with capture_logs() as logs:
        await inventory.adopt(config)
        inventory.targets()
        await until(lambda: looked)
        ((_, task),) = inventory._discoveries.values()
        assert task is not None
        await inventory.adopt(Config.model_validate(NO_TARGETS))
        inventory.targets()
        await asyncio.wait([task], timeout=WITHIN)
    assert task.cancelled() and looked == ["odd"] and not ended
    assert len(lines(logs, "source_broken")) == 1 and "hunter2" not in str(logs)
    assert 'target="odd"' not in snapshot.exposition(openmetrics=False).decode(), "nothing is left of it"


async def test_a_mistake_in_one_source_of_targets_ends_no_other_and_not_the_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    looked: list[str] = []

    async def look(discovery: Discovery) -> bool:
        looked.append(discovery.entry.name)
        if discovery.entry.name == "odd":
            mistake()
        return True

    looks = TargetFiles.look

    def look_at_files(files: TargetFiles, *, anew: bool = False) -> None:
        looked.append("files")
        looks(files, anew=anew) if anew else mistake()

    monkeypatch.setattr(Discovery, "look", look)
    monkeypatch.setattr(TargetFiles, "look", look_at_files)
    targets = [{"name": name, "dsn": NOWHERE, "discover": {"interval": "1s"}} for name in ("odd", "even")]
    file_sd = {"files": [str(tmp_path / "*.yaml")], "interval": "100ms"}
    config = Config.model_validate({"targets": targets, "file_sd": file_sd})
    ended: list[Any] = []
    own = metricmap.load_own()
    snapshot = snapshot_of(own)
    inventory = Inventory(snapshot, own, changed=lambda: None, ended=ended.append)
    with capture_logs() as logs:
        await inventory.adopt(config)
        inventory.targets()
        inventory.begin()
        await until(lambda: min(looked.count("odd"), looked.count("files"), 2 * looked.count("even")) > 2)
        assert inventory.is_known, "the others' targets do not wait for it"
        inventory.end()
        await asyncio.sleep(0)
    assert not ended
    assert sorted(line["source"] for line in lines(logs, "source_broken")) == ["file_sd", "odd"], "once each"
    assert "hunter2" not in str(logs)
