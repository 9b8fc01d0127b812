"""Errors of the program. An error's docstring is its default message; `exit_code` is what the command returns."""

from __future__ import annotations

from collections.abc import Sequence


class ScriptTrackingError(Exception):
    """The job failed."""

    exit_code = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def state(self) -> str:
        """What is remembered of it, so that it is told once and not each time that it happens again."""
        return str(self)


class ConfigurationError(ScriptTrackingError):
    """The configuration is not valid."""

    exit_code = 2

    def __init__(self, message: str | None = None, problems: Sequence[str] = ()) -> None:
        super().__init__("\n".join(problems) or message)
        self.problems = tuple(problems) or (str(self),)


class TargetUnavailable(ScriptTrackingError):
    """The database cannot be reached."""

    @property
    def state(self) -> str:
        """The same for whatever reason: one outage has many, one after the other."""
        return "unavailable"


class NoAnswer(TargetUnavailable):
    """The database did not answer in time."""


class QueryFailed(ScriptTrackingError):
    """The database refused a statement."""

    def __init__(self, message: str | None = None, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate

    @property
    def is_locked_out(self) -> bool:
        """Whether somebody held a lock for longer than the statement waits: it may be tried again."""
        return self.sqlstate == "55P03"


class UnreadableText(QueryFailed):
    """The database holds text that is no UTF-8."""


class OperationNotRecorded(ScriptTrackingError):
    """The operation is not in the record."""


class SchemaError(ScriptTrackingError):
    """The tracking schema is not in order."""


class MissingPrivilege(SchemaError):
    """The role lacks a right that the job needs."""


class ServerTooOld(SchemaError):
    """The server's PostgreSQL is older than what the tracking schema needs."""


class ForeignSchema(SchemaError):
    """A schema of the same name belongs to somebody else."""


class PublishedTables(SchemaError):
    """What is installed would be published to subscribers that lack it."""


class NotInstalled(SchemaError):
    """The tracking schema is not installed."""


class SchemaTooNew(SchemaError):
    """The database holds a newer tracking schema than this program knows."""


class MigrationEdited(SchemaError):
    """A migration that was applied differs from the program's file of the same number."""


class InvalidSqlFile(ScriptTrackingError):
    """A file under sql/ breaks the rules of its folder."""
