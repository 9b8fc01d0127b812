"""Reads what the event triggers emit into the write-ahead log, through a logical slot as the daemon does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fix_sessions import Session, value

PREFIX = "script_tracking"


def parse(data: bytes) -> tuple[str, str] | None:
    """Prefix and content of a pgoutput logical decoding message outside of a transaction; None for anything else."""
    if data[:1] != b"M" or data[1] & 1:
        return None
    prefix, _, rest = data[10:].partition(b"\x00")
    return prefix.decode(), rest[4:].decode()


class Slot:
    """A logical slot of the session's database."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name

    def contents(self) -> list[str]:
        """Contents under our prefix that were emitted since the last call."""
        # what no commit follows is not flushed; a transactional message is, with its commit
        with self._session.transaction():
            self._session.execute("set local synchronous_commit = on")
            self._session.execute("select pg_logical_emit_message(true, 'tick', '')")
        rows = self._session.execute(
            "select data from pg_logical_slot_get_binary_changes(%s, null, null, 'proto_version', '1',"
            " 'publication_names', 'nothing', 'messages', 'true')",
            (self._name,),
        ).fetchall()
        parsed = [parse(bytes(row["data"])) for row in rows]
        return [message[1] for message in parsed if message is not None and message[0] == PREFIX]

    def messages(self) -> list[dict[str, Any]]:
        """Payloads since the last call, each of which must be authentic."""
        found = []
        for content in self.contents():
            mac, payload = content[:64], content[64:]
            assert mac == value(self._session, "select script_tracking_internal.message_mac(%s)", payload)
            found.append(json.loads(payload))
        return found


@contextmanager
def open_slot(session: Session, level: str = "failures") -> Iterator[Slot]:
    """A slot for the time of a test, the installation being at that level."""
    session.execute("update script_tracking_internal.installation set capture_level = %s", (level,))
    session.execute("create publication nothing")
    name = session.info.dbname
    session.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))
    try:
        yield Slot(session, name)
    finally:
        session.execute("rollback")
        session.execute("select pg_drop_replication_slot(%s)", (name,))
