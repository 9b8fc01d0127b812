"""PostgreSQL's client programs: pg_dump and the like, of Debian or of the embedded wheel."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest

from exporter.demo.server import embedded_binaries


@cache
def _folders() -> dict[int, Path]:
    """Folder of each major's programs."""
    debian = {int(folder.parts[-2]): folder for folder in Path("/usr/lib/postgresql").glob("*/bin")}
    return {
        major: folder for major, folder in {**debian, **embedded_binaries()}.items() if (folder / "pg_dump").exists()
    }


def tool(name: str, major: int) -> str:
    """The oldest program that knows a server of this major: a newer one may write what the server does not know."""
    fitting = [version for version in _folders() if version >= major]
    if not fitting:
        pytest.skip(f"{name} of PostgreSQL {major} or newer is missing")
    return str(_folders()[min(fitting)] / name)


def run(name: str, major: int, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs one to its end, whatever that is."""
    return subprocess.run(
        [tool(name, major), *arguments], input=input, capture_output=True, text=True, timeout=120, check=False
    )
