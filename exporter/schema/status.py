"""`schema status`: what is installed, what it takes and what it will take."""

from __future__ import annotations

import json

from exporter import sqlfiles
from exporter.database import Connection, Row, failures_named
from exporter.errors import QueryFailed, SchemaError
from exporter.schema.installer import run
from exporter.schema.pause import NOT_THERE, read_pause
from exporter.schema.plan import make_plan, read_ledger

UNITS = ("bytes", "kB", "MB", "GB", "TB")


async def status(connection: Connection, name: str, *, as_json: bool) -> int:
    """Prints it; 1 where there is a problem."""
    found = await _installed(connection, name)
    storage = await _storage(connection) if found["state"] in ("up to date", "upgrade due") else None
    if as_json:
        print(json.dumps({**found, "storage": storage}))
    else:
        lines = {key.replace("_", " "): _told(value, key) for key, value in found.items()}
        lines |= {} if storage is None else _described(storage)
        print("\n".join(f"{key}: {value}" for key, value in lines.items()))
    return 1 if found["problem"] else 0


async def _installed(connection: Connection, name: str) -> dict[str, object]:
    found: dict[str, object] = {
        "target": name,
        "state": "refused",
        "installed_version": None,
        "program_version": len(sqlfiles.migrations()),
        "pending_migrations": [],
        "changed_code": [],
        "options": [],
        "paused": None,
        "problem": None,
    }
    try:
        ledger = await read_ledger(connection)
        found["installed_version"] = ledger.version
        found["options"] = sorted(ledger.options)
        plan = make_plan(ledger)
        if ledger.version == 0:
            found["state"] = "not installed"
        elif ledger.is_record_only:
            found["state"] = "uninstalled, record kept"
        else:
            found["state"] = "up to date" if plan.is_empty else "upgrade due"
            found["changed_code"] = [*(file.path for file in plan.code), *plan.obsolete]
        pause = await read_pause(connection)
        found["paused"] = str(pause) if pause else None
        found["pending_migrations"] = [migration.path for migration in plan.migrations]
    except SchemaError as error:
        found["problem"] = str(error)
    return found


async def _storage(connection: Connection) -> Row | None:
    """The report; None too where the schema has none yet or the role may not read it."""
    try:
        async with failures_named("asking what the record takes"), connection.transaction():
            (row,) = await run(connection, "storage")
    except QueryFailed as error:
        if error.sqlstate not in NOT_THERE:
            raise
        return None
    return row


def _described(storage: Row) -> dict[str, str]:
    days = storage["retention_days"]
    executions, growth = storage["executions_per_day"], storage["growth_bytes_per_day"]
    horizons = {days: storage[f"bytes_in_{days}_days"] for days in (30, 90, 365)}
    seconds, statements = storage["ddl_tracking_seconds"], storage["ddl_statements"]
    return {
        "record": f"{_bytes(storage['vault_bytes'])}, its indexes {_bytes(storage['vault_index_bytes'])}",
        "derived tables": _bytes(storage["derived_bytes"]),
        "internal tables": _bytes(storage["internal_bytes"]),
        "executions": f"{storage['executions']}, {_bytes(storage['bytes_per_execution'])} each",
        "growth": f"{_number(executions)} executions and {_bytes(growth)} a day",
        "cost of a DDL statement": f"{_milliseconds(seconds)} and {_bytes(storage['ddl_bytes'])}, {statements} so far",
        "retention": "for good" if days is None else f"{days} days at the longest",
        "forecast": "unknown before a thousand executions"
        if None in horizons.values()
        else ", ".join(f"{_bytes(size)} in {horizon} days" for horizon, size in horizons.items()),
    }


def _bytes(value: float | None) -> str:
    """As a person reads it, three digits."""
    if value is None:
        return "unknown"
    power = 0
    while value >= 999.5 and power < len(UNITS) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.3g} {UNITS[power]}" if power else f"{value:.0f} bytes"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f}"


def _milliseconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value * 1000:.2f} ms"


def _told(value: object, key: str) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if value is None:
        return "no" if key == "paused" else "none"
    return "none" if (key, value) == ("installed_version", 0) else str(value)
