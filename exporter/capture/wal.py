"""Attempts that are announced in the write-ahead log, read through a logical slot."""

from __future__ import annotations

from psycopg import sql

from exporter.database import Row
from exporter.errors import QueryFailed, TargetUnavailable
from exporter.fault import Fault
from exporter.logs import get_logger
from exporter.schedule import Timer, monotonic, restart
from exporter.sqlfiles import query
from exporter.target import Target
from exporter.targetconfig import CaptureConfig

log = get_logger("capture")

TIMEOUT_SECONDS = 60.0
SLOT_SECONDS = 10.0  # to make a slot the server waits for the transactions under way, and holds the horizon meanwhile
READING_SECONDS = 5.0  # then the other readers have their turn
SLOW_READ_SECONDS = 1.0  # the next read begins in a fresh session
PROBE_INTERVAL_SECONDS = 15.0
ADVANCE_INTERVAL_SECONDS = 30.0
PURGE_INTERVAL_SECONDS = 300.0
JUDGE_INTERVAL_SECONDS = 15.0  # of a database in which nothing is announced
IDLE_PAUSE_SECONDS = 2.0  # between two rounds there
BASIC_PAUSE_SECONDS = 5.0  # where nothing can be announced, but something happens
LOCKED_OUT_SECONDS = 60.0  # another exporter has its turn for no longer

OBJECT_IN_USE = "55006"  # another exporter reads the slot at the moment
INTERNAL_ERROR = "XX000"  # what cannot be decoded, such as DDL before its database moved to another tablespace
MOST_UNREADABLE = 3  # times in a row, then it will never be
UNDEFINED_OBJECT = "42704"  # no slot any more, or a stretch of the log in which the publication did not exist


