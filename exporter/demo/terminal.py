"""What the demo writes: numbered steps, aligned facts, the line that repeats each, and one line of progress."""

from __future__ import annotations

import os
import textwrap
import time
from typing import Literal, TextIO

from exporter.errors import ScriptTrackingError

WIDTH = 100
_INDENT = " " * 4
_LABEL = 18
_LINE_SECONDS = 5.0  # between two lines of progress where the output is not a terminal
_CODES = {"plain": "", "bold": "1", "dim": "2", "good": "32", "bad": "31", "step": "1;36"}
_SHELL = set('"$`\\!')  # what a shell changes inside double quotes

Mood = Literal["plain", "bold", "dim", "good", "bad", "step"]


class TerminalGone(ScriptTrackingError):
    """Nobody reads the output any more."""


class Terminal:
    """Writes to a stream; colours, and a progress line that is written over, only where it is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._coloured = self._live and "NO_COLOR" not in os.environ
        self._steps = 0
        self._progress = False  # whether the cursor stands behind a line of progress
        self._last_line = 0.0

    def line(self, text: str = "", mood: Mood = "plain") -> None:
        """One line."""
        self._write(("\r\x1b[K" if self._progress else "") + self._paint(text, mood) + "\n")
        self._progress = False

    def step(self, title: str) -> None:
        """Heading of the next step."""
        self._steps += 1
        self.line()
        self.line(f"{self._steps:2d}  {title}", "step")

    def fact(self, label: str, text: str, mood: Mood = "plain") -> None:
        """A label and what is to be said about it, folded into its column."""
        width = WIDTH - len(_INDENT) - _LABEL
        folded = textwrap.wrap(text, width, break_on_hyphens=False) or [""]
        for number, part in enumerate(folded):
            self.line(f"{_INDENT}{label if number == 0 else '':<{_LABEL}}{self._paint(part, mood)}")

    def psql(self, dsn: str, *statements: str) -> None:
        """The command that repeats statements. Raises ValueError for what a shell would change."""
        options = "-Xq -v VERBOSITY=sqlstate " if len(statements) > 1 else "-Xq "
        words = [f"psql {options}{dsn}"]
        for statement in statements:
            if _SHELL & set(statement):
                raise ValueError(f"a shell would change: {statement}")
            words.append(f'-c "{" ".join(statement.split())}"')
        self._command(" ".join(words))

    def curl(self, url: str, pattern: str) -> None:
        """The command that repeats a look at the metrics."""
        self._command(f"curl -s {url} | grep '{pattern}'")

    def commands(self, *lines: str) -> None:
        """Commands as they are, none of them folded."""
        for line in lines:
            self.line(f"{_INDENT}$ {line}", "dim")

    def progress(self, text: str) -> None:
        """The one line that says how it goes; written over, or every few seconds where it cannot be."""
        if self._live:
            self._write("\r\x1b[K" + text[: WIDTH - 1])
            self._progress = True
        elif time.monotonic() - self._last_line >= _LINE_SECONDS:
            self._last_line = time.monotonic()
            self._write(text + "\n")

    def _command(self, command: str) -> None:
        """A command folded inside its quotes, where a shell and PostgreSQL take a newline for a space."""
        folded = textwrap.wrap(command, WIDTH - len(_INDENT) - 4, break_long_words=False, break_on_hyphens=False)
        quotes = 0
        for number, part in enumerate(folded):
            quotes += part.count('"')
            more = " \\" if number < len(folded) - 1 and quotes % 2 == 0 else ""
            self.line(f"{_INDENT}{'$ ' if number == 0 else '    '}{part}{more}", "dim")

    def _paint(self, text: str, mood: Mood) -> str:
        return f"\x1b[{_CODES[mood]}m{text}\x1b[0m" if self._coloured and _CODES[mood] and text else text

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            raise TerminalGone from None
