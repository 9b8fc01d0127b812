"""Archives past partitions of one target before they go, where the configuration and the database both have it so."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from psycopg import sql
from psycopg.types.json import Jsonb

from exporter import __version__
from exporter.archiveconfig import ArchiveConfig
from exporter.archivefile import (
    FORMAT,
    DataFile,
    Draft,
    Manifest,
    Source,
    free_names,
    is_whole,
    open_folder,
    publish,
    remove_abandoned,
    size_of,
    target_folder,
)
from exporter.database import Connection, Row, failures_named
from exporter.errors import QueryFailed, ScriptTrackingError, TargetUnavailable
from exporter.logs import get_logger
from exporter.sqlfiles import query
from exporter.target import Target

log = get_logger("upkeep")

ASK_SECONDS = 60.0
STEP_SECONDS = 3600.0  # counts, and so reads, three partitions
PORTION_BYTES = 2 * 1024**2  # of lines that are in memory at a time, about
MOST_ROWS = 1000

Result = TypeVar("Result")


class ArchiveFailed(ScriptTrackingError):
    """The partition was not archived."""


@dataclass
class Archiver:
    """Writes what is due. Two exporters of a database take turns by a lock; what is archived is entered there."""

    target: Target
    config: ArchiveConfig
    partitions: int = field(default=0, init=False)  # periods that this exporter has archived
    bytes: int = field(default=0, init=False)
    _failing: str | None = field(default=None, init=False)
    _told_lost: list[datetime] = field(default_factory=list, init=False)

    @property
    def place(self) -> str:
        """Host and folder, as the ledger names them."""
        return f"{socket.gethostname()}:{target_folder(self.config.directory, self.target.name)}"

    async def round(self) -> bool | None:
        """Archives all that is due; whether it went well, None where the database does not answer. Never raises for a
        fault of the database or of the disk."""
        try:
            (answer,) = await self.target.fetch(query("archive", "ask"), timeout=ASK_SECONDS)
            if not answer["may"]:
                raise ArchiveFailed(
                    "the database does not have it archived: a superuser sets retention.archive in "
                    "script_tracking_internal.setting to on, or the key archive goes from the configuration; "
                    "until then no partition is removed"
                )
            folder = await asyncio.to_thread(open_folder, self.config.directory, self.target.name)
            await asyncio.to_thread(remove_abandoned, folder)
            again = await self._look(folder)
            while (until := await self._archive_one(folder, again)) is not None:
                again = [each for each in again if each != until]
        except TargetUnavailable:
            return None  # which is told of otherwise
        except (QueryFailed, ArchiveFailed, OSError) as error:
            if isinstance(error, QueryFailed) and error.is_locked_out:
                return True  # the next round will do
            # without the name of a file, which is another one each time
            reason = f"{self.config.directory}: {error.strerror}" if isinstance(error, OSError) else str(error)
            if self._failing != reason:
                log.warning("archive_failed", target=self.target.name, reason=reason)
            self._failing = reason
            return False
        if self._failing is not None:
            log.info("archive_recovered", target=self.target.name)
            self._failing = None
        return True

    async def _look(self, folder: Path) -> list[datetime]:
        """Looks at the files whose partitions still stand, and notes which are whole whose partitions go. Ends of the
        periods to be archived again: their files were here and are not, or nobody has seen them elsewhere.
        """
        statement = sql.SQL(query("archive", "standing")).format(place=self.place)
        rows = await self.target.fetch(statement, timeout=ASK_SECONDS)

        def look() -> tuple[list[int], list[datetime]]:
            seen, lost = [], []
            for row in rows:
                path = folder / Path(row["file_name"]).name
                if row["goes"] and is_whole(path, row["file_bytes"], row["file_sha256"]):
                    seen.append(row["archive_id"])
                elif (row["goes"] and (row["is_here"] or row["is_missed"])) or (
                    row["is_here"] and size_of(path) != row["file_bytes"]
                ):
                    lost.append(row["until"])
            return seen, sorted(set(lost))

        seen, found = await asyncio.to_thread(look)
        if seen:
            note = sql.SQL(query("archive", "seen")).format(archives=seen)
            await self.target.fetch(note, timeout=ASK_SECONDS)
        if found and found != self._told_lost:
            log.warning("archive_lost", target=self.target.name, until=[str(until) for until in found])
        self._told_lost = found
        return found

    async def _archive_one(self, folder: Path, again: Sequence[datetime]) -> datetime | None:
        """Archives a period in one transaction; when it ends, None where nothing is due."""
        async with self.target.archiving.session() as session:
            session.is_retired = True  # a session for now and then is not kept
            connection = session.connection
            async with failures_named("archive"), connection.transaction():
                await connection.execute(sql.SQL(query("archive", "guards")))
                statement = sql.SQL(query("archive", "open")).format(again=list(again))
                parts = await _in_time(lambda: _rows(connection, statement))
                if not parts:
                    return None
                drafts: list[Draft] = []
                try:
                    manifest = await self._write(connection, folder, parts, drafts)
                    note = sql.SQL(query("archive", "note")).format(
                        until=parts[0]["until"],
                        files=Jsonb([file.model_dump(exclude={"columns"}) for file in manifest.files]),
                        place=self.place,
                    )
                    await _in_time(lambda: _rows(connection, note))
                finally:
                    for draft in drafts:
                        await asyncio.shield(asyncio.to_thread(draft.abandon))
        self.partitions += 1
        self.bytes += sum(file.bytes for file in manifest.files)
        log.info(
            "archived", target=self.target.name, until=manifest.partition_until, folder=str(folder),
            rows={file.file: file.rows for file in manifest.files},
        )  # fmt: skip
        until: datetime = parts[0]["until"]
        return until

    async def _write(self, connection: Connection, folder: Path, parts: Sequence[Row], drafts: list[Draft]) -> Manifest:
        """Writes the files of a period. Raises OSError, ArchiveFailed or like the driver."""
        source = Source.model_validate(parts[0]["source"])
        bounds = parts[0]["partition_from"], parts[0]["partition_until"]
        statement = sql.SQL(query("archive", "rules")).format(until=parts[0]["until"])
        (judged,) = await _in_time(lambda: _rows(connection, statement))
        partitions = [(part["relation"], part["partition_name"]) for part in parts]
        files = []
        for part in parts:
            draft = await asyncio.to_thread(Draft, folder, self.config.compression_level)
            drafts.append(draft)
            await _copy(connection, part["portal"], draft)
            if draft.rows != part["row_count"]:
                raise ArchiveFailed(f"{part['partition_name']}: {draft.rows} rows of {part['row_count']} were read")
            sha256 = await asyncio.to_thread(draft.finish)
            files.append((part, draft, sha256))
        name, names = await asyncio.to_thread(free_names, folder, partitions, source, *bounds)
        manifest = Manifest(
            format=FORMAT,
            exporter=__version__,
            target=self.target.name,
            archived_at=datetime.now(UTC).isoformat(),
            source=source,
            partition_from=bounds[0],
            partition_until=bounds[1],
            change_rules=judged["rules"],
            files=tuple(_described(part, draft, sha256, names) for part, draft, sha256 in files),
        )
        named = [(draft, names[part["relation"]]) for part, draft, _ in files]
        await asyncio.to_thread(publish, folder, named, name, manifest)
        return manifest


def _described(part: Mapping[str, Any], draft: Draft, sha256: str, names: Mapping[str, str]) -> DataFile:
    return DataFile(
        relation=part["relation"],
        partition=part["partition_name"],
        file=names[part["relation"]],
        rows=draft.rows,
        bytes=draft.bytes,
        sha256=sha256,
        first_load_date=part["first_load_date"],
        last_load_date=part["last_load_date"],
        columns=part["columns"],
    )


async def _copy(connection: Connection, portal: str, draft: Draft) -> None:
    """Writes the lines of a cursor, a portion at a time, of about as many bytes whatever the rows' size."""
    rows = 50
    while True:
        statement = sql.SQL(query("archive", "fetch")).format(rows=sql.Literal(rows), portal=sql.Identifier(portal))
        lines = [row["line"] for row in await _in_time(lambda: _rows(connection, statement))]  # noqa: B023
        if not lines:
            return
        await asyncio.to_thread(draft.add, lines)
        average = sum(map(len, lines)) / len(lines)
        rows = max(1, min(MOST_ROWS, 4 * rows, int(PORTION_BYTES / average)))


async def _rows(connection: Connection, statement: sql.Composed) -> list[Row]:
    return await (await connection.execute(statement)).fetchall()


async def _in_time(step: Callable[[], Awaitable[Result]]) -> Result:
    """What a step returns. Raises TargetUnavailable where the server is silent for long."""
    try:
        async with asyncio.timeout(STEP_SECONDS):
            return await step()
    except TimeoutError:
        raise TargetUnavailable(f"no answer within {STEP_SECONDS:g} s") from None