class AttemptReader:
    """Reads, judges and records attempts, a round at a time; keeps the slot, and drops it where it becomes a danger."""

    def __init__(self, target: Target, config: CaptureConfig) -> None:
        self._target = target
        self._config = config
        self._probe = Timer("probe_capture", PROBE_INTERVAL_SECONDS)
        self._advance = Timer("advance_messages", ADVANCE_INTERVAL_SECONDS)
        self._purge = Timer("purge_attempts", PURGE_INTERVAL_SECONDS)
        self._judge = Timer("judge_attempts", JUDGE_INTERVAL_SECONDS)
        self._era: int | None = None  # of the sessions, when the database was last told how to capture
        self._found: tuple[str, str] | None = None  # level, and what keeps it from being higher
        self._fault = Fault(log, "capture_failed", "capture_recovered", target=target.name, source="wal")
        self._unreadable = 0
        self._was_slow = False
        self._waits_since: float | None = None  # for its turn

    @property
    def pause(self) -> float:
        """Seconds from the beginning of a round for which no other one is needed."""
        if self._probe.due <= monotonic():  # also after a fault
            return 0.0
        if self._is_basic:
            return JUDGE_INTERVAL_SECONDS if self._target.is_idle else BASIC_PAUSE_SECONDS
        return IDLE_PAUSE_SECONDS if self._target.is_idle else 0.0

    @property
    def _is_basic(self) -> bool:
        """Whether nothing can be announced, as far as is known."""
        return self._found is not None and self._found[0] == "basic"

    async def round(self) -> bool:
        """One round; whether it went well. Never raises for a fault of the database."""
        try:
            await self._round()
        except (QueryFailed, TargetUnavailable) as error:
            if isinstance(error, QueryFailed) and (error.is_locked_out or error.sqlstate == OBJECT_IN_USE):
                return True  # the next round tries again
            self._fault.meet(error)
            self._probe.due = 0.0
            return False
        self._fault.clear()
        return True

    async def _round(self) -> None:
        era = self._target.sessions.era
        if self._era != era:  # the server may be another one now, or another role's
            await self._ask(
                "configure_capture",
                slot_wanted=self._config.slot != "off",
                slot_bound=self._config.slot_max_bytes,
            )
            restart((self._probe, self._advance, self._judge))
            self._era = era
            self._waits_since = None
        if self._probe.due <= monotonic():
            if not self._is_basic:  # or the round looks after the slot anyway
                await self._guard(None)
            await self._find_level()
            self._probe.done(monotonic())
        if self._purge.due <= monotonic():
            await self._ask(self._purge.job)
            self._purge.done(monotonic())
        if self._found is not None and not self._is_basic:
            await self._read()
        else:
            self._waits_since = None
            row = await self._ask("idle_round")
            self._note_dropped(row["dropped"])
            if row["judged"]:
                self._target.saw()

    async def _ask(self, name: str, *, statement_timeout: float = 0, **values: object) -> Row:
        text = sql.SQL(query("capture", name)).format(**values)
        (row,) = await self._target.fetch(text, timeout=TIMEOUT_SECONDS, statement_timeout=statement_timeout)
        return row

    async def _guard(self, broken: str | None) -> None:
        """Drops the slot where it must not stand."""
        self._note_dropped((await self._ask("guard_slot", broken=broken))["dropped"])

    def _note_dropped(self, dropped: str | None) -> None:
        if dropped is not None:
            log.warning("capture_slot_dropped", target=self._target.name, reason=dropped)
            self._probe.due = 0.0

    async def _find_level(self) -> None:
        """Asks which level can be had; where nothing but the slot is missing, makes it and asks again."""
        row = await self._ask("probe_capture")
        if row["lacks"] == "slot":
            try:
                await self._ask("begin_slot", statement_timeout=SLOT_SECONDS)
            except QueryFailed as error:
                await self._ask("note_slot_failure", failure=str(error))
            else:
                log.info("capture_slot_made", target=self._target.name)
            row = await self._ask("probe_capture")
        found = (row["level"], row["lacks"])
        if found != self._found:
            log.info("capture_level", target=self._target.name, reached=row["level"], missing=row["missing"])
        self._found = found

    async def _read(self) -> None:
        """First what sessions do, then the log up to that moment, then the verdicts; again while that brings more."""
        end = monotonic() + READING_SECONDS
        while monotonic() < end:
            self._freshen()
            begun = await self._ask("begin_round")
            if begun["dropped"] is not None:
                self._note_dropped(begun["dropped"])
                return
            began = monotonic()
            try:
                row = await self._ask("read_messages")
            except QueryFailed as error:
                self._unreadable = self._unreadable + 1 if error.sqlstate == INTERNAL_ERROR else 0
                if error.sqlstate == UNDEFINED_OBJECT or self._unreadable >= MOST_UNREADABLE:
                    self._unreadable = 0
                    await self._guard(str(error))
                raise
            self._unreadable = 0
            if row["started"] is None:  # no slot, or another exporter is at it
                self._probe.due = 0.0
                await self._count_lockout()
                return
            self._waits_since = None
            log.debug("messages_read", target=self._target.name, started=row["started"], refused=row["refused"])
            if row["refused"]:
                log.warning("capture_message_refused", target=self._target.name, messages=row["refused"])
            seen = row["started"] or row["refused"] or row["behind"]
            if begun["written"] or seen or self._advance.due <= monotonic():
                await self._ask("advance_messages")
                self._advance.done(monotonic())
            self._was_slow = monotonic() - began > SLOW_READ_SECONDS
            if begun["open"] or seen:
                self._target.saw()
            if not self._target.is_idle or self._judge.due <= monotonic():
                await self._ask("judge_attempts")
                self._judge.done(monotonic())
            if not row["started"] and not row["behind"]:
                return

    def _freshen(self) -> None:
        """A session without the plans of the judging functions, where there is much to decode.

        Each invalidation that DDL has left in the log is carried out, and looks through all plans of the session.
        """
        if self._was_slow:
            self._was_slow = False
            self._target.sessions.retire()

    async def _count_lockout(self) -> None:
        """Raises QueryFailed, with who has it, where the turn has not come for long: nothing is read meanwhile."""
        self._waits_since = self._waits_since or monotonic()
        if monotonic() - self._waits_since >= LOCKED_OUT_SECONDS:
            holders = (await self._ask("holders"))["holders"]
            raise QueryFailed(f"kept from its turn for {LOCKED_OUT_SECONDS:g} s; who has it: {holders}")
