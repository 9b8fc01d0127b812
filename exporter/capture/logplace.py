"""Places in the server's log: files in the order in which they were written, and how far they were read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from exporter.capture.logentry import Format

MARK_BYTES = 256  # before a place: whether a file is still the one that was read


@dataclass(frozen=True)
class LogFile:
    """A file of the log, as the server lists it."""

    log_format: Format
    file_name: str
    size: int
    modified_at: datetime
    is_current: bool


@dataclass(frozen=True)
class Place:
    """How far a file was read; the mark is the sha256 of the last bytes before."""

    log_format: Format
    file: str
    at: int
    mark: bytes
    mark_length: int
    modified_at: datetime

    @classmethod
    def of(cls, file: LogFile, at: int, tail: bytes) -> Place:
        """The place in a file after the bytes `tail`."""
        return cls(file.log_format, file.file_name, at, hashlib.sha256(tail).digest(), len(tail), file.modified_at)


def after(file: LogFile, files: list[LogFile]) -> LogFile | None:
    """The file that was written next; `files` are in that order, the current one last."""
    following = files[files.index(file) + 1 :]
    return following[0] if following else None


def starting(place: Place, files: list[LogFile]) -> LogFile:
    """The first file that was written after a place whose file is gone or was cut short; at worst the current one."""
    for file in files:
        if file.modified_at > place.modified_at or (file.file_name == place.file and file.size < place.at):
            return file
    return files[-1]


def unread(file: LogFile, at: int, files: list[LogFile]) -> int:
    """Bytes that are not read yet."""
    return max(file.size - at, 0) + sum(later.size for later in files[files.index(file) + 1 :])
