"""Faults of the server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg

from exporter.demo.server import ServerFailed
from tests.faults.fault import DOWN, SERVED, UP_AGAIN, Fault
from tests.faults.scene import Scene, sample
from tests.fix_exporter import eventually
from tests.harmless.cluster import Cluster


def _start(server: Cluster) -> None:
    """Starts it, once those that it left behind are gone."""
    for attempt in range(10):
        try:
            server.start()
            return
        except ServerFailed:
            if attempt == 9:
                raise
            time.sleep(0.5)


@contextmanager
def stopped(scene: Scene) -> Iterator[None]:
    scene.victim.stop()
    try:
        yield
    finally:
        _start(scene.victim)


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    left = children(scene.victim)
    assert scene.victim.pid is not None
    os.kill(scene.victim.pid, signal.SIGKILL)
    try:
        yield
    finally:
        scene.victim.stop()
        eventually(lambda: not [child for child in left if Path(f"/proc/{child}").exists()], 20)
        _start(scene.victim)


@contextmanager
def restarted(scene: Scene) -> Iterator[None]:
    scene.victim.stop()
    _start(scene.victim)
    yield


@contextmanager
def crashed(scene: Scene) -> Iterator[None]:
    with scene.admin() as admin:
        os.kill(admin.info.backend_pid, signal.SIGKILL)
        yield


def children(server: Cluster) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == server.pid:
                found.append(int(folder.name))
    return found


@contextmanager
def paused(scene: Scene) -> Iterator[None]:
    assert scene.victim.pid is not None
    everyone = [scene.victim.pid, *children(scene.victim)]
    for process in everyone:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in everyone:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


@contextmanager
def out_of_connections(scene: Scene) -> Iterator[None]:
    with ExitStack() as stack:
        admin = stack.enter_context(scene.admin("postgres"))
        ours = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'exporter'"
        for _ in range(200):
            left = admin.execute(ours).fetchone()
            with suppress(psycopg.OperationalError):
                while True:
                    stack.enter_context(scene.admin("postgres"))
            if left == (0,):
                break
            time.sleep(0.05)
        yield


@contextmanager
def no_connections_allowed(scene: Scene) -> Iterator[None]:
    with scene.admin("postgres") as admin:
        admin.execute("alter database shop allow_connections false")
        scene.terminate()
        try:
            yield
        finally:
            admin.execute("alter database shop allow_connections true")


@contextmanager
def read_only(scene: Scene) -> Iterator[None]:
    with scene.admin("postgres") as admin:
        admin.execute("alter database shop set default_transaction_read_only = on")
        scene.terminate()
        try:
            yield
        finally:
            admin.execute("alter database shop reset default_transaction_read_only")
            scene.terminate()


def _with_standby(scene: Scene) -> Cluster:
    """A standby of the victim, beside which the victim runs on."""
    scene.victim.stop()
    standby = scene.victim.standby()
    scene.at_end(standby.close)
    _start(scene.victim)
    standby.start()
    return standby


_standbys: dict[Scene, Cluster] = {}


def make_standby(scene: Scene) -> None:
    """One standby for each scene."""
    if scene not in _standbys:
        _standbys[scene] = _with_standby(scene)


@contextmanager
def is_a_standby(scene: Scene) -> Iterator[None]:
    scene.road.lead_to(_standbys[scene].port)
    try:
        yield
    finally:
        scene.road.lead_to(scene.victim.port)


@contextmanager
def failed_over(scene: Scene) -> Iterator[None]:
    primary, standby = scene.victim, _standbys.pop(scene)
    with psycopg.connect(standby.dsn, autocommit=True) as admin:
        primary.stop()
        admin.execute("select pg_promote()")
    scene.at_end(primary.close)
    scene.victim = standby
    scene.road.lead_to(standby.port)
    yield


STANDBY = sample("standby")

# where another task has found the session lost before it, the one that collects may never have been without one
LOST = ("target_down",)

CASES = (
    Fault("server stopped", stopped, DOWN, ("target_down",), passes_log=UP_AGAIN),
    Fault("server killed (SIGKILL of the postmaster)", killed, DOWN, ("target_down",), passes_log=UP_AGAIN),
    Fault("server restarted", restarted, SERVED, may_log=LOST),
    Fault("a backend killed: crash recovery", crashed, SERVED, may_log=LOST, within=20),
    Fault(
        "server paused (SIGSTOP of all its processes)", paused, DOWN, ("target_down",), within=15, passes_log=UP_AGAIN,
    ),
    Fault("out of connections", out_of_connections, DOWN, ("target_down",), times=3, passes_log=UP_AGAIN),
    Fault("database takes no connections", no_connections_allowed, DOWN, ("target_down",), passes_log=UP_AGAIN),
    Fault(
        "read-only database (default_transaction_read_only)", read_only, SERVED,
        may_log=LOST, times=2,
    ),
    Fault(
        "the address leads to a standby", is_a_standby, {**SERVED, STANDBY: 1}, ("standby",), LOST,
        prepare=make_standby, times=3, passes_log=("promoted",),
    ),
    Fault(
        "failed over: primary gone, standby promoted", failed_over, {**SERVED, STANDBY: 0}, may_log=LOST,
        prepare=make_standby, within=20,
    ),
)  # fmt: skip
