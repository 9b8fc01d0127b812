"""What lasts as long as the program is begun anew after a mistake of its own, which is told once, and not its text."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.breakage import lasting
from exporter.web import settings as settings_module
from exporter.web.settings import WebSettings
from tests.unit.mistakes import WITHIN, daemon, failures, lines, mistake, mistake_later, no_pauses, until

__all__ = ["no_pauses"]


async def test_what_breaks_again_and_again_is_told_once_and_goes_on_when_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Following the files and servers that name targets: what has changed meanwhile is applied then."""
    running = daemon()
    applied: list[bool] = []
    monkeypatch.setattr(running, "_apply", mistake_later)

    async def apply() -> None:
        applied.append(True)

    with capture_logs() as logs:
        following = asyncio.create_task(lasting(running.follow, running.breakage("follow")))
        running._changed.set()
        await until(lambda: failures(running, "follow") >= 5)
        monkeypatch.setattr(running, "_apply", apply)
        await until(lambda: lines(logs, "task_resumed"))
        assert applied == [True], "nothing has changed since"
        running._changed.set()
        await until(lambda: len(applied) == 2)
        monkeypatch.setattr(running, "_apply", mistake_later)
        running._changed.set()
        await until(lambda: len(lines(logs, "task_broken")) == 2)
        following.cancel()
        await asyncio.wait([following])
    assert {line["task"] for line in lines(logs, "task_broken")} == {"follow"}
    assert "mistake" in str(lines(logs, "task_broken")[0]["at"]) and "hunter2" not in str(logs)


async def test_a_web_file_in_whose_reading_we_make_a_mistake_is_read_again_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(settings_module, "LOOK_SECONDS", 0.01)
    file = tmp_path / "web.yml"
    file.write_text("http_server_config: {headers: {X-Frame-Options: deny}}", encoding="utf-8")
    settings = WebSettings(file)
    loads = settings_module.load
    told: list[bool] = []
    running = daemon()

    def tell(well: bool, _at: float, _not_after: float | None) -> None:
        told.append(well)

    with capture_logs() as logs:
        watching = asyncio.create_task(lasting(lambda: settings.watch(tell), running.breakage("web_config")))
        await until(lambda: told == [True])
        monkeypatch.setattr(settings_module, "load", mistake)
        file.write_text("http_server_config: {headers: {X-Frame-Options: sameorigin}}", encoding="utf-8")
        await until(lambda: failures(running, "web_config") >= 3)
        assert set(told[1:]) == {False}, "an earlier one is in force"
        assert settings.current.headers == {"X-Frame-Options": "deny"}
        monkeypatch.setattr(settings_module, "load", loads)
        await until(lambda: told[-1])
        assert settings.current.headers == {"X-Frame-Options": "sameorigin"}
        await until(lambda: lines(logs, "task_resumed"))
        watching.cancel()
        await asyncio.wait([watching])
    assert {line["task"] for line in lines(logs, "task_broken")} == {"web_config"}
    assert "hunter2" not in str(logs)


@pytest.mark.parametrize("kind", ["follow", "self_watch", "vigil", "web_config"])
async def test_what_lasts_ends_when_it_is_to_also_where_its_own_ending_fails(kind: str) -> None:
    begun: list[bool] = []

    async def job() -> None:
        begun.append(True)
        try:
            await asyncio.Event().wait()
        finally:
            mistake()

    running = daemon()
    with capture_logs() as logs:
        task = asyncio.create_task(lasting(job, running.breakage(kind)))
        await until(lambda: begun)
        task.cancel()
        await asyncio.wait([task], timeout=WITHIN)
    assert task.cancelled() and begun == [True], "it does not go on"
    (line,) = lines(logs, "task_broken")
    assert (line["task"], line["error"]) == (kind, "RuntimeError") and "hunter2" not in str(logs)
    assert failures(running, kind) == 1


async def test_a_cancellation_that_comes_from_elsewhere_ends_nothing_that_lasts() -> None:
    begun: list[bool] = []

    async def job() -> None:
        begun.append(True)
        other = asyncio.create_task(asyncio.Event().wait())
        other.cancel()
        await other

    running = daemon()
    with capture_logs() as logs:
        task = asyncio.create_task(lasting(job, running.breakage("vigil")))
        await until(lambda: len(begun) > 2)
        task.cancel()
        await asyncio.wait([task], timeout=WITHIN)
    assert task.cancelled() and [line["error"] for line in lines(logs, "task_broken")] == ["CancelledError"]


async def test_what_watches_the_exporter_itself_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    running = daemon()
    alive: list[bool] = []
    monkeypatch.setattr(running.manager, "alive", lambda: alive.append(True))
    jobs = {"self_watch": (running.self_watch, "_tell"), "vigil": (running.vigil, "look")}
    threads = threading.active_count()
    with capture_logs() as logs:
        with monkeypatch.context() as broken:
            for job, method in jobs.values():
                broken.setattr(job, method, mistake)
            tasks = [
                asyncio.create_task(lasting(job.run, running.breakage(name)))  # type: ignore[attr-defined]
                for name, (job, _) in jobs.items()
            ]
            await until(lambda: min(failures(running, name) for name in jobs) >= 2)
        assert not alive, "the service manager hears nothing meanwhile"
        lag = b"\nscript_tracking_exporter_event_loop_lag_seconds "
        await until(lambda: alive and lag in running.snapshot.exposition(openmetrics=False))
        await until(lambda: len(lines(logs, "task_resumed")) == 2)
        await until(lambda: threading.active_count() <= threads + 1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert sorted(line["task"] for line in lines(logs, "task_broken")) == sorted(jobs), "once each"
