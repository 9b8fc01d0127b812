"""The runbooks of the alerts, as they came with this release."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_NAME = re.compile(r"[A-Za-z]{1,80}")


@cache
def folder() -> Path | None:
    """Where they are: inside the installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    candidates = (package / "docs" / "runbooks", package.parent / "docs" / "runbooks")
    return next((candidate for candidate in candidates if candidate.is_dir()), None)


def read(name: str) -> str | None:
    """One of them; None where there is none of that name."""
    base = folder()
    if base is None or _NAME.fullmatch(name) is None:
        return None
    try:
        return (base / f"{name}.md").read_text(encoding="utf-8")
    except OSError:
        return None
