"""Faults of a process, by files of a folder that come and go: loaded by the interpreter of an exporter under test.

`clock` holds the seconds by which the wall clock is wrong, `unresolved` a host's name that has no address,
`slot` the seconds of a bar on the page from the start on, and while `stalled` exists a sign of life of the target that
it names never comes, without an error. While `broken` does, a mistake of the program's own is to ask the target that it
names for one, or, where another word follows, to do there what that word says; or, without a target, what its only word
says. While `counted` exists, `worked` tells the most that one callback of the event loop has done so far.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter import breakage, watch
from exporter.capture.wal import AttemptReader
from exporter.collect import collector, course
from exporter.collect.caller import Caller
from exporter.daemon import Daemon
from exporter.target import Target
from exporter.upkeep.archiver import Archiver
from exporter.upkeep.keeper import Keeper
from exporter.web import sparkline  # noqa: F401  # whose words are of the usual hours, whatever `slot` says
from exporter.web.settings import WebSettings

FOLDER = Path(os.environ["INJECTED"])
ADDRESS = "127.0.0.1"  # of the hosts whose names end in .test
STALLED_SECONDS = 3.0
ARCHIVE_SECONDS = 2.0
SETTLED_TIMES = 1
# what would keep the event loop waiting; it waits itself outside of its callbacks
WAITS = ("fork_exec", "fsync", "getaddrinfo", "gethostbyname", "poll", "select", "sleep", "waitpid")


def _said(name: str) -> str | None:
    try:
        return (FOLDER / name).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


class _Work:
    """What one callback of the event loop does, in calls of functions: no machine's speed is in that."""

    def __init__(self) -> None:
        self.calls = 0
        self.waits: set[str] = set()

    def note(self, _frame: object, event: str, function: Any) -> None:
        """As sys.setprofile() has it."""
        if event in ("call", "c_call"):
            self.calls += 1
        if event == "c_call" and function.__name__ in WAITS and not inspect.ismethod(function):
            self.waits.add(function.__name__)


_worked: dict[str, Any] = {"calls": 0, "by": "", "callbacks": 0, "waits": []}
_run = asyncio.events.Handle._run


def _run_counted(handle: Any) -> None:
    if not (FOLDER / "counted").exists():
        _run(handle)
        return
    work, task = _Work(), getattr(handle._callback, "__self__", None)
    sys.setprofile(work.note)
    try:
        _run(handle)
    finally:
        sys.setprofile(None)
    by = getattr(task.get_coro(), "__qualname__", "") if isinstance(task, asyncio.Task) else repr(handle._callback)
    if work.calls > _worked["calls"]:
        _worked.update(calls=work.calls, by=by)
    _worked["callbacks"] += 1
    _worked["waits"] = sorted({*_worked["waits"], *(f"{by}: {wait}" for wait in work.waits)})
    new = FOLDER / "worked.new"
    new.write_text(json.dumps(_worked), encoding="utf-8")
    new.replace(FOLDER / "worked")


_time, _getaddrinfo, _probe, _several = time.time, socket.getaddrinfo, Target.probe, Caller.several


def _wrong_time() -> float:
    return _time() + float(_said("clock") or 0)


def _resolve(host: Any, *arguments: Any, **keywords: Any) -> Any:
    if host is not None and host == _said("unresolved"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _getaddrinfo(ADDRESS if str(host).endswith(".test") else host, *arguments, **keywords)


async def _life(target: Target) -> None:
    while _said("stalled") == target.name:
        await asyncio.sleep(0.2)
    _break(target.name)


async def _stall(target: Target) -> None:
    await _life(target)
    await _probe(target)


async def _stall_several(caller: Caller, *arguments: Any, **keywords: Any) -> Any:
    """What collectors that are asked together return is a sign of life, too."""
    await _life(caller._target)
    return await _several(caller, *arguments, **keywords)


def _break(place: str) -> None:
    if _said("broken") == place:
        raise RuntimeError("hunter2")


def _breaking(kind: Any, method: str, place: Callable[[Any], str]) -> None:
    """Has a method be a mistake while it is to be one."""
    was = getattr(kind, method)

    async def breaks(self: Any, *arguments: Any) -> Any:
        _break(place(self))
        return await was(self, *arguments)

    setattr(kind, method, breaks)


_breaking(AttemptReader, "round", lambda reader: f"{reader._target.name} capture")
_breaking(Keeper, "round", lambda keeper: f"{keeper._target.name} keep")
_breaking(Archiver, "round", lambda archiver: f"{archiver.target.name} archive")
_breaking(Daemon, "_apply", lambda _: "follow")
_breaking(WebSettings, "_load", lambda _: "web_config")
asyncio.events.Handle._run = _run_counted  # type: ignore[method-assign,assignment]
time.time = _wrong_time
socket.getaddrinfo = _resolve
Target.probe = _stall  # type: ignore[method-assign,assignment]
Caller.several = _stall_several  # type: ignore[method-assign,assignment]
course.SLOT_SECONDS = int(_said("slot") or course.SLOT_SECONDS)
collector.STALLED_SECONDS = STALLED_SECONDS  # so that a test need not wait for half a minute
breakage.SETTLED_TIMES = SETTLED_TIMES
watch.ARCHIVE_SECONDS = ARCHIVE_SECONDS  # nor for ten
