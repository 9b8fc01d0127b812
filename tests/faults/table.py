"""All faults, and the page that tells what a run has shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.faults import database, network, program, server
from tests.faults.fault import COUNTER, Fault, Outcome

GROUPS: Mapping[str, Sequence[Fault]] = {
    "The server": server.CASES,
    "The way to it": network.CASES,
    "The database": database.CASES,
    "The exporter": program.CASES,
}
CASES: Sequence[Fault] = [case for cases in GROUPS.values() for case in cases]
HEAD = (
    "| fault | `/metrics` of that target | `/-/ready` | the log, in order | shows after | well again after |\n"
    "|---|---|---|---|---|---|\n"
)


def page(outcomes: Sequence[Outcome], intro: str) -> str:
    """The page of docs/."""
    told = {outcome.fault.name: outcome for outcome in outcomes}
    parts = [intro]
    for heading, cases in GROUPS.items():
        rows = [row(told[case.name]) for case in cases if case.name in told]
        if rows:
            parts.append(f"## {heading}\n\n{HEAD}" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def row(outcome: Outcome) -> str:
    """A row of Markdown."""
    fault = outcome.fault
    log = ", ".join(f"`{event}`" for event in outcome.events) or "nothing"
    return (
        f"| {fault.name} | {shown(fault)} | {outcome.ready} | {log} "
        f"| {outcome.shown:.1f} s (held to {fault.within:g} s) "
        f"| {outcome.recovered:.1f} s (held to {fault.recovers:g} s) |"
    )


def shown(fault: Fault) -> str:
    """What `/metrics` shows of a fault."""
    return "; ".join(_short(name, value) for name, value in fault.shows.items())


def _short(name: str, value: float | None) -> str:
    """A sample without the prefix and the label that all have."""
    if name == COUNTER:
        return "its values withdrawn"
    short = name.removeprefix("script_tracking_").replace(',target="shop"', "").replace('{target="shop"}', "")
    if "{" not in short and " " in short:
        return short if value == 1 else f"{short}: no"
    return f"`{short}` {value:g}"
