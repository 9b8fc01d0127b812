"""A mistake of the program's own in start, reload or event loop is told without what the error says."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from exporter import service
from exporter.config import Config
from exporter.daemon import Daemon
from exporter.logs import of_loop
from tests.unit.mistakes import NO_TARGETS, WITHIN, daemon, lines, mistake, until


@pytest.fixture
def unfrozen() -> Iterator[None]:
    """The collector of garbage as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    gc.enable()


async def test_a_reload_that_is_asked_for_during_the_start_waits_for_its_end() -> None:
    config = Config.model_validate(NO_TARGETS)
    read: list[bool] = []
    made = threading.Event()

    def reread() -> Config:
        read.append(made.is_set())
        return config

    running = Daemon(config, reread)
    starting = asyncio.create_task(running.start(lambda: service.loaded(lambda: made.wait(WITHIN))))  # type: ignore[arg-type,return-value]
    await asyncio.sleep(0)
    reloading = asyncio.create_task(running.reload())
    await asyncio.sleep(0.1)
    assert read == []
    made.set()
    await starting
    assert await reloading == ()
    assert read == [True]
    running.inventory.end()


class Knot:
    """What only the collector of garbage frees."""

    def __init__(self) -> None:
        self.self = self


async def test_the_garbage_of_the_start_is_not_kept_for_good(unfrozen: None) -> None:
    gc.disable()
    left: list[weakref.ref[Knot]] = []
    await service.loaded(lambda: left.append(weakref.ref(Knot())))  # type: ignore[arg-type,return-value]
    assert left[0]() is None


async def test_a_reload_that_breaks_is_told_without_what_the_error_says() -> None:
    running = daemon()
    with capture_logs() as logs:
        (told,) = await running.reload()
    (line,) = lines(logs, "reload_broken")
    assert line["error"] == "RuntimeError" and "hunter2" not in f"{logs} {told}"
    assert "reload_broken" in told, "whoever asked over HTTP looks into the log"
    assert b"script_tracking_config_last_reload_successful 0.0" in running.snapshot.exposition(openmetrics=False)


async def test_the_event_loop_tells_of_a_mistake_without_what_it_says() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(of_loop)
    with capture_logs() as logs:
        loop.call_soon(mistake)
        await until(lambda: logs)
    (line,) = logs
    assert (line["event"], line["library"], line["error"]) == ("library_warned", "asyncio", "RuntimeError")
    assert "mistakes.py" in str(line["at"]) and "hunter2" not in str(logs)
