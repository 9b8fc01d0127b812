"""What the demo writes: numbered steps, aligned facts, the line that repeats each, and one line of progress."""

from __future__ import annotations

import os
import shlex
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
            self.line(f"{_INDENT}{label if number == 0 else '':<{_LABEL - 1}} {self._paint(part, mood)}")

    def psql(self, dsn: str, *statements: str, verbose: bool = False) -> None:
        """The command that repeats statements, with SQLSTATEs if verbose. Raises ValueError for what a shell changes.

        Folded inside the quotes, where PostgreSQL takes a newline for a space.
        """
        for statement in statements:
            if _SHELL & set(statement):
                raise ValueError(f"a shell would change: {statement}")
        options = [f'-c "{" ".join(statement.split())}"' for statement in statements]
        folded = [
            textwrap.wrap(option, WIDTH - len(_INDENT) - 6, break_long_words=False, break_on_hyphens=False)
            for option in options
        ]
        ends = [" \\" if number < len(folded) else "" for number in range(1, len(folded) + 1)]
        switches = "-Xq -v VERBOSITY=verbose" if verbose else "-Xq"
        lines = [f"psql {switches} {shlex.quote(dsn)} \\"]
        for parts, end in zip(folded, ends, strict=True):
            lines += [f"    {part}" for part in parts]
            lines[-1] += end
        self.command(*lines)

    def curl(self, url: str, pattern: str) -> None:
        """The command that repeats a look at the metrics."""
        ask, find = f"curl -s {url} |", f"grep '{pattern}'"
        if len(_INDENT) + 3 + len(ask) + len(find) <= WIDTH:
            self.command(f"{ask} {find}")
        else:
            self.command(ask, f"    {find}")

    def command(self, first: str, *more: str) -> None:
        """A command as it is, with the lines that continue it."""
        self.line(f"{_INDENT}$ {first}", "dim")
        for line in more:
            self.line(f"{_INDENT}  {line}", "dim")

    def progress(self, text: str) -> None:
        """The one line that says how it goes; written over, or every few seconds where it cannot be."""
        if self._live:
            self._write("\r\x1b[K" + text[: WIDTH - 1])
            self._progress = True
        elif time.monotonic() - self._last_line >= _LINE_SECONDS:
            self._last_line = time.monotonic()
            self._write(text + "\n")

    def _paint(self, text: str, mood: Mood) -> str:
        return f"\x1b[{_CODES[mood]}m{text}\x1b[0m" if self._coloured and _CODES[mood] and text else text

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            raise TerminalGone from None
