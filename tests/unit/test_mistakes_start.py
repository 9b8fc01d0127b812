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


async def test_garbage_is_found_before_much_has_come_together(unfrozen: None) -> None:
    await service.loaded(lambda: None)  # type: ignore[arg-type,return-value]
    gc.collect()  # by which what is frozen counts no more
    knot = Knot()
    found = weakref.ref(knot)
    gc.collect(1)  # it is old now
    del knot
    made = [[number] for number in range(30_000)]
    assert len(made) == 30_000 and found() is None, "by itself Python lets 70,000 come together"


async def test_what_hundreds_of_targets_are_at_is_not_looked_through_over_and_over(unfrozen: None) -> None:
    passes = 0

    def count(phase: str, info: dict[str, int]) -> None:
        nonlocal passes
        passes += phase == "stop"

    gc.callbacks.append(count)
    try:
        for targets, least, most in ((500, 1, 4), (1, 30, 50)):
            await service.loaded(lambda: None, targets)  # type: ignore[arg-type,return-value]
            passes = 0
            made = [[number] for number in range(30_000)]
            assert len(made) == 30_000 and least <= passes <= most
    finally:
        gc.callbacks.remove(count)


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
