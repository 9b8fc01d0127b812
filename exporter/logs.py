"""Logging: an event name plus fields, to the console or as JSON lines, on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Literal, cast

import structlog

Format = Literal["console", "json"]
Level = Literal["debug", "info", "warning", "error"]


def configure(log_format: Format = "console", level: Level = "info") -> None:
    """Sets the one way in which every module logs."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(module: str) -> structlog.stdlib.BoundLogger:
    """Logger whose lines carry the module's name."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(module=module))
