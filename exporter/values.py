"""Kinds of values that a configuration holds: durations, sizes, files, DSNs, names of collectors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo, WithJsonSchema
from pydantic.config import JsonDict

from exporter.dsn import Dsn, read_secret
from exporter.errors import ConfigurationError

UNKNOWN_COLLECTOR = "unknown collector"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SIZE = re.compile(r"(\d+)(MiB|GiB|TiB)")
_UNIT_BYTES = {"MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_CONTROL = re.compile(f"[{_CONTROLS}]")
ONE_LINE: JsonDict = {"pattern": f"^[^{_CONTROLS}]*$"}  # the same for JSON Schema
_LEAST_BYTES, _MOST_BYTES = 16 * 1024**2, 2**50
_MOST_SECONDS = 86400


def _seconds(value: object) -> object:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError("expected a duration such as 500ms, 15s, 5m or 1h")
        return float(match[1]) * _UNIT_SECONDS[match[2]]
    if isinstance(value, bool):  # which is a number to Python
        raise ValueError("expected a duration such as 500ms, 15s, 5m or 1h")
    return value


def _bytes(value: object) -> object:
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        if match is None:
            raise ValueError("expected a size such as 512MiB or 2GiB")
        return int(match[1]) * _UNIT_BYTES[match[2]]
    if isinstance(value, bool):
        raise ValueError("expected a size such as 512MiB or 2GiB")
    return value


def _in_a_day(seconds: float) -> float:
    if not 0 < seconds <= _MOST_SECONDS:
        raise ValueError("expected a duration of more than 0 and at most 24h")
    return seconds


def _in_reason(size: int) -> int:
    if not _LEAST_BYTES <= size <= _MOST_BYTES:
        raise ValueError("expected a size of at least 16MiB and at most 1024TiB")
    return size


def parsed(value: object) -> object:
    """A DSN of its text. Raises ValueError, whose text does not hold it."""
    if isinstance(value, str):
        try:
            return Dsn(value)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
    return value


def secret_in(path: Path) -> str:
    """What a secret file holds. Raises ValueError."""
    try:
        return read_secret(path)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


def one_of_two(path: Path | None, info: ValidationInfo, other: str, names: str) -> None:
    """Raises ValueError where both a file and the field that it may stand for are given, or neither is."""
    if other in info.data and (info.data[other] is None) == (path is None):  # else that field was refused already
        raise ValueError(f"one of {names} is needed, and not both")


def something(value: object) -> object:
    """Raises ValueError for a key without a value where to leave the key out means something else."""
    if value is None:
        raise ValueError("expected a mapping, {} for an empty one, or the key left out")
    return value


def of_one_line(name: str) -> str:
    """A name that stands in labels, in lines of the log and on the page. Raises ValueError for one that breaks them."""
    if _CONTROL.search(name):
        raise ValueError("expected a name of one line, without control characters")
    return name


def no_name_twice(names: Iterable[str]) -> None:
    """Raises ValueError where a name of a list's entries stands twice."""
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise ValueError(f"the name {twice[0]!r} stands twice")


def _below_the_file(path: Path, info: ValidationInfo) -> Path:
    """A path of the configuration is relative to the folder of the file that names it."""
    if "\0" in str(path):
        raise ValueError("expected a path, which has no zero byte")
    return Path((info.context or {}).get("folder", ""), path.expanduser())


def _known_collector(name: str, info: ValidationInfo) -> str:
    known: Callable[[], Iterable[str]] | None = (info.context or {}).get("collectors")
    if known is not None and name not in known():
        raise ValueError(UNKNOWN_COLLECTOR)
    return name


Bytes = Annotated[
    int,
    BeforeValidator(_bytes),
    AfterValidator(_in_reason),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_SIZE.pattern}$"},
                {"type": "integer", "minimum": _LEAST_BYTES, "maximum": _MOST_BYTES},
            ],
            "title": "size",
        }
    ),
]
Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    AfterValidator(_in_a_day),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_DURATION.pattern}$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": _MOST_SECONDS},
            ],
            "title": "duration",
        }
    ),
]
# writeOnly is JSON Schema's word for what is never shown
SecretDsn = Annotated[Dsn, BeforeValidator(parsed), WithJsonSchema({"type": "string", "writeOnly": True})]
File = Annotated[Path, AfterValidator(_below_the_file)]
CollectorName = Annotated[str, AfterValidator(_known_collector)]
SchemaMode = Literal["auto", "check", "off"]
PageMode = Literal["off", "summary", "full"]


class Model(BaseModel):
    """What all models of the configuration are: frozen, without unknown keys, silent of values in what they refuse."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)
