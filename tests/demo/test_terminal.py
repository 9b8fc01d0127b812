"""What the demo writes, in small."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from exporter.demo.exposition import Scrape
from exporter.demo.playground import Playground
from exporter.demo.report import added
from exporter.demo.runner import read_duration
from exporter.demo.terminal import Terminal, TerminalGone
from exporter.dsn import Dsn
from exporter.errors import ConfigurationError


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_facts_are_folded_into_their_column() -> None:
    stream = io.StringIO()
    Terminal(stream).fact("label", "word " * 40)
    lines = stream.getvalue().splitlines()
    assert len(lines) > 1
    assert lines[0].startswith("    label             word")
    assert all(line.startswith(" " * 22 + "word") for line in lines[1:])
    assert max(map(len, lines)) <= 100


def test_a_folded_command_is_the_same_command_to_a_shell() -> None:
    stream = io.StringIO()
    statements = ["select " + ", ".join(f"'column {n}' as column_{n}" for n in range(30)), "select 1"]
    Terminal(stream).psql("postgresql://me@127.0.0.1:5/shop?a=b&c=d", *statements)
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    script = "psql() { printf '%s\\0' psql \"$@\"; }\n" + text.removeprefix("    $ ")
    words = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split("\0")[:-1]
    assert words[:3] == ["psql", "-Xq", "postgresql://me@127.0.0.1:5/shop?a=b&c=d"]
    assert [" ".join(word.split()) for word in words[4::2]] == statements
    assert words[3::2] == ["-c", "-c"]


@pytest.mark.parametrize("text", ['select "a"', "select $1", "select `a`", "select '\\x00'", "select 'a!'"])
def test_what_a_shell_would_change_is_not_offered(text: str) -> None:
    with pytest.raises(ValueError, match="shell"):
        Terminal(io.StringIO()).psql("postgresql:///shop", text)


def test_progress_is_written_over_on_a_terminal_and_rare_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen, file = Screen(), io.StringIO()
    for stream in (screen, file):
        terminal = Terminal(stream)
        for number in range(5):
            terminal.progress(f"at {number}")
        terminal.line("end")
    assert screen.getvalue().count("\n") == 1
    assert screen.getvalue().count("\r") == 6
    assert file.getvalue() == "at 0\nend\n"


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    written = {}
    for name, stream in (("screen", Screen()), ("file", io.StringIO())):
        Terminal(stream).line("good", "good")
        written[name] = stream.getvalue()
    assert written == {"screen": "\x1b[32mgood\x1b[0m\n", "file": "good\n"}
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Screen()
    Terminal(plain).line("good", "good")
    assert plain.getvalue() == "good\n"


def test_a_closed_stream_is_told() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    stream.close()
    with pytest.raises(TerminalGone):
        terminal.line("anybody?")


def test_a_scrape_is_read_by_name_and_labels() -> None:
    scrape = Scrape(
        "# HELP a_total counts\n# TYPE a_total counter\n"
        'a_total{tenant="x",status="FAILED"} 2\na_total{tenant="x",status="COMPLETED"} 3.5\n'
        'a_total{tenant="with \\"quotes\\", and more",status="FAILED"} 1\nup 1\n'
    )
    assert scrape.value("up") == 1
    assert scrape.value("missing") is None
    assert scrape.total("a_total", tenant="x") == 5.5
    assert scrape.totals("a_total", "status") == {"FAILED": 3, "COMPLETED": 3.5}
    assert len(scrape.select("a_total", status="FAILED")) == 2


@pytest.mark.parametrize(
    ("admin", "shown"),
    [
        ("postgresql://boss:hunter2@db.example:6000/prod", "postgresql://x_reader@db.example:6000/prod"),
        ("host=/run/postgresql user=boss dbname=prod", "postgresql://x_reader@/prod?host=%2Frun%2Fpostgresql"),
        (
            "postgresql://boss:hunter2@db.example/prod?sslmode=require",
            "postgresql://x_reader@db.example/prod?sslmode=require",
        ),
    ],
)
def test_a_dsn_is_shown_without_its_password(admin: str, shown: str) -> None:
    playground = Playground(Dsn(admin), "boss", "prod", "x_", Path("pgpass"), None, "18", "logical", 0.1, 5)
    assert playground.shown("reader") == shown
    assert playground.shown() == shown.replace("x_reader", "boss")
    assert "hunter2" not in playground.dsn("reader").secret()


def test_no_cost_is_told_as_a_gain() -> None:
    assert added(1.25, 1.0).startswith("0.25 ms added to a COMMENT ON: its client waits 1.25 ms, ")
    assert added(1.0, 1.25).startswith("hidden by what else this machine does: ")


@pytest.mark.parametrize(("text", "seconds"), [("60", 60.0), ("1.5", 1.5), ("90s", 90.0), ("", None), (" ", None)])
def test_the_duration_is_in_seconds(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float | None) -> None:
    assert read_duration(text) == seconds
    monkeypatch.setenv("DURATION", text)
    assert read_duration(None) == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "1m", "nan"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="seconds"):
        read_duration(text)
