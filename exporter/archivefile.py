"""Files of an archive: a folder for each target, and in it for each period a file for each partition and a manifest.

A file is JSON lines, gzip; what it holds stands in the manifest, which is written after it. Nothing that is there is
overwritten but an earlier archive of the same partitions. docs/archive.md describes it for those who read them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

FORMAT = "script-tracking-archive/1"
MANIFEST = ".manifest.json"
DATA = ".ndjson.gz"
_UNFINISHED = ".unfinished"
_ABANDONED_SECONDS = 3600.0
_LONGEST_NAME = 120


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Part):
    """A column of the partition."""

    name: str
    type: str


class DataFile(_Part):
    """One partition."""

    relation: str
    partition: str
    file: str
    rows: int
    bytes: int
    sha256: str
    first_load_date: str | None
    last_load_date: str | None
    columns: tuple[Column, ...]


class Source(_Part):
    """The record that the partitions are part of."""

    system_identifier: str
    database: str
    database_oid: str
    installed_at: str
    incarnation: int
    record_source: str
    schema_version: int
    server_version: str


class Manifest(_Part):
    """What the files of one period hold; `partition_from` is None where the first partition has no beginning."""

    format: str
    exporter: str
    target: str
    archived_at: str
    source: Source
    partition_from: str | None
    partition_until: str
    change_rules: dict[str, str] = {}  # by which DDL was judged: JSON by its sha256; none in an archive of before
    files: tuple[DataFile, ...]

    def is_of(self, source: Source, partition_from: str | None, partition_until: str) -> bool:
        """Whether it tells of the same partitions of the same record."""

        def record(of: Source) -> tuple[object, ...]:
            return of.system_identifier, of.database_oid, of.installed_at, of.incarnation

        own = (*record(self.source), self.partition_from, self.partition_until)
        return own == (*record(source), partition_from, partition_until)


def read_manifest(path: Path) -> Manifest:
    """A manifest. Raises OSError, or ValueError where it is none."""
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise ValueError(f"is no manifest: {place}: {first['msg']}") from None
    if manifest.format != FORMAT:
        raise ValueError(f"has the format {manifest.format!r}, which is not {FORMAT}")
    return manifest


def target_folder(directory: Path, target: str) -> Path:
    """The folder of a target: its name, with what no file's name should hold percent-encoded."""
    name = quote(target, safe=" ,;=@+~")
    name = name if name.strip(".") == name else name.replace(".", "%2E")
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}-{hashlib.sha256(target.encode()).hexdigest()[:16]}"
    return directory / name


class Draft:
    """A file that is being written under a name of its own. Its methods may be called in any thread."""

    def __init__(self, folder: Path, level: int) -> None:
        self.path = folder / f"{secrets.token_hex(8)}{_UNFINISHED}"
        self.rows = 0
        self.bytes = 0
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()  # who is cancelled abandons it while a thread may still write
        self._gzip = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self.bytes += len(data)
        self._file.write(data)

    def add(self, lines: Sequence[str]) -> None:
        """Writes so many rows. Raises OSError."""
        with self._lock:
            self._write(self._gzip.compress("".join(f"{line}\n" for line in lines).encode()))
            self.rows += len(lines)

    def finish(self) -> str:
        """Ends the file and sees that it is on the disk; its sha256. Raises OSError."""
        with self._lock:
            self._write(self._gzip.flush())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            return self._hash.hexdigest()

    def abandon(self) -> None:
        """Removes it, unless it has been given its name."""
        with self._lock:
            with contextlib.suppress(OSError):  # what was not written yet: the disk may be full
                self._file.close()
            self.path.unlink(missing_ok=True)


def size_of(path: Path) -> int | None:
    """Bytes of a file; None where there is none. Raises OSError where that cannot be known."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def is_whole(path: Path, size: int, sha256: str) -> bool:
    """Whether a file is there as it was written: reads it. Raises OSError where that cannot be known."""
    if size_of(path) != size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def remove_abandoned(folder: Path) -> None:
    """Removes what an exporter that was killed left unfinished; who writes a file changes it all the time."""
    for path in folder.glob(f"*{_UNFINISHED}"):
        if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
            path.unlink(missing_ok=True)


def free_names(
    folder: Path, partitions: Sequence[tuple[str, str]], source: Source, partition_from: str | None, until: str
) -> tuple[str, dict[str, str]]:
    """Names for the manifest and for the file of each relation, given relations with their partitions: those of an
    earlier archive of the same partitions, or names of nothing that is there. Raises OSError.
    """
    relation, partition = partitions[-1]
    period = f"script_execution{partition.removeprefix(relation)}"
    for number in range(1, 1000):
        suffix = "" if number == 1 else f".{number}"
        manifest, files = f"{period}{suffix}{MANIFEST}", {r: f"{name}{suffix}{DATA}" for r, name in partitions}
        if (folder / manifest).exists():
            try:
                if read_manifest(folder / manifest).is_of(source, partition_from, until):
                    return manifest, files
            except ValueError:
                pass  # it may have been one
        elif not any((folder / file).exists() for file in files.values()):
            return manifest, files
    raise FileExistsError(f"a thousand other archives of {period} are there")


def publish(folder: Path, drafts: Sequence[tuple[Draft, str]], name: str, manifest: Manifest) -> None:
    """Gives finished files their names, the manifest last, and sees that this is on the disk. Raises OSError."""
    path = folder / f"{secrets.token_hex(8)}{_UNFINISHED}"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(manifest.model_dump_json(indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        for draft, own in drafts:
            draft.path.replace(folder / own)
        path.replace(folder / name)
    finally:
        path.unlink(missing_ok=True)
    _sync(folder)


def open_folder(directory: Path, target: str) -> Path:
    """The target's folder, made where the directory is there and it is not. Raises OSError."""
    folder = target_folder(directory, target)
    if not folder.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)  # without its parents: a disk that is not mounted is not to be missed
        _sync(directory)
    return folder


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def manifests(directory: Path) -> Iterator[Path]:
    """All manifests in a folder and those below it, in order."""
    yield from sorted(path for path in directory.rglob(f"*{MANIFEST}") if path.is_file())
