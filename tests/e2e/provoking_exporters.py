"""What provokes an alert about an exporter itself, here the one that watches `spare`, and what mends that."""

from __future__ import annotations

import signal
import threading
import time

from tests.daemon.test_reload import change, sighup
from tests.e2e.provoking import Ground
from tests.fix_certificates import Authority

STALLS, STALL_SECONDS, BETWEEN_SECONDS = 6, 2.0, 4.0


def stall(ground: Ground) -> None:
    """Has it do nothing again and again, for half a minute: while that is told what it explains is held back."""
    process = ground.exporter.process

    def stop_and_go() -> None:
        for _ in range(STALLS):
            process.send_signal(signal.SIGSTOP)
            time.sleep(STALL_SECONDS)
            process.send_signal(signal.SIGCONT)
            time.sleep(BETWEEN_SECONDS)

    thread = threading.Thread(target=stop_and_go)
    thread.start()
    ground.stack.callback(thread.join)


def mistake(ground: Ground) -> None:
    """A mistake of the program's own, each time that it begins to watch."""
    ground.injected.set("broken", f"{ground.target} capture")


def unmistake(ground: Ground) -> None:
    ground.injected.clear("broken")


def break_configuration(ground: Ground) -> None:
    change(ground.exporter, listen=1)
    sighup(ground.exporter, "configuration_refused")


def mend_configuration(ground: Ground) -> None:
    change(ground.exporter, listen="127.0.0.1:0")
    sighup(ground.exporter)


def break_targets(ground: Ground) -> None:
    (ground.folder / "targets.yaml").write_text("- name: ", encoding="utf-8")


def mend_targets(ground: Ground) -> None:
    (ground.folder / "targets.yaml").write_text("[]", encoding="utf-8")


def renew_certificate(ground: Ground) -> None:
    """In its place: it is found."""
    Authority(ground.folder).sign("server", days=90)


def start_another(ground: Ground) -> None:
    """Where Prometheus looks for one."""
    assert ground.start_another is not None
    ground.start_another()
