"""Files with further targets: read anew when they change."""

from __future__ import annotations

import glob
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.configfile import load_targets
from exporter.errors import ConfigurationError
from exporter.logs import get_logger
from exporter.signature import REST_SECONDS, Signature, signature_at_rest, signature_of
from exporter.targetconfig import FileSdConfig, TargetConfig

log = get_logger("targetfiles")


@dataclass
class _File:
    """What a file said when it was last valid, and what is wrong with it since."""

    signature: Signature | None = None
    targets: tuple[TargetConfig, ...] = ()
    problems: tuple[str, ...] = ()


class TargetFiles:
    """Keeps what the files say. A broken file keeps what it last said, one that is gone takes its targets along."""

    def __init__(self, settings: FileSdConfig, *, quiet: bool = False) -> None:
        self.settings = settings
        self._quiet = quiet  # whoever looks tells of the problems
        self._turn = threading.Lock()
        self._files: dict[Path, _File] = {}

    @property
    def targets(self) -> tuple[TargetConfig, ...]:
        """Of all files, in the order of their names."""
        return tuple(target for path in sorted(self._files) for target in self._files[path].targets)

    @property
    def success(self) -> dict[str, bool]:
        """Whether each file was valid when it was last read."""
        return {str(path): not file.problems for path, file in sorted(self._files.items())}

    @property
    def problems(self) -> list[str]:
        """What is wrong with the files."""
        return [problem for path in sorted(self._files) for problem in self._files[path].problems]

    def look(self, *, anew: bool = False) -> None:
        """Reads what has changed, or everything. For a thread of its own: it may take a while."""
        with self._turn:
            if not anew and any(file.signature and signature_of(path) is None for path, file in self._files.items()):
                time.sleep(REST_SECONDS)  # some write a file anew by removing it first
            patterns = [str(pattern) for pattern in self.settings.files]
            found = {Path(name) for pattern in patterns for name in glob.glob(pattern)}
            found |= {
                Path(pattern) for pattern in patterns if not glob.has_magic(pattern)
            }  # to tell of one that is missing
            self._files = {
                path: self._read(path, self._files.get(path) or _File(), anew=anew) for path in sorted(found)
            }

    def _read(self, path: Path, before: _File, *, anew: bool) -> _File:
        signature = signature_of(path)
        if not anew and before.signature == signature and not (signature is None and not before.problems):
            return before
        if not anew:
            signature = signature_at_rest(path)
        try:
            read = _File(signature, load_targets(path))
        except ConfigurationError as error:
            if signature is None:
                before = _File()  # it is gone, and its targets with it
            if error.problems != before.problems and not self._quiet:
                log.error("target_file_refused", file=str(path), problems=error.problems, targets=len(before.targets))
            return _File(signature, before.targets, error.problems)
        if before.problems:
            log.info("target_file_recovered", file=str(path))
        return read


def without_namesakes(targets: Sequence[TargetConfig]) -> tuple[list[TargetConfig], list[str]]:
    """The first target of each name, and the names of those that were left out."""
    kept: dict[str, TargetConfig] = {}
    left = [target.name for target in targets if kept.setdefault(target.name, target) is not target]
    return list(kept.values()), left
