"""However the demo ends, it leaves no process behind."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest

from tests.demo.fix_demo import run_demo

pytestmark = pytest.mark.majors


@pytest.mark.majors  # half a minute of its story
def test_a_signal_in_the_middle_of_the_story_ends_it_with_a_summary() -> None:
    with run_demo() as demo:
        demo.wait_for(" 5  An error spike")
        began = time.monotonic()
        assert demo.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 25, "its story goes on for longer"
        assert "Summary after" in demo.output
        assert demo.left() == []


@pytest.mark.majors  # a third of its story
def test_a_step_that_fails_ends_it_with_its_reason() -> None:
    with run_demo() as demo:
        demo.wait_for(" 4  ")
        (exporter,) = (number for number, command in demo.processes().items() if "exporter run" in command)
        os.kill(exporter, signal.SIGKILL)
        assert demo.end() == 1
        assert "script-tracking-exporter: the exporter has ended" in demo.output
        assert "Traceback" not in demo.output
        assert demo.left() == []


@pytest.mark.majors
def test_interrupted_at_the_outage_it_sums_up_and_leaves_nothing() -> None:
    with run_demo() as demo:
        demo.wait_for("server stopped")
        assert demo.end(signal.SIGINT) == 0
        assert "Summary after" in demo.output
        assert demo.left() == []


@pytest.mark.parametrize("seconds", [0, 0.7, 1.5])
def test_interrupted_before_it_began_it_leaves_nothing(seconds: float) -> None:
    """Whatever is being started then: the server, the installation, the exporter. Where the machine held the test up
    for so long that it had begun, another one is interrupted.
    """
    for _ in range(5):
        with run_demo() as demo:
            demo.wait_for("script-tracking-exporter demo")
            time.sleep(seconds)
            assert demo.end(signal.SIGINT) == 0
            assert demo.left() == []
            if "To repeat a look" not in demo.output:
                assert "Stopped before it began." in demo.output
                assert "Summary after" not in demo.output
                return
    raise AssertionError("it had begun each time")


@pytest.mark.majors  # a third of its story
def test_where_nobody_reads_it_any_more_it_ends() -> None:
    with run_demo(piped=True) as demo:
        assert demo.process.stdout is not None
        demo.process.stdout.readline()
        demo.process.stdout.close()
        assert demo.end() == 1
        assert demo.left() == []


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="only Linux ends processes with their parent")
def test_killed_outright_it_takes_its_processes_along() -> None:
    with run_demo() as demo:
        demo.wait_for(" 2  ")
        assert len(demo.processes()) > 5  # of PostgreSQL several
        demo.end(signal.SIGKILL)
        deadline = time.monotonic() + 60
        while demo.processes() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert demo.processes() == {}


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with run_demo(DATABASE_URL="postgresql://nobody:hunter2@127.0.0.1:1/none") as demo:
        assert demo.end() == 1
        assert "script-tracking-exporter: " in demo.output
        assert "hunter2" not in demo.output
        assert "Traceback" not in demo.output
        assert demo.left() == []
