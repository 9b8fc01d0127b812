"""What the sessions do: DDL whose every statement carries a mark, so that log and record can be laid side by side."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

MARK = re.compile(r"/\* soak (\d+-\d+) \*/")
SHARED = "shared"  # one table that sessions wait for and time out on


@dataclass(frozen=True)
class Script:
    """Statements that a session sends one after the other; `transactional` ones stop at the first error."""

    kind: str
    statements: tuple[str, ...]


class Writer:
    """Makes the scripts of one session; its objects are its own, so that sessions meet only where they are meant to."""

    def __init__(self, session: int, seed: int) -> None:
        self._session = session
        self._random = random.Random(f"{seed}-{session}")
        self._count = 0

    def next(self) -> Script:
        """The next script, by weight."""
        kind = self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        return Script(kind, tuple(getattr(self, f"_{kind}")()))

    def _mark(self, statement: str) -> str:
        self._count += 1
        return f"/* soak {self._session}-{self._count} */ {statement}"

    def _name(self) -> str:
        return f"t_{self._session}_{self._count + 1}"

    def _commit(self) -> list[str]:
        name = self._name()
        return [
            self._mark(f"create table {name} (id bigint primary key, note text)"),
            self._mark(f"alter table {name} add column added timestamptz default now()"),
            self._mark(f"create index on {name} (note)"),
            self._mark(f"comment on table {name} is 'soak'"),
            self._mark(f"drop table {name}"),
        ]

    def _transaction(self) -> list[str]:
        name = self._name()
        return [
            "begin",
            self._mark(f"create table {name} (id bigint)"),
            self._mark(f"create view {name}_v as select id from {name}"),
            "commit",
            self._mark(f"drop table {name} cascade"),
        ]

    def _rollback(self) -> list[str]:
        name = self._name()
        return [
            "begin",
            self._mark(f"create table {name} (id bigint)"),
            self._mark(f"comment on table {name} is 'never'"),
            "rollback",
        ]

    def _savepoint(self) -> list[str]:
        name = self._name()
        return [
            "begin",
            self._mark(f"create table {name} (id bigint)"),
            "savepoint one",
            self._mark(f"alter table {name} add column lost int"),
            "rollback to one",
            self._mark(f"alter table {name} add column kept int"),
            "commit",
            self._mark(f"drop table {name}"),
        ]

    def _failure(self) -> list[str]:
        name = self._name()
        return [
            self._mark(
                self._random.choice(
                    (
                        f"create table {SHARED} (id bigint)",  # exists
                        f"alter table {name} add column x int",  # does not
                        f"drop view {SHARED}",  # is a table
                        f"create table {name} (id bigint references {SHARED} (absent))",
                        f"create table {name} (id bigint,, x int)",  # no syntax
                    )
                )
            )
        ]

    def _aborted(self) -> list[str]:
        name = self._name()
        return [
            "begin",
            self._mark(f"create table {name} (id bigint)"),
            self._mark(f"alter table {name} add column id bigint"),  # exists
            "rollback",
        ]

    def _slow(self) -> list[str]:
        """A moment in which a session may be cancelled or killed."""
        name = self._name()
        return [
            self._mark(f"create table {name} as select 1 as id from pg_sleep(0.2)"),
            self._mark(f"drop table if exists {name}"),
        ]

    def _held(self) -> list[str]:
        """A transaction that stays open for a while, with DDL in it."""
        name = self._name()
        return ["begin", self._mark(f"create table {name} (id bigint)"), "select pg_sleep(0.3)", "rollback"]

    def _waiting(self) -> list[str]:
        """Holds the shared table, or gives up waiting for it."""
        return [
            "begin",
            "set local lock_timeout = '50ms'",
            self._mark(f"alter table {SHARED} alter column note set default '{self._session}'"),
            "select pg_sleep(0.08)",
            "commit",
        ]

    def _overdue(self) -> list[str]:
        name = self._name()
        return [
            "begin",
            "set local statement_timeout = '60ms'",
            self._mark(f"create table {name} as select 1 as id from pg_sleep(1)"),
            "rollback",
        ]


_WEIGHTS = {
    "commit": 30,
    "transaction": 10,
    "rollback": 10,
    "savepoint": 8,
    "failure": 15,
    "aborted": 8,
    "slow": 8,
    "held": 4,
    "waiting": 4,
    "overdue": 3,
}
