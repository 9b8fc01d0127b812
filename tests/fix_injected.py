"""Fixture `injected`: faults of the exporter's own process, while it runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STALLED_SECONDS = 3.0  # the allowance of tests/injected/sitecustomize.py


class Injected:
    """Files that tests/injected/sitecustomize.py looks for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        paths = [str(ROOT / "tests" / "injected"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {"PYTHONPATH": os.pathsep.join(paths), "INJECTED": str(folder)}

    def set(self, name: str, content: str) -> None:
        """Begins, at once: a reader never finds half of it."""
        new = self.folder / f"{name}.new"
        new.write_text(content, encoding="utf-8")
        new.replace(self.folder / name)

    def clear(self, name: str) -> None:
        """Ends."""
        (self.folder / name).unlink(missing_ok=True)


@pytest.fixture
def injected(tmp_path: Path) -> Injected:
    """None yet: exporter(..., environment=injected.environment) starts one that has those that are set."""
    folder = tmp_path / "injected"
    folder.mkdir()
    return Injected(folder)
