"""The exporter's own pulse: how long what is due has to wait for the event loop, and how many sessions there are."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from exporter import garbage
from exporter.collect.families import Family
from exporter.collect.snapshot import Snapshot
from exporter.collect.status import publish_values
from exporter.logs import get_logger
from exporter.metricmap import MetricSpec
from exporter.sessions import Sessions

log = get_logger("daemon")

TICK_SECONDS = 0.05
BLOCKED_SECONDS = 0.05
TELL_SECONDS = 5.0
WINDOWS = 3  # of TELL_SECONDS, over which the longest wait is told
STUCK_SECONDS = 2.0  # then a line of the log tells what the event loop is at


class SelfWatch:
    """Measures, and hands out what it finds."""

    def __init__(
        self,
        snapshot: Snapshot,
        specs: Mapping[str, MetricSpec],
        sessions: Sessions,
        news: Iterable[Callable[[Mapping[str, MetricSpec]], Iterable[Family]]] = (),
    ) -> None:
        """Each of `news` gives what else is to be told of the process, where it has changed."""
        self._snapshot = snapshot
        self._specs = specs
        self._sessions = sessions
        self._news = tuple(news)
        self._lags = deque([0.0], maxlen=WINDOWS)
        self._blocked = 0
        self._beat = time.monotonic()

    async def run(self) -> None:
        """Measures until cancelled."""
        stopped = threading.Event()
        guard = threading.Thread(target=self._guard, args=(threading.get_ident(), stopped), daemon=True)
        guard.start()
        try:
            while True:
                await self._window()
        finally:
            stopped.set()

    async def _window(self) -> None:
        due = time.monotonic() + TICK_SECONDS  # what is done here keeps others waiting as well
        self._tell()
        garbage.look_at_all()
        self._lags.append(0.0)
        end = time.monotonic() + TELL_SECONDS
        while due < end:
            await asyncio.sleep(TICK_SECONDS)
            self._beat = time.monotonic()
            lag = self._beat - due
            self._lags[-1] = max(self._lags[-1], lag)
            self._blocked += lag > BLOCKED_SECONDS
            due = self._beat + TICK_SECONDS

    def _tell(self) -> None:
        sessions = self._sessions
        values = {
            "loop_lag": max(self._lags),
            "loop_blocked": float(self._blocked),
            "sessions_open": float(sessions.open),
            "sessions_limit": float(sessions.limit),
            "sessions_opened": float(sessions.opened),
            "sessions_waiting": float(sessions.waiting),
            "session_waits": float(sessions.waits),
            "session_wait_seconds": sessions.waited_seconds,
        }
        publish_values(self._snapshot, self._specs, "", values)
        for news in self._news:
            self._snapshot.put("", "news", news(self._specs))

    def _guard(self, thread: int, stopped: threading.Event) -> None:
        """In a thread of its own: tells, once each time, where the event loop does not go on."""
        told = 0.0
        while not stopped.wait(STUCK_SECONDS / 4):
            beat = self._beat
            if time.monotonic() - beat < STUCK_SECONDS or beat == told:
                continue
            told = beat
            with contextlib.suppress(KeyError):
                stack = traceback.extract_stack(sys._current_frames()[thread])
                places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack[-8:]]
                log.warning("event_loop_stuck", seconds=round(time.monotonic() - beat, 1), at=places)
