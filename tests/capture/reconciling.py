"""What the tests of the reconciler do again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg.rows import DictRow

from tests.fix_databases import new_database
from tests.fix_sessions import Session, one, opened
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
        self.told(len(found))
        self.session.execute(
            "select script_tracking.acknowledge_change(change_id, 'test') from script_tracking.get_untracked_changes()"
        )
        self.told(0)
        return found

    def told(self, number: int) -> None:
        """The metric that the alert is on tells of so many changes, and the coverage of none missing but these."""
        collected = "select untracked_changes, coverage_ratio from script_tracking_internal.collect_reconciler()"
        row = one(self.session, collected)
        assert (row["untracked_changes"], row["coverage_ratio"] < 1) == (number, number > 0), row


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


# Of each untracked change what is known of it, and what its record says.
RECORDS = """
select u.change, u.object_type, u.identity, u.acknowledged_by, u.reason, h.script_name, h.script_type, h.tenant,
  h.evidence, h.affected_objects, h.metadata
from script_tracking.get_untracked_changes() as u
left join script_tracking.get_execution_history(1, only_script_type => 'DDL') as h on h.execution_hk = u.execution_hk
"""


def recorded(session: Session) -> dict[str, int]:
    """How many changes of each kind were reported; each is a record that says what it is known by and what changed."""
    kinds: dict[str, int] = {}
    for row in session.execute(RECORDS).fetchall():
        told = (row["change"], row["object_type"], row["identity"])
        kinds[row["object_type"]] = kinds.get(row["object_type"], 0) + 1
        assert row["script_name"] == f"UNTRACKED {row['change']} {row['object_type'].upper()}", told
        assert (row["script_type"], row["tenant"], row["evidence"]) == ("DDL", "system", "reconciler"), told
        assert row["identity"] in row["affected_objects"], told
        before, after = row["metadata"]["before"], row["metadata"]["after"]
        assert {"CREATE": after, "DROP": before, "ALTER": before or after}[row["change"]], told
        assert row["metadata"]["changed_after"] <= row["metadata"]["seen_at"], told
        assert (row["acknowledged_by"], row["reason"]) == (session.info.user, "test"), told
    return kinds


def around(watched: Watched, statement: str) -> str:
    """The statement, with the event triggers off meanwhile, which leaves changes of those: see `only`."""
    names = [row["evtname"] for row in watched.session.execute("select evtname from pg_event_trigger").fetchall()]
    off = "; ".join(f"alter event trigger {name} disable" for name in names)
    on = "; ".join(f"alter event trigger {name} enable always" for name in names)
    return f"{off}; {statement}; {on}; "


def only(found: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Untracked changes but those of event triggers."""
    return [change for change in found if change[1] != "event trigger"]
