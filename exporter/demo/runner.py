"""The subcommand `demo`: raises everything, tells the story, works on, sums up, and takes everything down again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from exporter.demo.exposition import Scrape
from exporter.demo.monitoring import Monitoring, find_monitoring
from exporter.demo.playground import TENANTS, Playground, open_playground, psql_folder
from exporter.demo.report import progress, summarise
from exporter.demo.scene import Scene
from exporter.demo.story import tell
from exporter.demo.terminal import Terminal, TerminalGone
from exporter.demo.watcher import NeverSeen, Watcher
from exporter.demo.workload import Workload
from exporter.dsn import Dsn
from exporter.errors import ConfigurationError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROGRESS_SECONDS = 1.0
LAST_COUNT_SECONDS = 30.0
LAST_SUCCESS = "script_tracking_collector_last_success_timestamp_seconds"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s?")


def read_duration(text: str | None) -> float | None:
    """Seconds of the option, else of DURATION; None works on until stopped. Raises ConfigurationError."""
    text = os.environ.get("DURATION", "") if text is None else text
    if not text.strip():
        return None
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError("the duration must be a number of seconds, such as 60")
    return float(match[1])


async def run(existing: Dsn | None, duration: float | None) -> int:
    """Plays on an existing server, or on an embedded one; 0 also where a signal ends it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup means it
            loop.add_signal_handler(number, stop.set)
    terminal = Terminal(sys.stdout)
    try:
        await _play(terminal, existing, duration, stop)
        return 0
    except TerminalGone:
        # the interpreter would complain about its own flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


async def _play(terminal: Terminal, existing: Dsn | None, duration: float | None, stop: asyncio.Event) -> None:
    began = time.monotonic()
    if existing is None:
        # what the environment says is meant for other servers
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]
    terminal.line("script-tracking-exporter demo", "bold")
    async with AsyncExitStack() as stack:
        stopping = asyncio.create_task(stop.wait())
        stack.callback(stopping.cancel)
        raising = asyncio.create_task(_raise(stack, terminal, existing))
        await asyncio.wait([raising, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not raising.done():
            raising.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await raising
        if raising.cancelled():
            terminal.line("Stopped before it began.")
        else:
            scene = raising.result()
            working = asyncio.create_task(_work(scene, began, duration))
            try:
                await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
            finally:
                working.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await working
            await scene.workload.pause()
            seconds = time.monotonic() - began
            await summarise(terminal, scene.playground, await _last_count(scene.watcher), seconds)
    terminal.fact(
        "left behind",
        "nothing: processes ended, files removed"
        if existing is None
        else "nothing: processes ended, database and roles dropped",
    )


async def _raise(stack: AsyncExitStack, terminal: Terminal, existing: Dsn | None) -> Scene:
    """Starts all there is, to be ended by the stack, and says what it is."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="script-tracking-demo-")))
    playground = await stack.enter_async_context(open_playground(existing, folder))
    watcher = stack.enter_context(Watcher(playground.dsn("exporter"), folder))
    binaries = find_monitoring()
    monitoring = stack.enter_context(Monitoring(binaries, watcher.address)) if binaries else None
    workload = await stack.enter_async_context(Workload(playground))
    _introduce(terminal, playground, watcher, monitoring)
    return Scene(terminal, playground, watcher, workload, monitoring)


async def _last_count(watcher: Watcher) -> Scrape:
    """A scrape of counters that were all collected after now, so that they fit together; else the last one."""
    now = time.time()

    def is_new(scrape: Scrape) -> bool:
        times = [scrape.value(LAST_SUCCESS, collector=name) or 0.0 for name in ("operations", "capture")]
        return min(times) > now or scrape.value("script_tracking_up") == 0

    try:
        return await watcher.until(is_new, LAST_COUNT_SECONDS)
    except NeverSeen:
        return await watcher.scrape()


async def _work(scene: Scene, began: float, duration: float | None) -> None:
    """The story, then a line of progress until the time is over."""
    scene.workload.start()
    await tell(scene)
    scene.terminal.line()
    if duration is None or time.monotonic() - began < duration:
        ending = "" if duration is None else f" or the end of {duration:g} s"
        scene.terminal.line(f"The teams work on, until Ctrl-C{ending}.", "bold")
    while duration is None or time.monotonic() - began < duration:
        scene.terminal.progress(progress(await scene.watcher.scrape(), time.monotonic() - began))
        if (reason := scene.workload.failed()) is not None:
            raise reason
        await asyncio.sleep(PROGRESS_SECONDS)


def _introduce(terminal: Terminal, playground: Playground, watcher: Watcher, monitoring: Monitoring | None) -> None:
    where = "embedded" if playground.server is not None else "an existing server"
    terminal.line()
    terminal.fact("PostgreSQL", f"{playground.server_version}, {where}, wal_level {playground.wal_level}")
    installed = f"installed in {playground.install_seconds:.1f} s by {playground.superuser}"
    terminal.fact("schema", f"version {playground.schema_version}, {installed}")
    taken = " (10187 is taken)" if watcher.usual_port_taken else ""
    terminal.fact("exporter", f"{watcher.metrics_url}{taken}, as role {playground.role('exporter')}")
    terminal.fact("", "a role with script_tracking_daemon and no other right: the superuser only installed the schema")
    terminal.fact("", "collecting every second; the default is every 5 s")
    terminal.fact("tenants", f"{', '.join(TENANTS)}: each has a role that migrates, one for jobs, a reader")
    if playground.server is None:
        terminal.fact(
            "made here", f"database {playground.database} and roles {playground.prefix}..., dropped at the end"
        )
    if monitoring is not None:
        terminal.fact("prometheus", f"{monitoring.prometheus_url} with the shipped rules, scraping every second")
        terminal.fact("alertmanager", monitoring.alertmanager_url)
    terminal.line()
    terminal.line("To repeat a look in another terminal, first:")
    terminal.command(f"export PGPASSFILE={shlex.quote(str(playground.passfile))}")
    if (folder := psql_folder()) is not None:
        terminal.command(f'export PATH="$PATH":{shlex.quote(str(folder))}')
