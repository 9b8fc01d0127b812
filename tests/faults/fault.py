"""One fault: how it is brought about, what is to be seen of it, and that it passes."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from tests.faults.scene import OTHER, OTHER_UP, PATIENCE, UP, Samples, Scene, sample
from tests.fix_exporter import eventually

COLLECTED = "collected meanwhile"  # as a sample: twice, so that the second collection began amid the fault
DOWN: Mapping[str, float | None] = {UP: 0}
ALIVE: Mapping[str, float | None] = {UP: 1}
SERVED: Mapping[str, float | None] = {UP: 1, COLLECTED: 1}
UP_AGAIN = ("target_up",)
OF_THE_DATABASE = ("untracked_changes",)  # what we do there ourselves, such as to make a role
OF_THE_MACHINE = ("event_loop_stuck",)  # which stands still for seconds now and then
# what the other tasks of the target may have to say, also later, when they next need the session that they have lost
BESIDE = ("upkeep_failed", "capture_failed", "archive_failed")
AGAIN = ("_up", "_recovered", "_resumed", "_reloaded", "promoted", "standby", "_loaded")  # how changes back end
HOLD_SECONDS = 2.0  # for which the fault is kept up once it shows
LAST_SUCCESS = re.compile(r'script_tracking_collector_last_success_timestamp_seconds\{.*target="shop"\}')
COUNTER = sample("operations_total", tenant="system", script_type="BATCH", status="FAILED")
PROGRESS = sample("collector_last_success_timestamp_seconds", OTHER, collector="operations")


def success(collector: str) -> str:
    """The sample that says whether a collector succeeds."""
    return sample("collector_success", collector=collector)


@dataclass(frozen=True)
class Fault:
    """What the exporter must show within `within` seconds, and that all is well `recovers` seconds after its end."""

    name: str
    inject: Callable[[Scene], AbstractContextManager[None]]
    shows: Mapping[str, float | None]  # samples; None for one that is not there
    log: tuple[str, ...] = ()  # events, each of them once
    may_log: tuple[str, ...] = ()  # others, at most once for each collector or job
    ready: int = 200
    within: float = 10.0
    recovers: float = 20.0
    prepare: Callable[[Scene], None] | None = None
    observe: Callable[[Scene], Mapping[str, float]] | None = None  # what else is looked at, as samples
    passes: Mapping[str, float] = field(default_factory=dict)  # samples after the end, beside those of all that is well
    passes_log: tuple[str, ...] = ()  # events that tell of the end
    times: int = 1  # how often sessions end: the end of the fault may end them as well


@dataclass(frozen=True)
class Outcome:
    """What one run has shown."""

    fault: Fault
    shown: float
    recovered: float
    ready: int
    events: tuple[str, ...]


def play(scene: Scene, fault: Fault) -> Outcome:
    """Brings the fault about and watches. Raises AssertionError for what must not be."""
    process = scene.exporter.process.pid
    if fault.prepare is not None:
        fault.prepare(scene)
    scene.wait_until_well(30)
    mark = scene.log.stat().st_size
    began = time.monotonic()
    with fault.inject(scene):
        shown = _wait(scene, fault, mark, began)
        ready = scene.exporter.get("/-/ready").status
        assert ready == fault.ready, f"/-/ready says {ready}"
        _hold(scene, fault)
    recovered = scene.wait_until_well(fault.recovers) + _pass(scene, fault, mark)
    assert scene.exporter.process.poll() is None and scene.exporter.process.pid == process
    return Outcome(fault, shown, recovered, ready, _told(scene, fault, mark))


def _seen(scene: Scene, fault: Fault) -> Samples:
    return {**scene.samples(), **(fault.observe(scene) if fault.observe is not None else {})}


def _wait(scene: Scene, fault: Fault, mark: int, began: float) -> float:
    last: dict[str, float | None] = {}
    collections: set[frozenset[tuple[str, float]]] = set()

    def shows() -> bool:
        seen = dict(_seen(scene, fault))
        collections.add(frozenset(item for item in seen.items() if LAST_SUCCESS.fullmatch(item[0])))
        seen[COLLECTED] = float(len(collections) > 2)
        last.update({name: seen.get(name) for name in fault.shows})
        told = {str(event["event"]) for event in scene.events(mark)}
        return all(seen.get(name) == value for name, value in fault.shows.items()) and told >= set(fault.log)

    try:
        eventually(shows, fault.within * PATIENCE)
    except AssertionError:
        raise AssertionError(f"not seen: {last}, {scene.events(mark)}") from None
    return time.monotonic() - began


def _pass(scene: Scene, fault: Fault, mark: int) -> float:
    """Waits for what else tells that the fault has passed."""
    began = time.monotonic()
    last: dict[str, float | None] = {}

    def passed() -> bool:
        seen = _seen(scene, fault) if fault.passes else {}
        last.update({name: seen.get(name) for name in fault.passes})
        told = {str(event["event"]) for event in scene.events(mark)}
        return all(seen.get(name) == value for name, value in fault.passes.items()) and told >= set(fault.passes_log)

    try:
        eventually(passed, fault.recovers * PATIENCE)
    except AssertionError:
        raise AssertionError(f"has not passed: {last}, {scene.events(mark)[-8:]}") from None
    return time.monotonic() - began


def _hold(scene: Scene, fault: Fault) -> None:
    """While the fault lasts nothing stale is served, and the other database is watched as ever."""
    before = scene.samples().get(PROGRESS)
    end = time.monotonic() + HOLD_SECONDS
    # another time is progress, be it an earlier one: the clock may have been set back since
    while time.monotonic() < end or scene.samples().get(PROGRESS) in (before, None):
        assert time.monotonic() < end + 30, "the other database is not collected any more"
        samples = scene.samples()
        assert samples.get(OTHER_UP) == 1, "the other database suffers"
        if samples.get(UP) == 0:
            assert COUNTER not in samples, "stale"
        time.sleep(0.2)


def _told(scene: Scene, fault: Fault, mark: int) -> tuple[str, ...]:
    """Names of the events; each change of state was told once."""
    events = [event for event in scene.events(mark) if event["level"] in ("warning", "error") or _is_change(event)]
    elsewhere = {*OF_THE_DATABASE, *OF_THE_MACHINE} - {*fault.log, *fault.may_log}
    events = [event for event in events if event["event"] not in elsewhere]
    assert not [event for event in events if event.get("target") == "other"], events
    told = Counter(
        tuple(event.get(key) for key in ("event", "target", "collector", "source", "job")) for event in events
    )
    assert max(told.values(), default=0) <= fault.times, f"told again and again: {events}"
    names = tuple(dict.fromkeys(str(event["event"]) for event in events))
    loud = {str(event["event"]) for event in events if event["level"] in ("warning", "error")}
    assert loud <= {*fault.log, *fault.may_log, *BESIDE}, f"not expected: {events}"
    return names


def _is_change(event: Mapping[str, object]) -> bool:
    return str(event["event"]).endswith(AGAIN)
