"""Judges the captured DDL of one target by the rules that hold, where there are any."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from exporter.changes.calendar import is_in_force, is_open
from exporter.changes.references import RuleBook
from exporter.changes.rules import Rules
from exporter.database import Row
from exporter.errors import QueryFailed, TargetUnavailable
from exporter.fault import Fault
from exporter.logs import get_logger
from exporter.sqlfiles import query
from exporter.target import Target

log = get_logger("changes")

TIMEOUT_SECONDS = 60.0
VERSIONS = 2000  # of which a batch is made, most of them no DDL


@dataclass
class Judge:
    """Judges what has come, once, whichever of several exporters comes first; `book` is None where nothing is to be."""

    target: Target
    book: RuleBook | None = None
    lag: float = field(default=0.0, init=False)  # in seconds
    last_success: float | None = field(default=None, init=False)  # in seconds of the epoch
    _fault: Fault = field(init=False)

    def __post_init__(self) -> None:
        self._fault = Fault(log, "judging_failed", "judging_recovered", target=self.target.name)

    def windows(self) -> dict[str, bool]:
        """Whether each window of the target is open now."""
        now, windows = datetime.now(UTC), () if self.book is None else self.book.config.windows
        return {each.name: is_open(each, now) for each in windows if each.is_for(self.target.name)}

    def freezes(self) -> dict[str, bool]:
        """Whether each freeze of the target is in force now."""
        now, freezes = datetime.now(UTC), () if self.book is None else self.book.config.freezes
        return {each.name: is_in_force(each, now) for each in freezes if each.is_for(self.target.name)}

    async def round(self) -> bool | None:
        """Judges all that has come; whether it went well, None where the database does not answer. Never raises for a
        fault of the database.
        """
        assert self.book is not None
        if await self.book.rules() is None:
            return False  # which is told of the file
        try:
            while True:
                statement = sql.SQL(query("changes", "unjudged")).format(versions=VERSIONS)
                (batch,) = await self.target.fetch(statement, timeout=TIMEOUT_SECONDS)
                if batch["is_due"] and not await self._judge(batch, self.book):
                    return False
                if not batch["more"]:
                    break
        except TargetUnavailable:
            return None  # which is told of otherwise
        except QueryFailed as error:
            if not error.is_locked_out:
                self._fault.meet(error)
                return False
            return True  # another one is at it, or the schema is being changed: the next round will do
        self.lag, self.last_success = batch["lag_seconds"] or 0.0, time.time()
        self._fault.clear()
        return True

    async def _judge(self, batch: Row, book: RuleBook) -> bool:
        """Judges a batch and notes it; False where that has to wait for a file of references."""
        rules = await book.rules()  # asked once the DDL is there: a reference that was approved before it is in there
        if rules is None:
            self.lag = batch["lag_seconds"] or 0.0
            return False
        statement = sql.SQL(query("changes", "note")).format(
            incarnation=batch["incarnation"],
            from_xid=batch["from_xid"],
            to_xid=batch["to_xid"],
            # beside the loop: what one transaction wrote may be much
            judgements=await asyncio.to_thread(judged, rules, self.target.name, batch["executions"]),
            rules=json.dumps(rules.described, sort_keys=True),
        )
        (row,) = await self.target.fetch(statement, timeout=TIMEOUT_SECONDS)
        if row["noted"]:
            self.target.saw()
            log.debug("ddl_judged", target=self.target.name, judged=row["noted"])
        return True


def judged(rules: Rules, target: str, executions: Sequence[dict[str, Any]]) -> str:
    """What is made of executions, as JSON."""
    made = []
    for each in executions:
        judgement = rules.judge(target, each["tenant"], datetime.fromisoformat(each["began"]), each["claimed"])
        made.append(
            {
                "hk": each["hk"],
                "began": each["began"],
                "verdict": judgement.verdict,
                "reference_state": judgement.reference,
                "window_name": judgement.window,
                "approved_by": judgement.approved_by,
            }
        )
    return json.dumps(made)
