"""The record beside the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from benchmarks.soak.statements import MARK
from benchmarks.soak.truth import Outcome

RECORDED = """
select s.sql_command, s.execution_status, s.metadata ->> 'sqlstate', s.error_message
from script_tracking.script_execution_s as s
where s.load_end_date is null and s.script_type = 'DDL' and s.sql_command like '%/* soak %'
"""


OUTCOMES = ("COMPLETED", "FAILED", "INTERRUPTED", "ROLLED_BACK")


@dataclass
class Comparison:
    """How many statements ended in which way, and whether the record says the same of each."""

    truth: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def untried(self) -> list[str]:
        """Outcomes that no statement had: of these the comparison says nothing."""
        return [status for status in OUTCOMES if not self.truth[status]]

    @property
    def is_whole(self) -> bool:
        """Whether the record is the truth."""
        return not (self.missing or self.different or self.duplicates or self.unknown)


def recorded(dsn: str) -> dict[str, list[Outcome]]:
    """Current versions of the record, by mark."""
    found: dict[str, list[Outcome]] = defaultdict(list)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for text, status, sqlstate, message in connection.execute(RECORDED):
            mark = MARK.search(text)
            if mark is not None:
                found[mark[1]].append(Outcome(status, sqlstate, message))
    return found


def compare(truth: Mapping[str, Outcome], record: Mapping[str, list[Outcome]]) -> Comparison:
    """Lays them side by side; a failure must have the server's SQLSTATE and message."""
    comparison = Comparison()
    for mark, outcome in truth.items():
        comparison.truth[outcome.status] += 1
        entries = record.get(mark, [])
        if not entries:
            comparison.missing.append(f"{mark}: {outcome.status} {outcome.sqlstate or ''}".rstrip())
        elif len(entries) > 1:
            comparison.duplicates.append(f"{mark}: {outcome} in the log, {entries} in the record")
        elif entries[0].status == outcome.status and (outcome.status != "FAILED" or entries[0] == outcome):
            comparison.agreed[outcome.status] += 1
        else:
            comparison.different.append(f"{mark}: {outcome} in the log, {entries[0]} in the record")
    comparison.unknown = [f"{mark}: {record[mark][0]}" for mark in record if mark not in truth]
    return comparison
