"""What systemd is told, on a real socket, and its unit."""

from __future__ import annotations

import configparser
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_certificates import need
from tests.fix_exporter import StartExporter, becomes, eventually
from tests.fix_injected import STALLED_SECONDS, Injected
from tests.fix_systemd import UNIT, WATCHDOG_SECONDS, Systemd

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


class Manager:
    """The end of the socket that systemd would have."""

    def __init__(self, name: str) -> None:
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wire.bind("\0" + name[1:] if name.startswith("@") else name)
        self._wire.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": name}
        self.told: list[str] = []

    def hear(self) -> list[str]:
        """All messages so far."""
        while True:
            try:
                self.told.append(self._wire.recv(4096).decode())
            except BlockingIOError:
                return self.told

    def wait_for(self, message: str, times: int = 1) -> None:
        """Waits until a message has come so often."""
        eventually(lambda: [told for told in self.hear() if told.startswith(message)][times - 1 : times], 40)

    def close(self) -> None:
        """Hears no more."""
        self._wire.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@script-tracking-{os.getpid()}-{time.time_ns()}"
    found = Manager(name)
    yield found
    found.close()


def test_it_tells_that_it_is_ready_reloads_and_stops(manager: Manager, exporter: StartExporter) -> None:
    began = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    running = exporter(NOWHERE, environment={**manager.environment, "WATCHDOG_USEC": "1000000"})
    manager.wait_for("READY=1")
    assert running.get("/-/healthy").status == 200
    manager.wait_for("WATCHDOG=1", 3)
    manager.wait_for("STATUS=1 targets; 1 down: shop")
    before = len(manager.hear())
    running.process.send_signal(signal.SIGHUP)
    manager.wait_for("READY=1", 2)
    after = [told for told in manager.told[before:] if not told.startswith(("WATCHDOG", "STATUS"))]
    reloading, moment = after[0].splitlines()
    assert (reloading, after[1:]) == ("RELOADING=1", ["READY=1"])
    assert began < int(moment.removeprefix("MONOTONIC_USEC=")) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    running.config.write_text("targets: nonsense", encoding="utf-8")
    running.process.send_signal(signal.SIGHUP)
    manager.wait_for("READY=1", 3)  # else systemd would wait for it for ever
    assert running.stop() == 0
    assert [told for told in manager.hear() if not told.startswith(("WATCHDOG", "STATUS"))][-1] == "STOPPING=1"


@pytest.mark.majors  # stalls longer than a timeout, twice
def test_a_collection_that_stalls_ends_the_signs_of_life_and_what_is_served(
    tmp_path: Path, installed_database: str, exporter: StartExporter, injected: Injected
) -> None:
    manager = Manager(str(tmp_path / "notify"))
    try:
        running = exporter(
            installed_database,
            environment={**manager.environment, **injected.environment, "WATCHDOG_USEC": "1000000"},
            targets=[{"name": name, "dsn": installed_database} for name in ("shop", "other")],
        )
        for name in ("shop", "other"):
            running.wait_for_value(1, "script_tracking_collector_success", target=name, collector="operations")
        injected.set("stalled", "shop")
        stalled = running.wait_for_event("collection_stalled", 60)
        assert stalled["target"] == "shop"
        running.wait_for_value(0, "script_tracking_up", target="shop")
        assert running.value("script_tracking_capture_level_info", target="shop", level="failures") is None, "stale"
        assert running.value("script_tracking_up", target="other") == 1
        assert running.get("/-/ready").status == 503
        eventually(lambda: any("1 stalled: shop" in told for told in manager.hear()), 10)
        before = manager.hear().count("WATCHDOG=1")
        time.sleep(STALLED_SECONDS)
        assert manager.hear().count("WATCHDOG=1") == before
        injected.clear("stalled")
        running.wait_for_event("collection_resumed")
        running.wait_for_value(1, "script_tracking_up", target="shop")
        running.wait_for_value(1, "script_tracking_collector_success", target="shop", collector="operations")
        eventually(lambda: running.get("/-/ready").status == 200, 40)
        eventually(lambda: manager.hear().count("WATCHDOG=1") > before, 10)
        assert len(running.events("collection_stalled")) == 1
    finally:
        manager.close()


@pytest.mark.parametrize(
    "environment", [{}, {"NOTIFY_SOCKET": "nonsense"}, {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "x"}]
)
def test_without_a_manager_that_listens_nothing_changes(exporter: StartExporter, environment: dict[str, str]) -> None:
    running = exporter(NOWHERE, environment=environment)
    running.wait_for_event("target_down")
    assert running.stop() == 0


@pytest.mark.majors  # it is left without a sign of life for as long as the watchdog waits
def test_a_real_systemd_starts_it_reloads_it_and_starts_it_anew_where_it_hangs(
    systemd: Systemd, installed_database: str
) -> None:
    """By the unit as it is shipped, with all of its hardening."""
    service = systemd.service
    systemd.configure(installed_database, "shop")
    systemd.ask("start")  # which returns once it is told READY=1
    assert systemd.state("ActiveState") == "active"
    assert service.get("/-/healthy").status == 200
    assert int(systemd.state("UID")) != 0
    service.wait_for_value(1, "script_tracking_collector_success", target="shop", collector="operations")
    becomes("1 targets", lambda: systemd.state("StatusText"))
    first = systemd.state("MainPID")
    systemd.configure(installed_database, "shop", "late")
    systemd.ask("reload")
    service.wait_for_value(1, "script_tracking_up", target="late")
    becomes("active", lambda: systemd.state("ActiveState"))
    assert systemd.state("MainPID") == first
    systemd.ask("kill", "--signal=STOP")
    assert eventually(lambda: systemd.ends, 10 * WATCHDOG_SECONDS) == ["watchdog"]
    eventually(lambda: systemd.state("MainPID") not in ("0", first), 60)
    becomes("active", lambda: systemd.state("ActiveState"))
    assert systemd.state("NRestarts") == "1"
    assert len(service.events("started")) == 2
    for name in ("shop", "late"):
        service.wait_for_value(1, "script_tracking_up", target=name)
    systemd.ask("stop")
    assert (systemd.state("ActiveState"), systemd.state("Result")) == ("inactive", "success")
    assert systemd.ends == ["watchdog", "success"]
    (systemd.folder / "exporter.yaml").write_text("targets: nonsense", encoding="utf-8")
    systemd.ask("start", check=False)
    becomes("failed", lambda: systemd.state("ActiveState"))
    assert systemd.state("NRestarts") == "0", "another start would not mend it"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read(UNIT, encoding="utf-8")
    return parser


def test_the_unit_asks_for_what_the_exporter_tells() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert service["ExecReload"].endswith("kill -HUP $MAINPID")
    assert float(service["WatchdogSec"].removesuffix("s")) >= 10, "beyond a second's look on a busy machine"
    assert "AF_UNIX" in service["RestrictAddressFamilies"].split(), "the way to the manager"
    assert service["LoadCredential"].split(":")[0] == "dsn"


def test_systemd_finds_the_unit_in_order_and_little_exposed(tmp_path: Path) -> None:
    need("systemd-analyze")
    file = tmp_path / UNIT.name
    program = shutil.which("true")
    text = UNIT.read_text(encoding="utf-8")
    command = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    file.write_text(text.replace(command, f"ExecStart={program}"), encoding="utf-8")
    verified = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    # in tenths: 1.5 of 10, where "OK" is below 5
    security = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", str(file)]
    exposed = subprocess.run(security, capture_output=True, text=True, check=False)
    assert exposed.returncode == 0, exposed.stdout + exposed.stderr
