"""What every step of the story works with."""

from __future__ import annotations

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

OPERATIONS = "script_tracking_operations_total"
ENDED = (
    "select count(*) from script_tracking.script_execution_s"
    " where load_end_date is null and execution_status <> 'RUNNING'"
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


def failure_ratio(scrape: Scrape, tenant: str) -> tuple[float, float, float]:
    """Ratio, failures and executions of a tenant, as the alert counts them: every final status, from 0 at the start."""
    by_status = scrape.totals(OPERATIONS, "status", tenant=tenant)
    failures = by_status.get("FAILED", 0) + by_status.get("INTERRUPTED", 0)
    executions = sum(by_status.values())
    return (failures / executions if executions else 0.0), failures, executions
