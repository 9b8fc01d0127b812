"""What a configuration makes of one change."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from exporter.changes.calendar import has_begun, has_ended, is_frozen, is_in_force, is_open
from exporter.changesconfig import MOST_CHARACTERS, ChangeReference, ChangesConfig, Reference, Verdict


@dataclass(frozen=True)
class Judgement:
    """What was made of one change: by which window or freeze, and what its reference was worth."""

    verdict: Verdict
    reference: Reference
    window: str | None = None  # or the freeze
    approved_by: str | None = None  # the reference or pattern that the claimed one fits


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


@dataclass(frozen=True)
class Rules:
    """The configuration, and the references of its files as they are at the moment."""

    config: ChangesConfig
    listed: Sequence[ChangeReference] = ()
    _by_text: dict[str, list[ChangeReference]] = field(default_factory=dict, init=False, repr=False)
    _patterns: list[ChangeReference] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        for each in (*self.config.references, *self.listed):
            if each.reference is not None:
                self._by_text.setdefault(each.reference, []).append(each)
            else:
                self._patterns.append(each)

    @property
    def described(self) -> dict[str, Any]:
        """The configuration without what is another on each machine: paths, and what files hold."""
        return self.config.model_dump(mode="json", by_alias=True, exclude={"reference_files"})

    @property
    def fingerprint(self) -> str:
        """The sha256 of that, in hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.described, sort_keys=True).encode()).hexdigest()

    def judge(self, target: str, tenant: str, at: datetime, claimed: str | None) -> Judgement:
        """What is made of a change that began then, and whose session claimed this reference."""
        state, approval = self._reference(target, tenant, at, (claimed or "").strip())
        approved_by = None if approval is None else approval.reference or approval.pattern
        if approval is None or not approval.in_freezes:
            for freeze in self.config.freezes:
                if freeze.covers(target, tenant) and is_in_force(freeze, at):
                    return Judgement("frozen", state, freeze.name, approved_by)
        windows = [window for window in self.config.windows if window.covers(target, tenant)]
        for window in windows:
            if is_open(window, at):
                return Judgement("inside", state, window.name, approved_by)
        if approval is not None:
            return Judgement("approved", state, None, approved_by)
        for window in windows:
            if is_frozen(window, at):
                return Judgement("frozen", state, window.name)
        return Judgement("outside", state)

    def _reference(
        self, target: str, tenant: str, at: datetime, claimed: str
    ) -> tuple[Reference, ChangeReference | None]:
        """What a claimed reference is worth, and what approves it: of several what holds in a freeze, too."""
        if not claimed:
            return "missing", None
        fitting = [each for each in self._fitting(claimed) if each.covers(target, tenant) and has_begun(each, at)]
        valid = [each for each in fitting if not has_ended(each, at)]
        if not valid:
            return "expired" if fitting else "unknown", None
        return "approved", max(valid, key=lambda each: each.in_freezes)

    def _fitting(self, claimed: str) -> Iterator[ChangeReference]:
        yield from self._by_text.get(claimed, ())
        if len(claimed) <= MOST_CHARACTERS:
            for each in self._patterns:
                if _compiled(each.pattern or "").fullmatch(claimed):
                    yield each
