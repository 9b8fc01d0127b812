"""Reads the server's own log over SQL: which errors ended DDL, with SQLSTATE and message."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from psycopg import sql

from exporter.capture.logbatch import batches, told
from exporter.capture.logcodec import codec
from exporter.capture.logentry import Crash, Entry, ends_within, scan
from exporter.capture.logplace import MARK_BYTES, LogFile, Place, after, starting, unread
from exporter.database import Row
from exporter.errors import QueryFailed, TargetUnavailable
from exporter.fault import Fault
from exporter.logs import get_logger
from exporter.schedule import Timer, monotonic
from exporter.sqlfiles import query
from exporter.target import Target

log = get_logger("capture")

TIMEOUT_SECONDS = 30.0
PROBE_INTERVAL_SECONDS = 15.0
READ_BYTES = 1024 * 1024
LONGEST_RECORD = 8 * READ_BYTES
ROUND_BYTES = 8 * READ_BYTES
LEAST_BYTES = 64 * 1024
STALL_SECONDS = 10.0  # after so long nobody goes on writing half an entry
IDLE_PAUSE_SECONDS = 2.0  # between two rounds while nothing happens in the database
UNREADABLE_PAUSE_SECONDS = 5.0  # where there is no log to be read, which is looked into when the probe is due
IDLE_SECONDS = 10.0  # how often the position is confirmed while nothing is written
FAILURES_WAIT_SECONDS = 5.0  # after something has happened the position is confirmed in each round
LOCKED_OUT_SECONDS = 60.0  # after so long without handing anything over, not even the least, capture fails
BUSY = ("55P03", "57014")


@dataclass
class Stretch:
    """What was read in a round and is merged in the next, after the attempts that were announced meanwhile."""

    begin: Place | None  # None the first time
    end: Place
    looked_at: str  # when it was read, by the server's clock: what was logged before is in it, or behind
    behind: int = 0
    unparsed: int = 0
    gaps: int = 0
    entries: list[Entry | Crash] = field(default_factory=list)


class LogReader:
    """Reads on where the database says that it was read to, a round at a time."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._probe = Timer("probe", PROBE_INTERVAL_SECONDS)
        self._held: Stretch | None = None
        self._unsettled = True  # what an earlier run has left
        self.hurries = False  # whether an error was handed over that only waits for the write-ahead log to be read
        self._merged_at = 0.0
        self._stalled: tuple[str, int, float] | None = None
        self._budget = ROUND_BYTES  # of a round; less where the database does not take in so much in time
        self._busy_since: float | None = None  # the database takes nothing in
        self._missing: list[str] | None = None
        self._fault = Fault(log, "capture_failed", "capture_recovered", target=target.name, source="server_log")

    @property
    def pause(self) -> float:
        """Seconds from the beginning of a round for which no other one is needed."""
        if self._probe.due <= monotonic():  # also after a fault
            return 0.0
        if self._missing:
            return UNREADABLE_PAUSE_SECONDS
        return IDLE_PAUSE_SECONDS if self._target.is_idle else 0.0

    async def round(self) -> bool:
        """One round; whether it went well. Never raises for a fault of the database. A log that cannot be read is no
        fault: the level says so.
        """
        self.hurries = False
        try:
            if not await self._is_readable():
                self._busy_since = None
            elif await self._merge():
                await self._read()
        except (QueryFailed, TargetUnavailable) as error:
            self._held = None
            if not (isinstance(error, QueryFailed) and error.sqlstate in BUSY):
                self._probe.due = 0.0
            elif self._may_be_less():
                return True  # the next round tries again, with less
            self._fault.meet(error)
            return False
        if self._busy_since is not None and self._fault.lasts:
            return False  # it was read, which is not what fails
        self._fault.clear()
        return True

    def _may_be_less(self) -> bool:
        """Reads less from now on, as the database was too busy; False where the least has long been too much."""
        self._busy_since = self._busy_since or monotonic()
        least = self._budget <= LEAST_BYTES
        self._budget = max(self._budget // 2, LEAST_BYTES)
        return not least or monotonic() - self._busy_since < LOCKED_OUT_SECONDS

    async def _ask(self, name: str, **values: object) -> list[Row]:
        text = sql.SQL(query("serverlog", name)).format(**values)
        # the server ends what takes too long, and the session is kept; one that is silent even then is gone
        return await self._target.fetch(text, timeout=TIMEOUT_SECONDS + 1, statement_timeout=TIMEOUT_SECONDS)

    async def _is_readable(self) -> bool:
        if self._missing is None or self._probe.due <= monotonic():
            (row,) = await self._ask("probe")
            if row["missing"] != self._missing:
                log.info("server_log_probed", target=self._target.name, missing=row["missing"])
            self._missing = row["missing"]
            self._probe.done(monotonic())
        return not self._missing

    async def _merge(self) -> bool:
        """Hands over what is held; whether nothing is any more. Another exporter may be at it: in the next round."""
        held = self._held
        if held is None:
            return True
        idle = held.begin == held.end and not (held.entries or held.unparsed or held.gaps or self._unsettled)
        # failures may wait for a log that was read after them, also where nothing is in it
        idle = idle and not self._target.was_seen(FAILURES_WAIT_SECONDS)
        if idle and monotonic() < self._merged_at + IDLE_SECONDS:
            self._held = None
            return True
        (row,) = await self._ask("attempt_pids")
        pids = set(row["pids"])
        begin = None if held.begin is None else {"file": held.begin.file, "at": held.begin.at}
        items = [item for item in (told(entry, pids) for entry in held.entries) if item]
        *before, last = batches(items)
        for some in before:  # it takes in what it has already, too, should the rest not come
            if await self._hand_over({"from": begin, "entries": some}) is None:
                return False
        unsettled = await self._hand_over(
            {
                "from": begin,
                "to": {
                    "format": held.end.log_format,
                    "file": held.end.file,
                    "at": held.end.at,
                    "mark": held.end.mark.hex(),
                    "marked": held.end.mark_length,
                    "modified": held.end.modified_at.isoformat(),
                    "looked_at": held.looked_at,
                },
                "behind": held.behind,
                "unparsed": held.unparsed,
                "gaps": held.gaps,
                "entries": last,
            }
        )
        if unsettled is None:
            return False
        self._held = None
        self._busy_since = None
        self._budget = min(self._budget * 2, ROUND_BYTES)
        self._unsettled = unsettled > 0
        self.hurries = self._unsettled and bool(items)
        self._merged_at = monotonic()
        if held.gaps:
            log.warning("server_log_gap", target=self._target.name, file=held.end.file, gaps=held.gaps)
        return True

    async def _hand_over(self, batch: dict[str, object]) -> int | None:
        """How many errors still wait for their attempt; None where another exporter is at it."""
        # a text of the server holds no zero byte, and jsonb would refuse one
        (row,) = await self._ask("merge", batch=json.dumps(batch).replace("\\u0000", "\\ufffd"))
        unsettled: int | None = row["unsettled"]
        return unsettled

    async def _read(self) -> None:
        (row,) = await self._ask("position")
        files = [LogFile(**row) for row in await self._ask("files")]  # what was logged by then is there
        looked_at = row.pop("looked_at")
        if not files:
            self._missing = None
            return
        database, encoding = row.pop("database_name"), codec(row.pop("encoding"))
        if row["file_name"] is None:
            newest = files[-1]
            mark = await self._bytes(newest.file_name, max(newest.size - MARK_BYTES, 0), min(newest.size, MARK_BYTES))
            self._held = Stretch(None, Place.of(newest, newest.size, mark), looked_at)
            return
        begin = Place(
            row["log_format"], row["file_name"], row["read_to"], row["mark"], row["mark_length"], row["modified_at"]
        )
        stretch = Stretch(begin, begin, looked_at)
        here, at, tail = await self._find(begin, files, stretch)
        budget = self._budget
        while budget > 0:
            size = min(READ_BYTES, self._budget)
            content = await self._bytes(here.file_name, at, size)
            while len(content) == size < LONGEST_RECORD and ends_within(content, here.log_format, 0)[0] < 0:
                content += await self._bytes(here.file_name, at + size, READ_BYTES)
                size += READ_BYTES
            whole = len(content) < size  # read to the end
            stalled = whole and (not here.is_current or self._has_stalled(here.file_name, at, len(content)))
            scanned = scan(content, here.log_format, database, encoding, stalled=stalled)
            stretch.entries += scanned.entries
            stretch.unparsed += scanned.unparsed
            consumed = scanned.consumed
            tail = (tail + content[:consumed])[-MARK_BYTES:]
            if not whole and not consumed and (consumed := await self._skip(here, at, content)):
                stretch.unparsed += 1
                start = max(at + consumed - MARK_BYTES, 0)
                tail = await self._bytes(here.file_name, start, at + consumed - start)
            at += consumed
            budget -= max(len(content), 1)
            if whole and not here.is_current and (following := after(here, files)):
                here, at, tail = following, 0, b""
            elif whole or not consumed:
                break
        stretch.end = Place.of(here, at, tail)
        stretch.behind = unread(here, at, files)
        self._held = stretch
        if stretch.entries:
            self._target.saw()

    async def _bytes(self, file: str, offset: int, length: int) -> bytes:
        (row,) = await self._ask("read", file=file, offset=offset, length=length)
        return bytes(row["content"] or b"")

    async def _find(self, place: Place, files: list[LogFile], stretch: Stretch) -> tuple[LogFile, int, bytes]:
        """The file that was read last, under its name or, where it was renamed or copied away, another; the file after
        it and a gap where neither is left.
        """
        candidates = [file for file in files if file.size >= place.at and file.file_name.startswith(place.file)]
        candidates.sort(key=lambda file: (file.file_name != place.file, -files.index(file)))
        for file in candidates[:5]:
            mark = await self._bytes(file.file_name, place.at - place.mark_length, place.mark_length)
            if hashlib.sha256(mark).digest() == place.mark:
                return file, place.at, mark
        stretch.gaps += 1
        return starting(place, files), 0, b""

    def _has_stalled(self, file: str, at: int, length: int) -> bool:
        """Whether half an entry has stood at the end of the current file for long."""
        if not length:
            self._stalled = None
        elif self._stalled is None or self._stalled[:2] != (file, at):
            self._stalled = file, at, monotonic()
        return self._stalled is not None and monotonic() - self._stalled[2] > STALL_SECONDS

    async def _skip(self, file: LogFile, at: int, content: bytes) -> int:
        """Length of a record that is too long to be read; 0 where it has no end yet."""
        end, quotes = ends_within(content, file.log_format, 0)
        done = len(content)
        while end < 0:
            more = await self._bytes(file.file_name, at + done, READ_BYTES)
            if not more:
                return 0 if file.is_current else done
            end, quotes = ends_within(more, file.log_format, quotes)
            if end >= 0:
                return done + end
            done += len(more)
        return end
