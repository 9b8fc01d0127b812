"""The history of an object by its names: against a model of what was done, over random DDL."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from tests.fix_sessions import Session, value

HISTORY = "select * from script_tracking.get_object_history(%s, %s)"
SCHEMAS = ("alpha", "beta")
NAMES = ("orders", "items", 'of "state"')


@dataclass(frozen=True)
class Event:
    """What one statement did to one object."""

    step: int
    command: str
    identity: str
    status: str


@dataclass(eq=False)
class Thing:
    """A table of the model."""

    schema: str
    name: str
    partitioned: bool = False
    parent: Thing | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def identity(self) -> str:
        """As PostgreSQL writes it."""
        quoted = self.name if self.name.isidentifier() else '"' + self.name.replace('"', '""') + '"'
        return f"{self.schema}.{quoted}"


class Model:
    """Does one random statement after another and keeps what it did."""

    def __init__(self, session: Session, seed: int) -> None:
        self._session = session
        self._dice = random.Random(seed)
        self.things: list[Thing] = []
        self.standing: list[Thing] = []
        self.moments: list[datetime] = []

    def _run(self, command: str, statement: str, *touched: Thing, status: str = "present") -> None:
        self._session.execute(statement.encode())
        for thing in touched:
            thing.events.append(Event(len(self.moments), command, thing.identity, status))

    def _free(self) -> tuple[str, str] | None:
        taken = {(thing.schema, thing.name) for thing in self.standing}
        places = [(schema, name) for schema in SCHEMAS for name in NAMES if (schema, name) not in taken]
        return self._dice.choice(places) if places else None

    def step(self) -> None:
        """One statement; afterwards perhaps a derivation, so that some records are linked and some are not."""
        action = self._dice.choice(
            ["create", "create", "rename", "alter", "column", "move", "drop", "attach", "comment"]
        )
        free = self._free()
        thing = self._dice.choice(self.standing) if self.standing else None
        if action == "create" and free:
            made = Thing(*free, partitioned=self._dice.random() < 0.3)
            suffix = " partition by range (id)" if made.partitioned else ""
            self._run("CREATE TABLE", f"create table {made.identity} (id int){suffix}", made)
            self.things.append(made)
            self.standing.append(made)
        elif thing is None:
            return
        elif action == "alter":
            column = f"c{len(self.moments)}"
            fallen = [other for other in self.standing if other.parent is thing]
            if thing.parent is None and not fallen:
                self._run("ALTER TABLE", f"alter table {thing.identity} add column {column} int", thing)
        elif action == "column":
            self._run("COMMENT", f"comment on column {thing.identity}.id is '{len(self.moments)}'", thing)
        elif action == "comment":
            self._run("COMMENT", f"comment on table {thing.identity} is '{len(self.moments)}'", thing)
        elif action == "rename" and free:
            before, thing.name = thing.identity, free[1]
            if (thing.schema, thing.name) in {(o.schema, o.name) for o in self.standing if o is not thing}:
                thing.schema, thing.name = thing.schema, thing.name + "2"
            if before != thing.identity:
                new = thing.identity.partition(".")[2]
                self._run("ALTER TABLE", f"alter table {before} rename to {new}", thing)
        elif action == "move":
            other = SCHEMAS[1 - SCHEMAS.index(thing.schema)]
            if (other, thing.name) not in {(o.schema, o.name) for o in self.standing}:
                before, thing.schema = thing.identity, other
                self._run("ALTER TABLE", f"alter table {before} set schema {other}", thing)
        elif action == "drop":
            fallen = [other for other in self.standing if other is thing or other.parent is thing]
            self._run("DROP TABLE", f"drop table {thing.identity}", *fallen, status="dropped")
            self.standing = [other for other in self.standing if other not in fallen]
        elif action == "attach":
            self._attach()
        self.moments.append(self._now())
        if self._dice.random() < 0.3:
            value(self._session, "select script_tracking_internal.derive_links(p_versions => 3)")

    def _attach(self) -> None:
        parents = [thing for thing in self.standing if thing.partitioned and thing.parent is None]
        children = [
            thing
            for thing in self.standing
            if not thing.partitioned and thing.parent is None and not any("column" in e.command for e in thing.events)
        ]
        plain = [thing for thing in children if not any(e.command == "ALTER TABLE" for e in thing.events)]
        whole = [thing for thing in parents if not any(e.command == "ALTER TABLE" for e in thing.events)]
        if plain and whole:
            parent, child = self._dice.choice(whole), self._dice.choice(plain)
            number = len(self.moments)
            bound = f"for values from ({number}) to ({number + 1})"
            self._run(
                "ALTER TABLE", f"alter table {parent.identity} attach partition {child.identity} {bound}", parent, child
            )
            child.parent = parent

    def _now(self) -> datetime:
        found = value(self._session, "select clock_timestamp()")
        assert isinstance(found, datetime)
        return found

    def expected(self, identity: str, until: int | None = None) -> list[tuple[Thing, Event]]:
        """What the history of an identity has to be, newest first, by the end of a step."""
        last = len(self.moments) if until is None else until
        events = [
            (thing, event)
            for thing in self.things
            if any(event.identity == identity for event in thing.events if event.step <= last)
            for event in thing.events
            if event.step <= last
        ]
        return sorted(events, key=lambda pair: -pair[1].step)

    def check(self, identity: str, until: int | None = None) -> None:
        """Compares get_object_history with the model."""
        moment = None if until is None else self.moments[until]
        rows = self._session.execute(HISTORY.encode(), (identity, moment)).fetchall()
        expected = self.expected(identity, until)
        found = [(row["script_name"], row["object_identity"], row["object_status"]) for row in rows]
        told = [(event.command, event.identity, event.status) for _, event in expected]
        assert sorted(found) == sorted(told)  # objects of one statement come in no order
        by_thing: dict[str, list[Event]] = {}
        for row in rows:
            event = Event(0, row["script_name"], row["object_identity"], row["object_status"])
            by_thing.setdefault(row["object_hk"].hex(), []).append(event)
        keys = sorted([[(e.command, e.identity, e.status) for e in events] for events in by_thing.values()])
        things = {thing: [] for thing, _ in expected}  # type: dict[Thing, list[tuple[str, str, str]]]
        for thing, event in expected:
            things[thing].append((event.command, event.identity, event.status))
        assert keys == sorted(things.values()), "a key is one object, and its records are in their order"


@pytest.mark.parametrize("seed", range(4))
def test_the_history_is_what_was_done(admin: Session, seed: int) -> None:
    for schema in SCHEMAS:
        admin.execute(f"create schema {schema}".encode())
    model = Model(admin, seed)
    for _ in range(60):
        model.step()
    identities = {event.identity for thing in model.things for event in thing.events}
    assert len(identities) > 4
    for derived in (False, True):
        if derived:
            value(admin, "select script_tracking_internal.derive_links()")
        for identity in identities:
            model.check(identity)
        dice = random.Random(seed)
        for until in dice.sample(range(len(model.moments)), 5):
            for identity in identities:
                model.check(identity, until)
            rows = admin.execute(
                b"select object_identity from script_tracking.get_objects_as_of(%s) where object_type = 'table'",
                (model.moments[until],),
            ).fetchall()
            last = [[e for e in thing.events if e.step <= until][-1:] for thing in model.things]
            standing = [e.identity for events in last for e in events if e.status == "present"]
            assert sorted(row["object_identity"] for row in rows) == sorted(standing)
