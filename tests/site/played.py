"""A page whose commands a test runs one after the other, and whose outputs it compares with what is shown below them.

A fence `sql played` or `sh played` is run; a fence `text` right below it is what came of it, standard error included.
SQL begins with `-- as ROLE`. A fence `sql awaited` or `sh awaited` is run again until what comes is what is shown. What
differs from run to run is the same to the comparison: times, keys, long numbers, fractions, the widths of columns.
WRITE_DOCS=1 writes what came into the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^```(?P<kind>sql|sh) (?P<way>played|awaited)\n(?P<text>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
ROLE = re.compile(r"-- as (\w+)")
AWAITED_SECONDS = 150.0
MASKS = (
    (r"(_us\"?|pid\"?|_ms|version_number|xid|oid\"?)( *[:|] *)\d+", r"\1\2SOME"),
    (r'("batch_id": )"[^"]*"', r"\1BATCH"),
    (r"\d{8}T\d{6}\.\d+Z_[0-9a-f]{32}", "BUSINESS KEY"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:?\d\d)?|Z)?", "TIME"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
    (r"(\\x|\b)[0-9a-f]{16,}\b", "HEX"),
    (r"\d+\.(?!0\b)\d+(e[+-]?\d+)?", "FRACTION"),
    (r"\d{4,}", "NUMBER"),
    (r"[-+]{3,}", "RULE"),
    (r"[ \t]+", " "),
)


def same(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, name in MASKS:
        text = re.sub(pattern, name, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


@dataclass(frozen=True)
class Step:
    """One fence."""

    kind: str
    way: str
    text: str
    shown: str | None
    place: slice

    @property
    def role(self) -> str:
        """Who runs it."""
        found = ROLE.match(self.text)
        assert found is not None, f"nobody runs {self.text!r}"
        return found[1]


def steps(page: str) -> Iterator[Step]:
    """Those of a page, in order."""
    for match in FENCE.finditer(page):
        yield Step(match["kind"], match["way"], match["text"], match["shown"], slice(*match.span("shown")))


@dataclass(frozen=True)
class Stage:
    """Where a page is played: DSNs by role, what stands for what of the page (addresses), and the environment."""

    dsns: Mapping[str, str]
    instead: Mapping[str, str]
    environment: Mapping[str, str]

    def run(self, step: Step) -> str:
        """What comes of a step, with the page's own names in it."""
        text = step.text
        for written, real in self.instead.items():
            text = text.replace(written, real)
        if step.kind == "sql":
            command = ["psql", "-X", "-q", "-d", self.dsns[step.role], "-v", "VERBOSITY=default"]
        else:
            command = ["bash", "-euo", "pipefail"]
        done = subprocess.run(
            command,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=AWAITED_SECONDS,
            check=False,
            env={**os.environ, **self.environment},
        )
        said = done.stdout
        for written, real in self.instead.items():
            said = said.replace(real, written)
        return "\n".join(line.rstrip() for line in said.strip("\n").splitlines()) + "\n"


def play(file: Path, stage: Stage) -> None:
    """Runs a page to its end. Fails where something else comes than is shown; with WRITE_DOCS=1 writes that instead."""
    page = file.read_text(encoding="utf-8")
    writing = os.environ.get("WRITE_DOCS") == "1"
    made, at, different = "", 0, []
    for step in steps(page):
        said = stage.run(step)
        if step.shown is None:
            continue
        end = time.monotonic() + (AWAITED_SECONDS if step.way == "awaited" else 0)
        while same(said) != same(step.shown) and time.monotonic() < end:
            time.sleep(0.5)
            said = stage.run(step)
        if same(said) != same(step.shown):
            different.append(f"{step.text}--- shows\n{step.shown}--- but now there comes\n{said}")
        made += page[at : step.place.start] + said
        at = step.place.stop
    if writing:
        file.write_text(made + page[at:], encoding="utf-8")
    assert writing or not different, "\n".join(different)
