"""The daemon as a process: what it listens on, its signals, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from exporter import garbage, logs
from exporter.breakage import lasting
from exporter.config import Config
from exporter.daemon import Daemon
from exporter.logs import get_logger
from exporter.web.settings import WebSettings

if TYPE_CHECKING:
    from exporter.web.server import Server

log = get_logger("daemon")

STOP_SECONDS = 1.0
SWITCH_SECONDS = 0.0005  # while something is loaded beside it, the event loop waits no longer for its turn


async def run(config: Config, reread: Callable[[], Config], listener: socket.socket) -> int:
    """Serves on a listening socket until SIGTERM or SIGINT; returns the exit code.

    SIGHUP has the configuration read anew by `reread`.
    """
    _allow_files()
    settings = WebSettings(config.web.config_file)
    daemon = Daemon(config, reread)
    stop = asyncio.Event()
    reloads: set[asyncio.Task[tuple[str, ...]]] = set()

    def begin_reload() -> None:
        task = asyncio.create_task(daemon.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.of_loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, begin_reload)
    server = await daemon.start(lambda: loaded(lambda: _server(daemon, settings, listener), len(daemon.fleet.watches)))
    serving = asyncio.create_task(server.serve())
    jobs = {
        "follow": daemon.follow,
        "self_watch": daemon.self_watch.run,
        "vigil": daemon.vigil.run,
        "web_config": lambda: settings.watch(daemon.tell_web_reload),
    }
    tasks = [serving, *(asyncio.create_task(lasting(job, daemon.breakage(name))) for name, job in jobs.items())]
    daemon.manager.ready()
    log.info("started", listen=f"{config.listen_host}:{listener.getsockname()[1]}", targets=len(daemon.fleet.watches))
    waits = [asyncio.create_task(event.wait()) for event in (stop, daemon.fleet.failed)]
    await asyncio.wait([*waits, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for done in [task for task in tasks if task.done()]:
        daemon.fleet.task_ended(done)  # none does by itself
    failed = daemon.fleet.failed.is_set()
    daemon.manager.stopping()
    server.should_exit = True
    daemon.inventory.end()
    for task in (*waits, *reloads, *tasks[1:]):
        task.cancel()
    ending = asyncio.create_task(daemon.fleet.end())
    await asyncio.wait([serving, ending], timeout=STOP_SECONDS)
    for task in (serving, ending):
        task.cancel()
    log.info("stopped")
    return 1 if failed else 0


async def loaded(make: Callable[[], Server], targets: int = 1) -> Server:
    """What is made beside the event loop: the first collection does not wait for it."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        return await asyncio.to_thread(make)
    finally:
        sys.setswitchinterval(interval)
        garbage.start(targets)


def _server(daemon: Daemon, settings: WebSettings, listener: socket.socket) -> Server:
    from exporter.web import app as web
    from exporter.web.page import Source
    from exporter.web.server import Server

    app = web.create(
        lambda openmetrics: daemon.snapshot.text_in_turns(openmetrics=openmetrics),
        daemon.not_ready,
        lambda: daemon.reload if daemon.config.web.enable_lifecycle else None,
        settings,
        Source(lambda: daemon.config.web.page, daemon.scene),
        lambda: daemon.config.api.tokens,
        lambda: daemon.fleet.watches,
        daemon.prober,
        daemon.tally,
        daemon.traffic,
    )
    return Server(app, listener, settings.security, traffic=daemon.traffic)


def _allow_files() -> None:
    """Lets the process have as many sockets as the system allows: the usual bound of 1,024 is for who uses select()."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def leave(code: int) -> NoReturn:
    """Ends the process at once. A thread that hangs, such as one that resolves a name, would keep the interpreter."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
