"""Writes the commit into what is built, so that the program can tell it where there is no git."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMMIT = re.compile(r"[0-9a-f]{7,64}(-dirty)?")
PLACE = "exporter/COMMIT"


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]
    """The commit is what SOURCE_COMMIT says, else what the source distribution holds, else what git says."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the file; none where nobody knows, and none to an editable installation, which goes on changing."""
        commit = self._commit()
        if version == "editable" or commit is None:
            return
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name, "COMMIT")
        file.write_text(commit + "\n", encoding="ascii")
        build_data["force_include"][str(file)] = PLACE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes what the build no longer needs."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()

    def _commit(self) -> str | None:
        given = os.environ.get("SOURCE_COMMIT", "")
        if not given and Path(self.root, PLACE).is_file():
            return None  # it is taken along as it is
        if not given and Path(self.root, ".git").exists():
            given = self._git("rev-parse", "HEAD")
            given += "-dirty" if given and self._git("status", "--porcelain", "--untracked-files=no") else ""
        return given if COMMIT.fullmatch(given) else None

    def _git(self, *arguments: str) -> str:
        try:
            command = ["git", "-C", self.root, *arguments]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return ""
