"""A run of .ci/run that is ended does what it has to do at its end, however often it is asked."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

STAGES = Path(__file__).resolve().parents[2] / ".ci" / "stages.sh"
RUN = f"""
set -euo pipefail
. '{STAGES}'
ending() {{ echo 'it ends'; read -r word; bash -c "echo $word; sleep 0"; }}
at_end ending
stage 'for ever' bash -c 'echo it goes on; exec sleep 1000'
"""


def as_at_a_terminal() -> None:
    """Bash traps no signal that was ignored when it was begun, as INT and HUP are in the background and under nohup."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("signals", ["TERM TERM", "INT INT", "INT TERM", "HUP HUP"])
def test_a_second_signal_does_not_cut_the_end_short(signals: str) -> None:
    first, second = (signal.Signals[f"SIG{name}"] for name in signals.split())
    with subprocess.Popen(
        ["bash", "-c", RUN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=as_at_a_terminal,
    ) as run:
        assert run.stdin is not None and run.stdout is not None

        def until(words: str) -> None:
            assert run.stdout is not None
            for line in run.stdout:
                if words in line:
                    return
            pytest.fail(f"it ended before it said {words}")

        until("it goes on")
        os.killpg(run.pid, first)  # as a terminal sends them, to what it runs as well
        until("it ends")
        os.killpg(run.pid, second)
        run.stdin.write("done\n")
        run.stdin.flush()
        until("done")
    assert run.returncode == 128 + first
