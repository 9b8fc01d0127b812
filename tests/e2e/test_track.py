"""script-tracking-exporter track: the command runs as if by itself, and its outcome is in the record."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import DictRow

from exporter.demo.processes import free_port
from tests.fix_exporter import eventually
from tests.fix_sessions import opened
from tests.vault_steps import INTERNAL

PROGRAM = [sys.executable, "-m", "exporter", "track"]
ENVIRONMENT = {key: text for key, text in os.environ.items() if key != "DATABASE_URL"}
NOWHERE = "postgresql://nobody:hunter2@127.0.0.1:{}/nowhere"


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"job-{uuid.uuid4().hex[:12]}"


def track(*words: str, stdin: bytes = b"", url: str | None = None) -> subprocess.CompletedProcess[bytes]:
    """Runs `track` to its end."""
    environment = {**ENVIRONMENT, **({} if url is None else {"DATABASE_URL": url})}
    return subprocess.run(
        [*PROGRAM, *words], input=stdin, env=environment, capture_output=True, timeout=300, check=False
    )


def found(dsn: str, name: str) -> list[DictRow]:
    """Current versions of the operations of that name."""
    with opened(dsn) as session:
        return session.execute(
            "select * from script_tracking.get_execution_history(1) where script_name = %s", (name,)
        ).fetchall()


def running(dsn: str, name: str) -> None:
    """Waits until the operation is in the record."""
    eventually(lambda: found(dsn, name), 20)


def test_a_commands_outcome_is_recorded_and_its_streams_are_its_own(shop: str, name: str) -> None:
    script = "read line; echo out $line $1; echo err >&2; sleep 0.2; exit 3"
    words = ("--dsn", shop, "--name", name, "--type", "CRON", "--metadata", "ticket=7", "--", "sh", "-c", script, "sh")
    done = track(*words, "--", "x", stdin=b"in\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out in --\n", b"err\n")
    (row,) = found(shop, name)
    assert (row["execution_status"], row["script_type"], row["error_message"]) == ("FAILED", "CRON", "exit code 3")
    assert 0.2 <= row["duration_seconds"] < 100
    metadata = row["metadata"]
    assert (metadata["exit_code"], metadata["program"], metadata["ticket"]) == (3, "sh", "7")
    assert metadata["application_name"] == "script-tracking-exporter track"
    assert "sleep" not in str(row), "arguments may hold secrets"


def test_success_by_the_environments_url_or_a_file(shop: str, name: str, tmp_path: Path) -> None:
    done = track("--name", name, "--", "true", url=shop)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (tmp_path / "dsn").write_text(shop)
    assert track("--dsn-file", str(tmp_path / "dsn"), "--name", name, "--", "true").returncode == 0
    assert [row["execution_status"] for row in found(shop, name)] == ["COMPLETED"] * 2


@pytest.mark.parametrize(("command", "code", "message"), [("no-such-command", 127, "No such file"), ("/", 126, "")])
def test_what_cannot_be_run_fails_as_in_a_shell(shop: str, name: str, command: str, code: int, message: str) -> None:
    done = track("--dsn", shop, "--name", name, "--", command)
    assert done.returncode == code
    assert done.stderr.decode().startswith(f"script-tracking-exporter: {command}: {message}")
    assert found(shop, name)[0]["execution_status"] == "FAILED"


def test_a_signal_that_ends_the_command_is_named(shop: str, name: str) -> None:
    assert track("--dsn", shop, "--name", name, "--", "sh", "-c", "kill -9 $$").returncode == 128 + 9
    (row,) = found(shop, name)
    assert (row["error_message"], row["metadata"]["signal"]) == ("killed by SIGKILL", "SIGKILL")


@pytest.fixture
def hangs_up() -> Iterator[None]:
    """A hang-up ends what the test starts, also where somebody runs the tests under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangs_up")
