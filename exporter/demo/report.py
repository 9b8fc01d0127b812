"""How it goes, in one line, and how it went, in a few."""

from __future__ import annotations

import statistics
import time

import psycopg

from exporter.demo.exposition import Scrape
from exporter.demo.playground import Playground
from exporter.demo.scene import OPERATIONS
from exporter.demo.terminal import Terminal
from exporter.errors import TargetUnavailable

TRACKING_SECONDS = "script_tracking_tracking_seconds_total"
LOST = "script_tracking_lost_records_total"
BY_STATUS = (
    "select execution_status, count(*) from script_tracking.script_execution_s"
    " where load_end_date is null group by 1 order by 2 desc"
)
COST = (
    "select count(*), percentile_cont(0.5) within group (order by tracking_us) / 1000 as median_ms,"
    " percentile_cont(0.5) within group (order by duration_us) / 1000 as duration_ms"
    " from (select (metadata ->> 'tracking_us')::float8 as tracking_us,"
    " (metadata ->> 'duration_us')::float8 as duration_us"
    " from script_tracking.script_execution_s where load_end_date is null and script_type = 'DDL') as ddl"
)
PAIRS = 60
COMMENT = "comment on table acme.customer is 'who buys'"
LOSSES = "select last_value, is_called from script_tracking_internal.lost_record_seq"


def progress(scrape: Scrape, seconds: float) -> str:
    """What the counters say now."""
    clock = f"{round(seconds) // 60}:{round(seconds) % 60:02d}"
    if scrape.value("script_tracking_up") != 1:
        return f"  {clock}  script_tracking_up 0"
    by_status = scrape.totals(OPERATIONS, "status")
    parts = [
        f"{sum(by_status.values()):.0f} executions",
        f"{by_status.get('COMPLETED', 0):.0f} completed",
        f"{by_status.get('FAILED', 0):.0f} failed",
        f"{scrape.total('script_tracking_operations_running'):.0f} running",
        f"{scrape.total(LOST):.0f} lost",
    ]
    return f"  {clock}  up 1  " + "  ".join(parts)


async def summarise(terminal: Terminal, playground: Playground, scrape: Scrape, seconds: float) -> None:
    """Executions by status, losses and cost; as the record has them, with the counters of the last scrape beside."""
    terminal.line()
    terminal.line(f"Summary after {seconds:.0f} s", "step")
    try:
        statuses = await playground.ask(None, BY_STATUS)
        (cost,) = await playground.ask(None, COST)
        (lost,) = await playground.ask(None, LOSSES)
    except TargetUnavailable:
        terminal.fact("nothing", "the database does not answer just now")
        return
    total = sum(row["count"] for row in statuses)
    terminal.fact(
        "executions", f"{total}: " + ", ".join(f"{row['count']} {row['execution_status']}" for row in statuses)
    )
    losses = lost["last_value"] if lost["is_called"] else 0
    terminal.fact("records lost", f"{losses}", "bad" if losses else "good")
    operations, spent = scrape.total(OPERATIONS), scrape.total(TRACKING_SECONDS)
    if operations:
        terminal.fact(
            "cost, all",
            f"{spent / operations * 1000:.2f} ms per execution: {TRACKING_SECONDS} {spent:.2f} / {operations:.0f}",
        )
    if cost["count"]:
        terminal.fact(
            "cost, DDL",
            f"median {cost['median_ms']:.2f} ms of {cost['count']} statements; the insert of the record itself is not"
            " in it",
        )
    pair = await with_and_without(playground)
    if pair is not None:
        terminal.fact("cost, whole", added(*pair))


def added(tracked: float, untracked: float) -> str:
    """What the medians of a COMMENT ON say, in milliseconds; a machine that is busy may hide the difference."""
    waits = f"its client waits {tracked:.2f} ms, without tracking {untracked:.2f} ms"
    how = f"(medians of {PAIRS} each in turns, not waiting for the disk)"
    if tracked <= untracked:
        return f"hidden by what else this machine does: of a COMMENT ON {waits} {how}"
    return f"{tracked - untracked:.2f} ms added to a COMMENT ON: {waits} {how}"


async def with_and_without(playground: Playground) -> tuple[float, float] | None:
    """Milliseconds of a COMMENT ON with and without the triggers, one client; None where they cannot be left out."""
    milliseconds: dict[str, list[float]] = {"on": [], "off": []}
    connection = await playground.open(None)
    async with connection:
        await connection.execute("set synchronous_commit = off")  # the disk's time is the same, and hides the rest
        try:
            for _ in range(PAIRS):
                for setting, found in milliseconds.items():
                    await connection.execute(f"set event_triggers = {setting}".encode())
                    began = time.perf_counter()
                    await connection.execute(COMMENT.encode())
                    found.append((time.perf_counter() - began) * 1000)
        except psycopg.ProgrammingError:  # PostgreSQL 17 and newer have the setting, for superusers
            return None
    return statistics.median(milliseconds["on"]), statistics.median(milliseconds["off"])
