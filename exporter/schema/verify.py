"""What an auditor wants to know of an installation, each as a named check."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from exporter import sqlfiles
from exporter.database import Connection, Row, failures_named, guarded
from exporter.errors import SchemaError
from exporter.schema.drift import differences, read_standing, released
from exporter.schema.installer import run
from exporter.schema.pause import Pause, read_pause, wants_event_triggers
from exporter.schema.plan import make_plan, read_ledger
from exporter.sqlfiles import CodeFile

_FUNCTION = re.compile(
    r"^create or replace function (\S+?)\(.*?^as (\$\w*\$)(.*?)\2;", re.DOTALL | re.MULTILINE | re.IGNORECASE
)
_SETTING = re.compile(r"^set (\S+) = (.+?)(?:\s+--.*)?$", re.MULTILINE)


_FUNCTION_NAME = re.compile(r"function ([^(]+)\(")
NOT_PAUSED = "tracking_not_paused"
_STRUCTURE = ("is", "column", "constraint", "index", "view", "rule", "trigger")


@dataclass(frozen=True)
class Check:
    """One check, whether it held, and what it asks for."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Function:
    """What makes a function do what it does: its text, whose rights it has, and its pinned settings."""

    body: str
    security_definer: bool
    settings: frozenset[str]


async def verify(connection: Connection, base: Path | None = None) -> list[Check]:
    """Runs every check. A schema that is not installed is one failed check; an edited migration another."""
    try:
        ledger = await read_ledger(connection)
    except SchemaError as error:
        return [Check("installed", False, str(error))]
    if not ledger.code:
        return [Check("installed", False, "the schema is not installed")]
    try:
        plan = make_plan(ledger, base)
        up_to_date = Check("ledger_matches_program", plan.is_empty, "every migration and code file as released")
    except SchemaError as error:
        up_to_date = Check("ledger_matches_program", False, str(error))
    async with failures_named("verifying the schema"), guarded(connection, read_only=True):
        wanted = await wants_event_triggers(connection)
        rows = await run(connection, "verify", module="verify")
        functions = await run(connection, "functions", module="verify")
        standing = await read_standing(connection)
        pause = await read_pause(connection)
    release = released(base, ledger.options)
    attributes = differences(standing, release, ("is",), re.compile("function "))
    objects = differences(standing, release, _STRUCTURE, re.compile("(?!function )"))
    grants = differences(standing, release, ("grant",), re.compile(""))
    return [
        up_to_date,
        _not_paused(pause),
        # a pause takes the event triggers away, and a service that lets nobody make one never had them
        *(
            Check(row["name"], row["ok"], row["detail"])
            for row in rows
            if not ((pause or not wanted) and _is_event_trigger(row["name"]))
        ),
        _compare(functions, sqlfiles.code_files(base, ledger.options), attributes),
        _found("objects_as_released", "tables, columns, indexes, constraints, views, sequences as released", objects),
        _found("grants_as_released", "every right as released, and nobody else's", grants),
    ]


def _not_paused(pause: Pause | None) -> Check:
    wanted = "DDL is recorded, unless a superuser pauses it"
    return Check(NOT_PAUSED, pause is None, f"{wanted}; {pause}; resume_tracking() ends it" if pause else wanted)


def _is_event_trigger(check: str) -> bool:
    return check.startswith("event_trigger_")


def _found(name: str, wanted: str, different: list[str]) -> Check:
    return Check(name, not different, wanted + (f"; {'; '.join(different)}" if different else ""))


def _compare(rows: Iterable[Row], files: Iterable[CodeFile], attributes: Iterable[str]) -> Check:
    """The functions of the catalog against the released text; of `attributes` (language, volatility and the like) it
    is known already what differs.
    """
    found: dict[str, list[Function]] = {}
    for row in rows:
        function = Function(row["body"], row["security_definer"], frozenset(map(_setting, row["settings"] or [])))
        found.setdefault(row["name"], []).append(function)
    texts = dict(function for file in files for function in _released(file))
    different = {name for name in found.keys() | texts.keys() if name not in texts or found.get(name) != [texts[name]]}
    different |= {match[1] for match in map(_FUNCTION_NAME.search, attributes) if match}
    detail = "every function, and no other, as released" + (
        f"; not so: {', '.join(sorted(different))}" if different else ""
    )
    return Check("functions_as_released", not different, detail)


def _released(file: CodeFile) -> Iterable[tuple[str, Function]]:
    for match in _FUNCTION.finditer(file.text):
        header = match[0][: match.start(2) - match.start()]
        settings = frozenset(f"{name.lower()}={value.replace(chr(39), '')}" for name, value in _SETTING.findall(header))
        yield match[1], Function(match[3], "security definer" in header, settings)


def _setting(text: str) -> str:
    name, _, value = text.partition("=")
    return f"{name.lower()}={value}"
