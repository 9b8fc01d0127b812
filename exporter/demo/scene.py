"""What every step of the story works with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from exporter.database import Row
from exporter.demo.exposition import Scrape
from exporter.demo.monitoring import Monitoring
from exporter.demo.playground import Playground
from exporter.demo.terminal import Terminal
from exporter.demo.watcher import Watcher
from exporter.demo.workload import Workload
from exporter.schedule import monotonic

# on a busy machine capture reads late, and so does the exporter what it captured
SEEN_SECONDS = 60.0
CAUGHT_UP_SECONDS = 120.0
OPERATIONS = "script_tracking_operations_total"
ENDED = (
    "select count(*) from script_tracking.script_execution_s"
    " where load_end_date is null and execution_status <> 'RUNNING'"
)
OF_CHANGE = (
    "select script_name, execution_status from script_tracking.get_execution_history(1)"
    " where metadata ->> 'claimed_change_ref' = '{}' order by execution_timestamp"
)


@dataclass
class Scene:
    """The parts, and the last look at the record, which repeat() prints."""

    terminal: Terminal
    playground: Playground
    watcher: Watcher
    workload: Workload
    monitoring: Monitoring | None
    _asked: tuple[str, Sequence[str]] = field(default=("", ()), init=False)

    async def look(self, role: str | None, *statements: str) -> list[Row]:
        """Rows of the last of some statements, run as a role; None is the superuser."""
        self._asked = (self.playground.shown(role), statements)
        return await self.playground.ask(role, *statements)

    def repeat(self, *, verbose: bool = False) -> None:
        """Prints what repeats the last look; verbose, it shows SQLSTATEs."""
        self.terminal.psql(self._asked[0], *self._asked[1], verbose=verbose)

    async def refused(self, label: str, role: str | None, *statements: str) -> None:
        """Tries something in earnest, and says with what it was refused."""
        try:
            await self.look(role, *statements)
        except psycopg.Error as error:
            reason = str(error.diag.message_primary).rpartition(": ")[2]
            self.terminal.fact(label, f"refused, SQLSTATE {error.sqlstate}: {reason}", "good")
        else:
            self.terminal.fact(label, "was not refused", "bad")

    async def ended(self) -> int:
        """How many executions the record holds that have ended."""
        (row,) = await self.playground.ask(None, ENDED)
        return int(row["count"])

    async def level(self) -> str:
        """The level of capture, as of now: what the metrics say of it is seconds old."""
        (row,) = await self.playground.ask(None, "select capture_level from script_tracking_internal.installation")
        return str(row["capture_level"])

    async def recorded(self, change_ref: str, expected: int, seconds: float = SEEN_SECONDS) -> list[Row]:
        """What acme's reader finds under a change reference, once it is that much or long enough was waited for."""
        end = monotonic() + seconds
        rows: list[Row] = []
        while len(rows) < expected and monotonic() < end:
            await asyncio.sleep(0.2)
            rows = await self.look("acme_reader", OF_CHANGE.format(change_ref))
        return rows

    async def caught_up(self, change_ref: str) -> None:
        """Waits until capture has read all that happened so far, and this: a rollback under that reference."""
        if await self.level() == "basic":
            return
        table = "create table acme.never ()"
        change = f"set script_tracking.change_ref = '{change_ref}'"
        await self.playground.ask("acme_dev", change, "begin", table, "rollback")
        await self.recorded(change_ref, 1, CAUGHT_UP_SECONDS)


def failure_ratio(scrape: Scrape, tenant: str) -> tuple[float, float, float]:
    """Ratio, failures and executions of a tenant, as the alert counts them: every final status, from 0 at the start."""
    by_status = scrape.totals(OPERATIONS, "status", tenant=tenant)
    failures = by_status.get("FAILED", 0) + by_status.get("INTERRUPTED", 0)
    executions = sum(by_status.values())
    return (failures / executions if executions else 0.0), failures, executions
