"""Faults of a process, by files of a folder that come and go: loaded by the interpreter of an exporter under test.

`clock` holds the seconds by which the wall clock is wrong, `unresolved` a host's name that has no address, and while
`stalled` exists a sign of life of the target that it names never comes, without an error; while `broken` does,
asking for one of the target that it names is a mistake of the program's own.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path
from typing import Any

from exporter import watch
from exporter.collect import collector
from exporter.target import Target

FOLDER = Path(os.environ["INJECTED"])
ADDRESS = "127.0.0.1"  # of the hosts whose names end in .test
STALLED_SECONDS = 3.0
ARCHIVE_SECONDS = 2.0


def _said(name: str) -> str | None:
    try:
        return (FOLDER / name).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


_time, _getaddrinfo, _probe = time.time, socket.getaddrinfo, Target.probe


def _wrong_time() -> float:
    return _time() + float(_said("clock") or 0)


def _resolve(host: Any, *arguments: Any, **keywords: Any) -> Any:
    if host is not None and host == _said("unresolved"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _getaddrinfo(ADDRESS if str(host).endswith(".test") else host, *arguments, **keywords)


async def _stall(target: Target) -> None:
    while _said("stalled") == target.name:
        await asyncio.sleep(0.2)
    if _said("broken") == target.name:
        raise RuntimeError("hunter2")
    await _probe(target)


time.time = _wrong_time
socket.getaddrinfo = _resolve
Target.probe = _stall  # type: ignore[method-assign,assignment]
collector.STALLED_SECONDS = STALLED_SECONDS  # so that a test need not wait for half a minute
watch.ARCHIVE_SECONDS = ARCHIVE_SECONDS  # nor for ten
