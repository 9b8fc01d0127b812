"""Files with approved change references: read anew when they change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.changes.rules import Rules
from exporter.changesconfig import ChangesConfig, ListedReference
from exporter.configfile import load_references
from exporter.errors import ConfigurationError
from exporter.logs import get_logger
from exporter.signature import Signature, signature_at_rest, signature_of

log = get_logger("changes")


@dataclass(frozen=True)
class _File:
    """What a file said when it was last valid, None where it never was, and what is wrong with it since."""

    signature: Signature | None = None
    references: tuple[ListedReference, ...] | None = None
    problems: tuple[str, ...] = ()


class ReferenceFiles:
    """Keeps what the files say. One that is broken or gone keeps what it said: what is judged is judged for good."""

    def __init__(self, paths: Sequence[Path], *, quiet: bool = False) -> None:
        self._quiet = quiet  # whoever looks tells of the problems
        self._files: dict[Path, _File] = dict.fromkeys(paths, _File())

    @property
    def references(self) -> tuple[ListedReference, ...] | None:
        """Of all files; None while one of them has never been read."""
        found: list[ListedReference] = []
        for file in self._files.values():
            if file.references is None:
                return None
            found += file.references
        return tuple(found)

    @property
    def success(self) -> dict[str, bool]:
        """Whether each file was valid when it was last read; without one that was not looked at yet."""
        return {str(path): not file.problems for path, file in self._files.items() if file != _File()}

    @property
    def problems(self) -> list[str]:
        """What is wrong with the files."""
        return [problem for file in self._files.values() for problem in file.problems]

    def look(self) -> bool:
        """Reads what has changed; whether anything has. For a thread of its own: it may take a while."""
        before = self._files
        self._files = {path: self._read(path, file) for path, file in before.items()}
        return any(file is not before[path] for path, file in self._files.items())

    def take_over(self, before: ReferenceFiles) -> None:
        """Begins with what the same files said before."""
        self._files |= {path: file for path, file in before._files.items() if path in self._files}

    def _read(self, path: Path, before: _File) -> _File:
        signature = signature_of(path)
        if signature is not None and signature == before.signature:
            return before
        signature = signature_at_rest(path)
        try:
            read = _File(signature, load_references(path))
        except ConfigurationError as error:
            if error.problems != before.problems and not self._quiet:
                kept = None if before.references is None else len(before.references)
                log.error("reference_file_refused", file=str(path), problems=error.problems, references=kept)
            refused = _File(signature, before.references, error.problems)
            return before if refused == before else refused
        if before.problems and not self._quiet:
            log.info("reference_file_recovered", file=str(path))
        return read


class RuleBook:
    """The rules as the configuration and its files have them, for all targets: who is to judge asks for them anew."""

    def __init__(
        self,
        config: ChangesConfig,
        before: RuleBook | None = None,
        tell: Callable[[Mapping[str, bool]], None] = lambda success: None,
    ) -> None:
        """`before` is what was in force: while a file cannot be read, what it said stands. `tell` is called with
        whether each file is valid, once they were looked at.
        """
        self._tell = tell
        self.config = config
        self.files = ReferenceFiles(config.reference_files)
        if before is not None:
            self.files.take_over(before.files)
        self._rules: Rules | None = None
        self._turn = asyncio.Lock()

    async def rules(self) -> Rules | None:
        """What holds now; None while a file of references has never been read."""
        async with self._turn:
            changed = await asyncio.to_thread(self.files.look) if self.config.reference_files else False
            if changed:
                self._rules = None
                self._tell(self.files.success)
            if self._rules is None and (listed := self.files.references) is not None:
                self._rules = Rules(self.config, listed)
            return self._rules
