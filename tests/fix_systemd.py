"""Fixture `systemd`: a real one, as process 1 of namespaces of its own, with the exporter's unit as it is shipped."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fix_certificates import need
from tests.fix_exporter import Exporter, eventually

ROOT = Path(__file__).resolve().parents[1]
UNIT = ROOT / "deploy" / "systemd" / "script-tracking-exporter.service"
SYSTEMD = Path("/lib/systemd/systemd")
SHIPPED = Path("/lib/systemd/system")
# what the unit depends on, without all that a machine begins besides
TARGETS = (
    "basic", "network", "network-online", "paths", "shutdown", "slices", "sockets", "sysinit", "timers", "umount",
)  # fmt: skip
HERE = "/run/trial"  # where systemd finds the folders
NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--ipc", "--uts", "--mount-proc")
WATCHDOG_SECONDS = 10

# A control group of its own keeps systemd from the processes of this machine, settings of the kernel that can only be
# read keep it from changing those, and mounts are seen in there alone.
OUTSIDE = """
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir /run/groups
mount -t cgroup2 cgroup2 /run/groups
mkdir /run/groups/"$1"
echo $$ >/run/groups/"$1"/cgroup.procs
exec unshare {namespaces} sh -euc "$2"
"""
INSIDE = """
umount /run/groups
rmdir /run/groups
mount -t tmpfs tmpfs /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
mkdir /run/lock
{binds}
mount --make-rshared /
exec env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH={here}/files \
  {systemd} --system --unit=basic.target --log-target=null --show-status=no
"""
REMOVE = """
mount --make-rprivate /
mount -t cgroup2 cgroup2 /mnt
cd /mnt
[ ! -d "$1" ] || find "$1" -depth -type d -exec rmdir {} +
"""


class Served(Exporter):
    """The service as those see it who ask it, its log in a file."""

    def __init__(self, log: Path) -> None:
        self._log = log

    @property
    def port(self) -> int:  # type: ignore[override]
        """That of the last start."""
        return int(str(self.events("started")[-1]["listen"]).rpartition(":")[2])


class Systemd:
    """The manager, with one service."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)  # the service is somebody without a right on what is root's
        self.folder = folder
        self.service = Served(folder / "log")
        self._name = f"script-tracking-{os.getpid()}-{time.time_ns()}"
        for target in TARGETS:
            shutil.copy(SHIPPED / f"{target}.target", folder)
        self._install()
        bound = {"files": folder, "python": sys.base_prefix, "packages": sysconfig.get_path("purelib")}
        bound |= {f"checkout/{name}": ROOT / name for name in ("exporter", "sql", "docs")}
        binds = "\n".join(
            f"mkdir -p {HERE}/{name}; mount --bind {shlex.quote(str(place))} {HERE}/{name}"
            for name, place in bound.items()
        )
        inside = INSIDE.format(here=HERE, binds=binds, systemd=SYSTEMD)
        outside = OUTSIDE.format(namespaces=" ".join(NAMESPACES))
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-euc", outside, "sh", self._name, inside],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _install(self) -> None:
        """The unit with other paths, and what differs so that a test ends soon and learns why the service ended."""
        python = f"{HERE}/python/bin/{Path(sys.executable).resolve().name} -P -m exporter"
        unit = UNIT.read_text(encoding="utf-8")
        for path, here in (
            ("/opt/script-tracking-exporter/bin/script-tracking-exporter", python),
            ("/etc/script-tracking-exporter/", f"{HERE}/files/"),
        ):
            assert path in unit
            unit = unit.replace(path, here)
        (self.folder / UNIT.name).write_text(unit, encoding="utf-8")
        (self.folder / f"{UNIT.name}.d").mkdir()
        (self.folder / f"{UNIT.name}.d" / "trial.conf").write_text(
            "[Service]\n"
            f"Environment=PYTHONPATH={HERE}/checkout:{HERE}/packages LD_LIBRARY_PATH={HERE}/python/lib\n"
            f"StandardOutput=append:{HERE}/files/log\nStandardError=append:{HERE}/files/log\n"
            f"WatchdogSec={WATCHDOG_SECONDS}s\nRestartSec=1s\n"
            f"ExecStopPost=+/bin/sh -c 'echo $SERVICE_RESULT >>{HERE}/files/ended'\n",
            encoding="utf-8",
        )

    def configure(self, dsn: str, *names: str) -> None:
        """The service's configuration: targets of these names, all of them the database of the credential."""
        targets = [{"name": name, "dsn_file": "${CREDENTIALS_DIRECTORY}/dsn"} for name in names]
        settings = {"listen": "127.0.0.1:0", "log": {"format": "json"}, "targets": targets}
        (self.folder / "exporter.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        (self.folder / "dsn").write_text(dsn, encoding="utf-8")
        (self.folder / "dsn").chmod(0o600)

    def ask(self, *words: str, check: bool = True) -> str:
        """What systemctl says of the service."""
        number = self._process.pid
        first = Path(f"/proc/{number}/task/{number}/children").read_text(encoding="ascii").split()[0]
        command = ["nsenter", "--target", first, "--all", "systemctl", "--no-pager", words[0], UNIT.name, *words[1:]]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ran.returncode == 0 or not check, ran.stderr
        return ran.stdout.strip()

    @property
    def ends(self) -> list[str]:
        """Why the service ended, each time that it did."""
        file = self.folder / "ended"
        return file.read_text(encoding="ascii").split() if file.exists() else []

    def state(self, name: str) -> str:
        """A property of the service."""
        return self.ask("show", "--value", "--property", name)

    def wait_until_up(self) -> None:
        """Waits until it takes commands."""
        eventually(self._is_up, 60)

    def _is_up(self) -> bool:
        try:
            return self.state("LoadState") == "loaded"
        except (AssertionError, FileNotFoundError, IndexError):
            assert self._process.poll() is None, "systemd did not start"
            return False

    def end(self) -> None:
        """Ends it and all that it has begun."""
        self._process.kill()
        self._process.wait()
        remove = ["unshare", "--mount", "sh", "-euc", REMOVE, "sh", self._name]
        eventually(lambda: subprocess.run(remove, capture_output=True, check=False).returncode == 0, 60)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    """One that has not begun the service."""
    for program in ("unshare", "nsenter", "systemctl", str(SYSTEMD)):
        need(program)
    if os.geteuid() != 0:
        pytest.skip("namespaces of its own take root")
    folder = tmp_path / "systemd"
    folder.mkdir()
    found = Systemd(folder)
    try:
        found.wait_until_up()
        yield found
    finally:
        found.end()
