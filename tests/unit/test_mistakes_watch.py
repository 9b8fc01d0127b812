"""A mistake of the program's own in what watches a database is told without its text, and befalls nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter import schedule
from exporter import watch as watch_module
from exporter.config import Config
from exporter.errors import TargetUnavailable
from exporter.target import Target
from exporter.watch import Watch
from tests.unit.mistakes import NO_TARGETS, NOWHERE, WITHIN, fleet, lines, mistake, mistake_later, no_pauses, until

__all__ = ["no_pauses"]


async def test_a_watch_that_breaks_again_and_again_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    watching, watch = fleet()
    with capture_logs() as logs:
        with monkeypatch.context() as broken:
            broken.setattr(Watch, "keep", mistake_later)
            broken.setattr(Watch, "capture", mistake_later)
            watching._begin(watch)
            for _ in range(6):
                last = watching.watches[0]
                await until(lambda last=last: watching.watches[0] is not last)
            assert len(lines(logs, "watch_broken")) == 1, "both break by the same"
        await until(lambda: lines(logs, "watch_resumed"))
        await watching.end()
    assert len(lines(logs, "watch_broken")) == len(lines(logs, "watch_resumed")) == 1


async def test_nothing_is_kept_of_a_broken_target_that_is_wanted_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "keep", mistake_later)
    watching, watch = fleet()
    with capture_logs() as logs:
        watching._begin(watch)
        await until(lambda: lines(logs, "watch_broken"))
        await watching.apply(Config.model_validate(NO_TARGETS), [])
        await asyncio.sleep(0.05)
    assert not watching._broken and not watching.watches
    await watching.end()


async def test_a_watch_whose_own_ending_fails_is_begun_anew_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    watching, watch = fleet()
    monkeypatch.setattr(watch, "keep", mistake_later)
    monkeypatch.setattr(watch.target, "close", mistake)
    with capture_logs() as logs:
        watching._begin(watch)
        await until(lambda: watching.watches[0] is not watch)
        await until(lambda: lines(logs, "watch_resumed"))
        assert not watching.failed.is_set()
        await watching.end()
    assert ["mistake" in str(line["at"]) for line in lines(logs, "watch_broken")] == [True, True], "it and its ending"
    assert "hunter2" not in str(logs)


async def test_a_watch_that_cannot_be_made_anew_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    watching, watch = fleet()
    makes, tried = watching._watch, []

    def make(*arguments: Any) -> Watch:
        tried.append(arguments)
        return mistake() if len(tried) < 4 else makes(*arguments)

    monkeypatch.setattr(watch, "keep", mistake_later)
    monkeypatch.setattr(watching, "_watch", make)
    with capture_logs() as logs:
        watching._begin(watch)
        await until(lambda: lines(logs, "watch_resumed"))
        assert len(tried) == 4 and not watching.failed.is_set()
        await watching.end()
    assert len(lines(logs, "watch_broken")) == 2, "once for each mistake"
    assert "hunter2" not in str(logs)


@pytest.mark.parametrize("where", ["sessions", "tasks"])
async def test_targets_change_also_where_the_ending_of_one_fails(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    async def ends_badly(*_: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            mistake()

    watching, watch = fleet()
    others = [{"name": name, "dsn": NOWHERE} for name in ("late", "later")]
    config = Config.model_validate({"targets": others})
    if where == "sessions":
        monkeypatch.setattr(watch.target.answering, "end", mistake)
    else:
        monkeypatch.setattr(watch, "keep", ends_badly)
    with capture_logs() as logs:
        watching._begin(watch)
        await until(lambda: watch.collector.attempted.is_set())
        await watching.apply(config, config.targets)
        assert [watch.config.name for watch in watching.watches] == ["late", "later"]
        assert [watch.config.name for watch in watching._ending] == []
        await until(lambda: lines(logs, "watch_broken"))
        assert not watching._mending and not watching._broken
        assert watch.target.archiving._ended and watch.target.sessions._ended, "the other sessions end as well"
        text = watching._snapshot.exposition(openmetrics=False).decode()
        assert 'script_tracking_up{target="late"}' in text and f'target="{watch.config.name}"' not in text
        await watching.end()
    assert not watching.failed.is_set()
    assert len(lines(logs, "watch_broken")) == 1 and "hunter2" not in str(logs)


async def test_a_task_that_somebody_else_cancels_is_begun_anew() -> None:
    watching, watch = fleet()
    with capture_logs() as logs:
        watching._begin(watch)
        watch._tasks[0].cancel()
        await until(lambda: lines(logs, "watch_resumed"))
        (resumed,) = watching.watches
        assert resumed is not watch
        await watching.end()
        await asyncio.sleep(0.05)
    assert len(lines(logs, "watch_broken")) == 1, "what we end is no mistake"


async def test_what_ends_late_tells_nothing_more() -> None:
    _, watch = fleet()
    snapshot = watch._snapshot
    assert b"script_tracking_up{" in snapshot.exposition(openmetrics=False)
    await watch.end()
    watch.collector.withdraw()
    watch.status.set("up", 1)
    watch.status.publish(snapshot)
    assert b"script_tracking_up{" not in snapshot.exposition(openmetrics=False)


async def test_after_a_rest_it_is_told_why_a_database_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def probe(_target: Target) -> None:
        raise TargetUnavailable("it is gone")

    watching, watch = fleet()
    watch.rest("the exporter failed")
    monkeypatch.setattr(Target, "probe", probe)
    with capture_logs() as logs:
        watching._begin(watch)
        await until(lambda: lines(logs, "target_down"))
        await watching.end()
    assert [line["reason"] for line in lines(logs, "target_down")] == ["it is gone"]


async def test_upkeep_that_goes_on_failing_waits_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    recovered = asyncio.Event()

    class Noting(schedule.BackOff):
        def next(self) -> float:
            waits.append(self._failures)
            self._failures += 1
            return 0.001

        def reset(self) -> None:
            super().reset()
            if len(waits) >= 4:
                recovered.set()

    async def settles() -> bool:
        return True

    async def fails_at_first() -> bool:
        return len(waits) >= 4

    monkeypatch.setattr(watch_module, "BackOff", Noting)
    _, watch = fleet()
    monkeypatch.setattr(watch.schema, "settle", settles)
    monkeypatch.setattr(watch, "_keep_house", fails_at_first)
    keeping = asyncio.create_task(watch.keep())
    await asyncio.wait_for(recovered.wait(), WITHIN)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert waits == [0, 1, 2, 3], "the schema is settled each time, which is no success"
