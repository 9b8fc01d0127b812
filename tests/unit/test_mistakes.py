"""A mistake of the program's own is told without what the error says, and costs no more than what it befell."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter import metricmap, schedule, service
from exporter import watch as watch_module
from exporter.breakage import lasting
from exporter.collect.snapshot import Snapshot
from exporter.config import Config
from exporter.configfile import from_dsn
from exporter.daemon import Daemon
from exporter.discovery import Discovery
from exporter.dsn import Dsn
from exporter.errors import TargetUnavailable
from exporter.fleet import Fleet
from exporter.inventory import Inventory
from exporter.logs import of_loop
from exporter.target import Target
from exporter.targetfiles import TargetFiles
from exporter.watch import Watch
from exporter.web import settings as settings_module
from exporter.web.settings import WebSettings

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
NO_TARGETS = {"file_sd": {"files": ["/nowhere/*.yaml"]}}
WITHIN = 60.0


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits long to be begun anew."""
    monkeypatch.setattr(schedule.BackOff, "next", lambda _back_off: 0.01)


@pytest.fixture
def unfrozen() -> Iterator[None]:
    """The collector of garbage as it was."""
    yield
    gc.unfreeze()
    gc.enable()


def mistake(*_: Any, **__: Any) -> Any:
    raise RuntimeError("hunter2")


async def until(condition: Any) -> None:
    async with asyncio.timeout(WITHIN):
        while not condition():
            await asyncio.sleep(0.005)


def fleet() -> tuple[Fleet, Watch]:
    """All watches, which is one, of a database that does not answer."""
    own, snapshot = metricmap.load_own(), Snapshot()
    for metric in own.values():
        snapshot.declare(metric, metric.help)
    config = from_dsn(Dsn(NOWHERE))
    made = Fleet(snapshot, own)
    (watch,) = made.build(config, config.targets)
    return made, watch


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


async def test_the_garbage_of_the_start_is_not_kept_for_good(unfrozen: None) -> None:
    class Knot:
        def __init__(self) -> None:
            self.self = self

    gc.disable()
    left: list[weakref.ref[Knot]] = []
    await service.loaded(lambda: left.append(weakref.ref(Knot())))  # type: ignore[arg-type,return-value]
    assert left[0]() is None


async def test_a_reload_that_breaks_is_told_without_what_the_error_says() -> None:
    config = Config.model_validate(NO_TARGETS)
    running = Daemon(config, mistake)
    with capture_logs() as logs:
        (told,) = await running.reload()
    (line,) = [line for line in logs if line["event"] == "reload_broken"]
    assert line["error"] == "RuntimeError" and "hunter2" not in f"{logs} {told}"
    assert "reload_broken" in told, "whoever asked over HTTP looks into the log"
    assert b"script_tracking_config_last_reload_successful 0.0" in running.snapshot.exposition(openmetrics=False)


def lines(logs: Any, event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


def failures(running: Daemon, task: str) -> float:
    """How often a task has broken, as /metrics has it."""
    start = f'script_tracking_exporter_task_failures_total{{task="{task}"}} '
    text = running.snapshot.exposition(openmetrics=False).decode()
    (value,) = [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]
    return float(value)


async def test_what_breaks_again_and_again_is_told_once_and_goes_on_when_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Following the files and servers that name targets: what has changed meanwhile is applied then."""
    running = Daemon(Config.model_validate(NO_TARGETS), mistake)
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
    running = Daemon(Config.model_validate(NO_TARGETS), mistake)

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
    assert [line["task"] for line in lines(logs, "task_broken")] == ["web_config"]
    assert "hunter2" not in str(logs)


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


async def test_the_event_loop_tells_of_a_mistake_without_what_it_says() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(of_loop)
    with capture_logs() as logs:
        loop.call_soon(mistake)
        await until(lambda: logs)
    (line,) = logs
    assert (line["event"], line["library"], line["error"]) == ("library_warned", "asyncio", "RuntimeError")
    assert "test_mistakes.py" in str(line["at"]) and "hunter2" not in str(logs)


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


@pytest.mark.parametrize("kind", ["follow", "self_watch", "vigil", "web_config"])
async def test_what_lasts_ends_when_it_is_to_also_where_its_own_ending_fails(kind: str) -> None:
    begun: list[bool] = []

    async def job() -> None:
        begun.append(True)
        try:
            await asyncio.Event().wait()
        finally:
            mistake()

    running = Daemon(Config.model_validate(NO_TARGETS), mistake)
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

    running = Daemon(Config.model_validate(NO_TARGETS), mistake)
    with capture_logs() as logs:
        task = asyncio.create_task(lasting(job, running.breakage("vigil")))
        await until(lambda: len(begun) > 2)
        task.cancel()
        await asyncio.wait([task], timeout=WITHIN)
    assert task.cancelled() and [line["error"] for line in lines(logs, "task_broken")] == ["CancelledError"]


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
    own, snapshot = metricmap.load_own(), Snapshot()
    for metric in own.values():
        snapshot.declare(metric, metric.help)
    ended: list[Any] = []
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


async def mistake_later(*_: Any) -> None:
    mistake()


async def test_a_task_that_somebody_else_cancels_is_begun_anew() -> None:
    watching, watch = fleet()
    with capture_logs() as logs:
        watching._begin(watch)
        watch._tasks[0].cancel()
        await until(lambda: [line for line in logs if line["event"] == "watch_resumed"])
        (resumed,) = watching.watches
        assert resumed is not watch
        await watching.end()
        await asyncio.sleep(0.05)
    assert len([line for line in logs if line["event"] == "watch_broken"]) == 1, "what we end is no mistake"


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
        await until(lambda: [line for line in logs if line["event"] == "target_down"])
        await watching.end()
    assert [line["reason"] for line in logs if line["event"] == "target_down"] == ["it is gone"]


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
    own, snapshot = metricmap.load_own(), Snapshot()
    for metric in own.values():
        snapshot.declare(metric, metric.help)
    ended: list[Any] = []
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


async def test_what_watches_the_exporter_itself_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Daemon(Config.model_validate(NO_TARGETS), mistake)
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
