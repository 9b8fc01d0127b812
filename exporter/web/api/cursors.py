"""Cursors: where the next page begins, opaque to who asks. They hold no right; what they name the database checks."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from exporter.web.api.problems import Problem


def _question(asked: Mapping[str, Any]) -> str:
    """What tells one question from another."""
    text = json.dumps({key: value for key, value in asked.items() if value is not None}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def written(asked: Mapping[str, Any], place: Sequence[str]) -> str:
    """The cursor of what comes after a place in the answer to a question."""
    text = json.dumps([_question(asked), *place], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str, asked: Mapping[str, Any], length: int) -> list[str]:
    """The place, of so many values. Raises Problem: 422 for what is no cursor, 409 for another question's."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        question, *place = json.loads(text)
        good = len(place) == length and all(isinstance(part, str) and "\x00" not in part for part in place)
        "".join(place).encode()  # JSON may hold half a character
    except (binascii.Error, ValueError, TypeError, RecursionError):
        good = False
    if not good:
        raise Problem(422, "cursor: not one that this API gave")
    if question != _question(asked):
        raise Problem(409, "cursor: of another question; filters and target stay the same from page to page")
    return [str(part) for part in place]
