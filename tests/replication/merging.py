"""Two masters: two databases of one server whose records replicate to each other as docs/replication.md says."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from tests.fix_exporter import eventually
from tests.fix_sessions import Session, opened, value

GUIDE = Path(__file__).parents[2] / "docs" / "replication.md"
SUBSCRIPTION = "script_tracking_merge"
WITHIN_SECONDS = 120
# what both must have alike since both were set up; of the satellite all that is published
RECORD = """
select 'hub' as of, to_jsonb(h)::text as row from script_tracking.script_execution_h as h where h.load_date >= %(since)s
union all
select 'satellite', (to_jsonb(s) - 'xid' - 'incarnation')::text
from script_tracking.script_execution_s as s where s.execution_timestamp >= %(since)s
union all
select 'tenant', t.tenant_bk || encode(t.tenant_hk, 'hex') from script_tracking.tenant_h as t
order by 1, 2
"""


def commands(name: str) -> list[str]:
    """The statements of the guide's section of this name."""
    section = GUIDE.read_text(encoding="utf-8").partition(f"## {name}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sql[^\n]*\n(.*?)```", section, re.DOTALL)
    assert blocks, f"no SQL under {name} in {GUIDE.name}"
    return [statement.strip() for block in blocks for statement in block.split(";\n") if statement.strip()]


@dataclass(frozen=True)
class Pair:
    """Both DSNs, as superuser, and their sessions."""

    dsns: tuple[str, str]
    sessions: tuple[Session, Session]
    since: object = None  # when both had subscribed

    def record(self, node: int) -> list[dict[str, object]]:
        """What one has."""
        return self.sessions[node].execute(RECORD.encode(), {"since": self.since}).fetchall()

    def settle(self) -> None:
        """Waits until both have the same."""
        eventually(lambda: self.record(0) == self.record(1), WITHIN_SECONDS)

    def failures(self, node: int) -> int:
        """How often the apply worker of one has failed."""
        found = value(
            self.sessions[node],
            "select c.apply_error_count from pg_stat_subscription_stats as c"
            " join pg_subscription as s on s.oid = c.subid"
            " where s.subdbid = (select d.oid from pg_database as d where d.datname = current_database())",
        )
        assert isinstance(found, int)
        return found


@contextmanager
def merged(first: str, second: str) -> Iterator[Pair]:
    """Sets both up by the guide's statements; within one server the slot has to be made apart."""
    with opened(first) as one, opened(second) as other:
        pair = Pair((first, second), (one, other))
        for number, session in enumerate(pair.sessions, start=1):
            for statement in commands("Each node by itself"):
                session.execute(statement.replace("set_node(1)", f"set_node({number})").encode())
        slots = [f"merge_{uuid.uuid4().hex[:10]}" for _ in pair.sessions]
        for session, slot in zip(reversed(pair.sessions), slots, strict=True):
            session.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))
        (subscribe,) = commands("Then from each to the other")
        for session, there, slot in zip(pair.sessions, reversed(pair.dsns), slots, strict=True):
            place = urlsplit(there)
            reached = f"host={place.hostname} port={place.port} user={place.username} dbname={place.path[1:]}"
            written = re.sub(r"connection '[^']*'", f"connection '{reached}'", subscribe)
            assert written.endswith(")") and reached in written
            session.execute(f"{written[:-1]}, create_slot = false, slot_name = '{slot}')".encode())
        try:
            yield replace(pair, since=value(other, "select clock_timestamp()"))
        finally:
            for session in pair.sessions:
                for change in ("disable", "set (slot_name = none)"):
                    session.execute(f"alter subscription {SUBSCRIPTION} {change}".encode())
                session.execute(f"drop subscription {SUBSCRIPTION}".encode())
            for session, slot in zip(reversed(pair.sessions), slots, strict=True):
                drop_slot(session, slot)


def drop_slot(session: Session, slot: str) -> None:
    """Once its reader has gone."""
    free = "select count(*) from pg_replication_slots where slot_name = %s and not active"
    probe: Callable[[], bool] = lambda: value(session, free, slot) == 1  # noqa: E731
    eventually(probe, WITHIN_SECONDS)
    session.execute("select pg_drop_replication_slot(%s)", (slot,))
