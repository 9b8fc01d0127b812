"""What a case of DDL is: statements, and the records that they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Style(Enum):
    """What becomes one transaction."""

    APART = "each statement"
    TOGETHER = "all that is sent at once, up to the first error"
    WHOLE = "all of it, in a transaction block"


@dataclass(frozen=True)
class Left:
    """A record; objects of "*" are not looked at."""

    tag: str
    status: str
    objects: tuple[str, ...] | None
    sqlstate: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Case:
    """Statements, in order, and what they leave."""

    name: str
    send: tuple[str, ...]
    left: tuple[Left, ...]
    before: str = ""
    otherwise: Mapping[Style, tuple[Left, ...]] = field(default_factory=dict)  # where the style makes a difference
    styles: frozenset[Style] = frozenset(Style)
    ends: bool = False  # it ends or breaks a transaction around it
    needs: str | None = None  # an extension
    since: int = 14  # before that major nothing is left
    role: bool = False  # it needs a role {s}_r


def done(tag: str, *objects: str) -> Left:
    return Left(tag, "COMPLETED", objects)


def noop(tag: str) -> Left:
    return Left(tag, "NOOP", None)


def undone(tag: str, *objects: str) -> Left:
    return Left(tag, "ROLLED_BACK", objects)


def failed(tag: str, sqlstate: str | None = None, message: str | None = None) -> Left:
    return Left(tag, "FAILED", None, sqlstate, message)
