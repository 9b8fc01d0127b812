"""A fault that comes and goes: told when it comes, again when its reason changes, and when it is over."""

from __future__ import annotations

import structlog

from exporter.errors import ScriptTrackingError


class Fault:
    """What keeps something from being done again and again; `began` and `ended` are the log's events."""

    def __init__(self, log: structlog.stdlib.BoundLogger, began: str, ended: str, **fields: str) -> None:
        self._log = log
        self._began = began
        self._ended = ended
        self._fields = fields
        self._state: str | None = None

    @property
    def lasts(self) -> bool:
        """Whether it has come and not gone."""
        return self._state is not None

    def meet(self, error: ScriptTrackingError) -> None:
        """It is there."""
        if self._state != error.state:
            self._log.warning(self._began, **self._fields, reason=str(error))
        self._state = error.state

    def clear(self) -> None:
        """It is not."""
        if self._state is not None:
            self._log.info(self._ended, **self._fields)
        self._state = None