def test_signals_are_passed_on_and_the_dsn_is_not(shop: str, name: str) -> None:
    script = "trap 'exit 7' TERM; trap 'echo hup' HUP; echo $$; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [*PROGRAM, "--dsn", shop, "--name", name, "--heartbeat", "0.1", "--", "sh", "-c", script],
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        running(shop, name)
        arguments = Path(f"/proc/{child}/cmdline")
        if arguments.exists():
            assert arguments.read_bytes().split(b"\0")[:2] == [b"sh", b"-c"]
            assert shop.encode() not in arguments.read_bytes() + Path(f"/proc/{child}/environ").read_bytes()
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == b"hup\n"
        with psycopg.connect(shop, autocommit=True) as session:
            beats = f"select bool_or(heartbeat_at > execution_timestamp) from {INTERNAL}.running_operation".encode()
            eventually(lambda: session.execute(beats).fetchone() == (True,), 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 7
    assert found(shop, name)[0]["metadata"]["exit_code"] == 7


def test_the_interrupt_key_reaches_the_command_once(shop: str, name: str) -> None:
    """The terminal sends it to both; were it passed on as well, the command would see two."""
    script = (
        "import signal, time\ncount = []\nsignal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
        "print('ready', flush=True)\n"
        "while not count: time.sleep(0.02)\n"
        "time.sleep(0.5)\nprint('counted', len(count), flush=True)"
    )
    child, terminal = pty.fork()
    if child == 0:
        os.execve(
            sys.executable,
            [*PROGRAM, "--dsn", shop, "--name", name, "--", sys.executable, "-c", script],
            {**ENVIRONMENT, "PYTHONPATH": os.getcwd()},
        )
    output = b""

    def read_until(line: bytes) -> None:
        nonlocal output
        end = time.monotonic() + 120
        while not re.search(line, output) and time.monotonic() < end:
            output += os.read(terminal, 1000)

    try:
        read_until(b"ready")
        os.write(terminal, b"\x03")
        read_until(b"counted.*\n")
        assert b"counted 1" in output
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        os.close(terminal)
    assert found(shop, name)[0]["execution_status"] == "COMPLETED"


@pytest.mark.parametrize("given", ["away", "none", "no file", "not installed"])
def test_without_a_record_the_command_runs_and_that_is_said_once(given: str, database: str, tmp_path: Path) -> None:
    words = {
        "away": ("--dsn", NOWHERE.format(free_port())),
        "none": (),
        "no file": ("--dsn-file", str(tmp_path / "missing")),
        "not installed": ("--dsn", database),
    }[given]
    done = track(*words, "--timeout", "1", "--", "sh", "-c", "echo done; exit 3")
    assert (done.returncode, done.stdout) == (3, b"done\n")
    told = done.stderr.decode().splitlines()
    assert len(told) == 1
    assert told[0].startswith("script-tracking-exporter: sh was not recorded: ")
    assert "hunter2" not in told[0]
    required = track(*words, "--timeout", "1", "--require-record", "--", "sh", "-c", "echo done")
    assert required.returncode in (1, 2)
    assert required.stdout == b"", "it ran without a record"
    assert len(required.stderr.decode().splitlines()) == 1


def test_a_required_record_is_there_before_the_command_runs(shop: str, name: str) -> None:
    count = "select count(*) from script_tracking.script_execution_s where script_name = %s"
    psql = f"import psycopg; print(*psycopg.connect({shop!r}).execute({count!r}, [{name!r}]).fetchone())"
    done = track("--dsn", shop, "--name", name, "--require-record", "--", sys.executable, "-c", psql)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1\n", b"")
    assert found(shop, name)[0]["execution_status"] == "COMPLETED"


@pytest.mark.parametrize(
    "words", [(), ("--",), ("sh",), ("--name",), ("--unknown", "--", "sh"), ("--metadata", "x", "--", "touch", "ran")]
)
def test_bad_usage_runs_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, *words],
        env={**ENVIRONMENT, "PYTHONPATH": os.getcwd()},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_line_of_cron_works_through_sh(shop: str, name: str, tmp_path: Path) -> None:
    """As cron runs it: by sh, with hardly any environment, standard input empty."""
    (tmp_path / "dsn").write_text(shop)
    lines = [line for line in Path("examples/cron/crontab").read_text().splitlines() if line[:1].isdigit()]
    command = lines[0].split(None, 5)[5]
    for theirs, ours in (
        ("/usr/local/bin/nightly-vacuum.sh", "true"),
        ("nightly-vacuum", name),
        ("/etc/script-tracking/dsn", str(tmp_path / "dsn")),
    ):
        assert theirs in command
        command = command.replace(theirs, ours)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (row,) = found(shop, name)
    assert (row["execution_status"], row["script_type"]) == ("COMPLETED", "CRON")
