"""Logging: an event name plus fields, to the console or as JSON lines, on standard error."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

import structlog

if TYPE_CHECKING:
    import asyncio

Format = Literal["console", "json"]
Level = Literal["debug", "info", "warning", "error"]
Module = Literal[
    "api",
    "capture",
    "changes",
    "collect",
    "daemon",
    "discovery",
    "fleet",
    "inventory",
    "library",
    "target",
    "targetfiles",
    "upkeep",
    "vigil",
    "watch",
    "web",
]

_NONE: Mapping[Module, Level] = MappingProxyType({})


class _FromLibraries(logging.Handler):
    """Writes what libraries warn of as our log does."""

    def emit(self, record: logging.LogRecord) -> None:
        """One event."""
        tell = log.error if record.levelno >= logging.ERROR else log.warning
        error = record.exc_info[1] if record.exc_info else None
        tell("library_warned", library=record.name, reason=record.getMessage().strip(), **mistake(error))


class _ByModule:
    """Drops what is below the level of its module; where it has none, below that of all."""

    def __init__(self, level: Level, levels: Mapping[Module, Level]) -> None:
        self._least = _number(level)
        self._levels: dict[str, int] = {module: _number(own) for module, own in levels.items()}

    def __call__(self, _logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """The event, or structlog.DropEvent raised."""
        if _number(event["level"]) < self._levels.get(event.get("module", ""), self._least):
            raise structlog.DropEvent
        return event


class _Quoted:
    """A text whose signs are all seen."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return repr(self._text)


def _quote(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Nothing that somebody else has sent moves a terminal's cursor; the renderer quotes blanks alone."""
    return {
        key: _Quoted(value) if isinstance(value, str) and not value.isprintable() and key != "exception" else value
        for key, value in event.items()
    }


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


def configure(log_format: Format = "console", level: Level = "info", levels: Mapping[Module, Level] = _NONE) -> None:
    """Sets the one way in which every module logs; `levels` are those of modules that have one of their own."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _ByModule(level, levels),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *([] if log_format == "json" else [_quote]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(min(map(_number, (level, *levels.values())))),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    libraries = logging.getLogger()
    if not any(isinstance(handler, _FromLibraries) for handler in libraries.handlers):
        libraries.addHandler(_FromLibraries(logging.WARNING))


def get_logger(module: Module) -> structlog.stdlib.BoundLogger:
    """Logger whose lines carry the module's name."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(module=module))


def mistake(error: BaseException | None) -> dict[str, object]:
    """Fields that tell of an error that nobody expected: its kind, and where it was raised, the innermost place last.

    Not what it says, which may hold what nobody shall read.
    """
    if error is None:
        return {}
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return {"error": type(error).__name__, "at": [f"{one.filename}:{one.lineno} {one.name}" for one in frames]}


def of_loop(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Writes what the event loop has to say as our log does; its own words would quote the error."""
    error = context.get("exception")
    log.error("library_warned", library="asyncio", reason=str(context.get("message", "")), **mistake(error))


log = get_logger("library")
