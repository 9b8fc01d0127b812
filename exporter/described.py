"""What is said of an operation, whatever a caller hands over: values as JSON, errors as a text and a SQLSTATE."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

SQLSTATE = re.compile(r"[0-9A-Z]{5}")
# Characters. The database judges no longer statement either; a part might hold a secret without what announces it.
LONGEST_TEXT = 100_000
LONGEST_METADATA = 1_000_000


def as_text(value: object) -> str:
    """A text that PostgreSQL takes: without NUL and lone surrogates."""
    try:
        return str(value).encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    except Exception:  # an object's own __str__
        return f"({type(value).__name__})"


def as_bounded(value: object) -> str:
    """A text of a length that may wait for the database; of a longer one its length."""
    text = as_text(value)
    return text if len(text) <= LONGEST_TEXT else not_kept(len(text))


def not_kept(length: int) -> str:
    """What stands for a text that is too long to be kept."""
    return f"[not kept: {length} characters]"


def as_object(values: object) -> dict[str, Any] | None:
    """Metadata as JSON; what is no mapping, though it should be, under a name."""
    try:
        given = values if isinstance(values, Mapping) else {} if values is None else {"metadata": values}
        known = {as_bounded(key): as_json(value) for key, value in given.items()}
        length = size_of(known)
        return {"metadata": not_kept(length)} if length > LONGEST_METADATA else known or None
    except Exception:  # of the caller's own objects, or nested too deeply
        return {"metadata": "(not readable)"}


def as_json(value: object) -> object:
    """A value of metadata, as JSON can hold it."""
    match value:
        case None | bool():
            return value
        case int():
            return value if value.bit_length() < 1000 else as_text(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {as_bounded(key): as_json(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [as_json(item) for item in cast(Iterable[object], value)]
        case _:
            return as_bounded(value)


def size_of(*values: object) -> int:
    """About how many bytes texts, and values as JSON can hold them, take."""
    try:
        given = (value for value in values if value is not None)
        return sum(len(value) if isinstance(value, str) else len(json.dumps(value)) for value in given)
    except RecursionError:  # the caller's own stack is nearly at its end
        return 0


def is_success(error: BaseException) -> bool:
    """Whether it ends a program that has done its work, or a generator of which nobody wants more."""
    return isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and error.code in (None, 0))


def described(error: BaseException) -> str:
    """Its kind and its text."""
    text = as_bounded(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def sqlstate_of(error: BaseException) -> str | None:
    """SQLSTATE of a driver's error, or of the one that an ORM's error wraps."""
    seen: set[int] = set()
    current: object = error
    try:
        while isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            found = getattr(current, "sqlstate", None) or getattr(current, "pgcode", None)
            if isinstance(found, str) and SQLSTATE.fullmatch(found):
                return found
            current = getattr(current, "orig", None) or current.__cause__
    except Exception:  # an error's own property
        return None
    return None
