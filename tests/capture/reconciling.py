"""What the tests of the reconciler do again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg.rows import DictRow

from tests.fix_databases import new_database
from tests.fix_sessions import Session, opened
from tests.postgres_server import Server

CLUSTER = "update script_tracking_internal.setting set value = %s where name = 'reconcile.cluster_objects'"


def passes(session: Session, number: int) -> list[DictRow]:
    """What that many passes in a row found."""
    rows = [session.execute("select * from script_tracking_internal.reconcile()").fetchall() for _ in range(number)]
    return [row for found in rows for row in found]


@dataclass
class Watched:
    """A database with its baseline taken, and a superuser's session in it."""

    dsn: str
    session: Session

    def pending(self) -> list[tuple[object, ...]]:
        """Differences that nothing accounts for yet."""
        rows = self.session.execute(
            "select change, object_type, identity from script_tracking_internal.catalog_pending order by 2, 3"
        )
        return [tuple(row.values()) for row in rows]

    def changes(self) -> list[tuple[object, ...]]:
        """Untracked changes that nobody has acknowledged."""
        rows = self.session.execute(
            "select change, object_type, identity from script_tracking.get_untracked_changes()"
            " where acknowledged_at is null order by object_type, identity"
        )
        return [tuple(row.values()) for row in rows]

    def report(self, statement: str) -> list[tuple[object, ...]]:
        """The untracked changes that a statement leaves after two passes, which are acknowledged here."""
        self.session.execute(statement.encode())
        passes(self.session, 2)
        found = self.changes()
        self.session.execute(
            "select script_tracking.acknowledge_change(change_id, 'test') from script_tracking.get_untracked_changes()"
        )
        return found


@contextmanager
def watched_database(server: Server, template: str, *, cluster: bool = False) -> Iterator[Watched]:
    """A clone with its baseline taken; without `cluster` the roles and databases of other tests are left out."""
    with (
        new_database(server, template) as dsn,
        opened(dsn) as session,
    ):
        session.execute(CLUSTER, ("on" if cluster else "off",))
        assert passes(session, 1)[0]["baseline"] is True
        yield Watched(dsn, session)


def around(watched: Watched, statement: str) -> str:
    """The statement, with the event triggers off meanwhile, which leaves changes of those: see `only`."""
    names = [row["evtname"] for row in watched.session.execute("select evtname from pg_event_trigger").fetchall()]
    off = "; ".join(f"alter event trigger {name} disable" for name in names)
    on = "; ".join(f"alter event trigger {name} enable always" for name in names)
    return f"{off}; {statement}; {on}; "


def only(found: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Untracked changes but those of event triggers."""
    return [change for change in found if change[1] != "event trigger"]
