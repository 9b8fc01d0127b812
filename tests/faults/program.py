"""Faults of the exporter's own process, its files, and its clients."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from tests.faults.fault import COLLECTED, COUNTER, Fault, success
from tests.faults.scene import RELOADED, SHOP, UP, Scene, sample
from tests.fix_certificates import Authority, need
from tests.fix_exporter import Exporter
from tests.fix_injected import ROOT

HOUR = 3600
VERIFIED = "scrape over TLS succeeds"
TOLD = "`certificate_ended` in its log"
ANSWERED = "scrape within 5 s"
READ = "script_tracking_target_file_success"


def clock(seconds: int) -> Callable[[Scene], AbstractContextManager[None]]:
    """The wall clock jumps."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        scene.memory["clock"] = seconds
        scene.injected.set("clock", str(seconds))
        try:
            yield
        finally:
            scene.injected.clear("clock")

    return inject


def jumped(scene: Scene) -> Mapping[str, float]:
    """Whether the jump has come to what both databases' collectors tell."""
    samples = scene.samples()
    last = "collector_last_success_timestamp_seconds"
    told = [samples.get(sample(last, target, collector="operations"), 0.0) for target in (SHOP, "other")]
    off = [abs(at - time.time() - scene.memory["clock"]) for at in told]
    return {"last_success_timestamp_seconds by the new clock": float(max(off) < 60)}


@contextmanager
def no_archive(scene: Scene) -> Iterator[None]:
    """Of one of the two; the exporter would make it anew, were there nothing."""
    folder = scene.archive / SHOP
    away = folder.with_suffix(".away")
    folder.rename(away)
    folder.write_text("x", encoding="utf-8")
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


@contextmanager
def broken_configuration(scene: Scene) -> Iterator[None]:
    before = scene.exporter.config.read_text(encoding="utf-8")
    scene.exporter.config.write_text("targets: [{name: shop, dns: mistyped}]", encoding="utf-8")
    scene.reload()
    try:
        yield
    finally:
        scene.exporter.config.write_text(before, encoding="utf-8")
        scene.reload()


@contextmanager
def broken_targets(scene: Scene) -> Iterator[None]:
    scene.more.write_text("- {name: third", encoding="utf-8")
    try:
        yield
    finally:
        scene.more.write_text("[]", encoding="utf-8")


def targets_read(scene: Scene) -> Mapping[str, float]:
    """What is told of the file, without its name."""
    return {READ: scene.samples().get(f'{READ}{{file="{scene.more}"}}', -1.0)}


@contextmanager
def stalled(scene: Scene) -> Iterator[None]:
    scene.injected.set("stalled", SHOP)
    try:
        yield
    finally:
        scene.injected.clear("stalled")


@contextmanager
def broken(scene: Scene) -> Iterator[None]:
    scene.injected.set("broken", SHOP)
    try:
        yield
    finally:
        scene.injected.clear("broken")


@contextmanager
def paused(scene: Scene) -> Iterator[None]:
    scene.exporter.process.send_signal(signal.SIGSTOP)
    time.sleep(5)
    scene.exporter.process.send_signal(signal.SIGCONT)
    yield


def with_tls(scene: Scene) -> None:
    """Starts a second exporter, which answers over TLS alone."""
    if scene.secured is not None:
        return
    need("openssl")
    folder = scene.folder / "tls"
    folder.mkdir()
    scene.authority = Authority(folder).found()
    scene.authority.sign("server")
    (folder / "web.yml").write_text(
        yaml.safe_dump({"tls_server_config": {"cert_file": "server.crt", "key_file": "server.key"}}), encoding="utf-8"
    )
    file = folder / "exporter.yaml"
    file.write_text(yaml.safe_dump({**scene.config, "web": {"config_file": "web.yml"}}), encoding="utf-8")
    scene.secured = Exporter(file, folder / "exporter.log", scene.injected.environment)
    scene.at_end(scene.secured.stop)


def scrape_over_tls(scene: Scene) -> Mapping[str, float]:
    """Whether somebody who looks at the certificate gets an answer."""
    assert scene.secured is not None and scene.authority is not None
    context = ssl.create_default_context(cafile=str(scene.authority.certificate))
    told = float(len(scene.secured.events("certificate_ended")))
    try:
        with urlopen(f"https://localhost:{scene.secured.port}/metrics", timeout=10, context=context) as answer:
            return {VERIFIED: float(answer.status == 200), TOLD: told}
    except URLError:
        return {VERIFIED: 0.0, TOLD: told}


@contextmanager
def expired(scene: Scene) -> Iterator[None]:
    assert scene.authority is not None
    scene.authority.sign("server", days=-1)
    try:
        yield
    finally:
        scene.authority.sign("server")


def misbehaving(*kinds: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """Clients of these kinds, until the end."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        command = [sys.executable, "-m", "benchmarks.disturbance.clients", str(scene.exporter.port), "", *kinds]
        clients = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            time.sleep(2)
            assert clients.poll() is None
            yield
        finally:
            clients.kill()
            clients.wait()

    return inject


def answered(scene: Scene) -> Mapping[str, float]:
    """Whether a scrape gets its answer in time."""
    began = time.monotonic()
    status = scene.exporter.get("/metrics").status
    return {ANSWERED: float(status == 200 and time.monotonic() - began < 5)}


SERVED: Mapping[str, float | None] = {UP: 1, success("operations"): 1, COLLECTED: 1}
ON_TIME: Mapping[str, float | None] = {**SERVED, "last_success_timestamp_seconds by the new clock": 1}

CASES = (
    Fault(
        "a collection stalls", stalled, {UP: 0, success("operations"): 0, COUNTER: None}, ("collection_stalled",),
        ready=503, within=20, passes_log=("collection_resumed",),
    ),
    Fault(
        "a mistake of the exporter's own in watching a database", broken, {UP: 0, COUNTER: None}, ("watch_broken",),
        times=5, passes_log=("watch_resumed",),
    ),
    Fault(
        "the exporter paused for 5 s (SIGSTOP)", paused, SERVED, may_log=("event_loop_stuck", "collection_stalled"),
    ),
    Fault("the clock an hour ahead", clock(HOUR), ON_TIME, observe=jumped),
    Fault("the clock an hour back", clock(-HOUR), ON_TIME, observe=jumped),
    Fault(
        "reload with a broken file", broken_configuration, {**SERVED, RELOADED: 0}, ("configuration_refused",),
        passes_log=("configuration_reloaded",),
    ),
    Fault(
        "a file in place of the archive's folder", no_archive, {**SERVED, sample("archive_success"): 0},
        ("archive_failed",), passes_log=("archive_recovered",),
    ),
    Fault(
        "a file of targets broken", broken_targets, {**SERVED, READ: 0}, ("target_file_refused",), observe=targets_read,
        passes={READ: 1}, passes_log=("target_file_recovered",),
    ),
    Fault(
        "the exporter's own certificate expired, then renewed", expired, {**SERVED, VERIFIED: 0, TOLD: 1},
        prepare=with_tls, observe=scrape_over_tls, passes={VERIFIED: 1},
    ),
    Fault(
        "scrape storm: 64 clients without a pause", misbehaving("flood"), {**SERVED, ANSWERED: 1}, observe=answered,
    ),
    Fault("8 slow clients", misbehaving("slow"), {**SERVED, ANSWERED: 1}, observe=answered),
    Fault(
        "silent and idle clients", misbehaving("silent", "idle"), {**SERVED, ANSWERED: 1}, observe=answered,
    ),
)  # fmt: skip
