"""exporter.client in programs that end, fork or are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.client.steps import found
from tests.fix_exporter import eventually
from tests.fix_sessions import Session
from tests.vault_steps import INTERNAL, set_setting

SCRIPT = """
import os, signal, sys
from exporter.client import Tracker
track = Tracker(heartbeat_seconds=0.05, timeout_seconds=30)
{0}
"""


def script(shop: str, text: str) -> int:
    """Runs a program of its own that uses the client; its exit code."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(text)],
        env={**os.environ, "DATABASE_URL": shop},
        cwd=Path(__file__).resolve().parents[2],
        timeout=60,
        check=False,
    )
    return done.returncode


def test_a_program_that_just_ends_has_delivered(shop: str, auditor: Session, name: str) -> None:
    local = shop.replace("127.0.0.1", "localhost")  # a name that has to be resolved
    assert script(local, f"with track.operation('{name}'): sys.exit(3)") == 3
    (row,) = found(auditor, name)
    assert (row["execution_status"], row["error_message"]) == ("FAILED", "SystemExit: 3")


def test_the_children_of_a_fork_track_on_their_own(shop: str, auditor: Session, name: str) -> None:
    text = f"""
import time
with track.operation('{name}-parent') as parent:
    while parent.key is None: time.sleep(0.01)
    child = os.fork()
    if child == 0:
        with track.operation('{name}-child'): pass
        track.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
track.close()
assert track.counts.delivered == 1, track.counts
"""
    assert script(shop, text) == 0
    (parent,) = found(auditor, f"{name}-parent")
    (child,) = found(auditor, f"{name}-child")
    assert (parent["execution_status"], child["execution_status"]) == ("COMPLETED", "COMPLETED")
    assert child["metadata"]["parent_hk"] == parent["execution_hk"].hex()


def test_a_killed_program_leaves_an_interrupted_operation(shop: str, auditor: Session, name: str) -> None:
    text = f"""
import time
with track.operation('{name}') as operation:
    while operation.key is None: time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert script(shop, text) == -signal.SIGKILL
    assert found(auditor, name)[0]["execution_status"] == "RUNNING"
    set_setting(auditor, "operation.interrupted_after_seconds", "0")

    def interrupted() -> bool:
        auditor.execute(f"select {INTERNAL}.interrupt_operations()".encode())
        return bool(found(auditor, name)[0]["execution_status"] == "INTERRUPTED")

    eventually(interrupted, 30)
    set_setting(auditor, "operation.interrupted_after_seconds", "300")


def test_an_application_loads_nothing_of_the_daemon() -> None:
    """Beside the driver, importing the client takes little: its heavy neighbours would show among the modules."""
    text = "import sys, exporter.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)
    loaded = {module.split(".")[0] for module in done.stdout.split()}
    assert "psycopg" in loaded
    assert loaded.isdisjoint({"fastapi", "starlette", "uvicorn", "pydantic", "yaml", "structlog", "prometheus_client"})
