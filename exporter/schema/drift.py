"""What stands in the database, fact by fact, compared with what the release says (sql/released.txt)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from re import Pattern
from typing import NamedTuple

from exporter import sqlfiles
from exporter.database import Connection
from exporter.schema.installer import run

_INHERITED = ("column", "constraint", "index")  # what a partition has of its parent
_NAMED_AFTER_ITS_TABLE = ("constraint", "index")  # so a partition's go by another name
_OWNER = "owner"


class Fact(NamedTuple):
    """One thing that is so of an object: its kind, its name within the object, and what defines it."""

    object: str
    kind: str
    name: str
    definition: str

    def __str__(self) -> str:
        return " ".join(part for part in self if part)


@dataclass(frozen=True)
class Standing:
    """The facts of the objects, and those of partitions apart, with the parent of each."""

    facts: frozenset[Fact]
    partitions: dict[str, tuple[str, frozenset[Fact]]]


async def read_standing(connection: Connection) -> Standing:
    """What stands now."""
    facts: set[Fact] = set()
    partitions: dict[str, tuple[str, set[Fact]]] = {}
    for row in await run(connection, "facts", module="verify"):
        fact = Fact(row["object"], row["kind"], row["name"], row["definition"])
        if row["partition_of"]:
            partitions.setdefault(fact.object, (row["partition_of"], set()))[1].add(fact)
        else:
            facts.add(fact)
    return Standing(frozenset(facts), {name: (parent, frozenset(own)) for name, (parent, own) in partitions.items()})


def render(standing: Standing) -> str:
    """The text of sql/released.txt: a line a fact. What partitions are, their parents say."""
    return "".join(sorted(" | ".join(fact) + "\n" for fact in standing.facts))


def released(base: Path | None = None, options: Collection[str] = ()) -> frozenset[Fact]:
    """The facts of the release, with those options."""
    return frozenset(Fact(*line.split(" | ", 3)) for line in sqlfiles.released(base, options).splitlines())


def differences(
    standing: Standing, release: frozenset[Fact], kinds: Collection[str], objects: Pattern[str]
) -> list[str]:
    """What is missing and what was not released among the facts of these kinds of these objects. A partition is held
    against its parent as it stands. Of an object that is missing or was not released only that is told.
    """
    expected, found = set(release), set(standing.facts)
    for name, (parent, facts) in standing.partitions.items():
        found |= {_as_partition(fact, name) for fact in facts}
        expected |= {_as_partition(fact, name) for fact in standing.facts if fact.object == parent and _inherits(fact)}
    both = {fact.object for fact in expected} & {fact.object for fact in found}

    def told(facts: set[Fact], prefix: str) -> list[str]:
        chosen = [fact for fact in sorted(facts) if fact.kind in kinds and objects.match(fact.object)]
        known = [f"{prefix}: {fact}" for fact in chosen if fact.object in both]
        return [
            *known,
            *(f"{prefix}: {fact.object}" for fact in chosen if fact.object not in both and fact.kind == "is"),
        ]

    return told(expected - found, "missing") + told(found - expected, "not released")


def _inherits(fact: Fact) -> bool:
    return fact.kind in _INHERITED or (fact.kind == "grant" and fact.name == _OWNER)


def _as_partition(fact: Fact, partition: str) -> Fact:
    return fact._replace(object=partition, name="" if fact.kind in _NAMED_AFTER_ITS_TABLE else fact.name)
