"""The exporter itself, from the failure of a statement to record, counter and page."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest

from tests.capture.failing import silent_writer
from tests.fix_exporter import StartExporter, eventually
from tests.fix_sessions import Session, history, value


def recorded(watcher: Session, statement: str) -> bool:
    """Whether the record has a statement."""
    return any(row["sql_command"] == statement for row in history(watcher))


def test_a_failure_is_in_the_record_without_a_wait_for_the_server_and_a_forgery_is_told(
    installed_database: str, admin: Session, exporter: StartExporter
) -> None:
    running = exporter(installed_database, collectors={"attempts": {"interval": "1s"}, "capture": {"interval": "1s"}})
    running.wait_for_value(1, "script_tracking_capture_level_info", level="failures")
    for name in ("first", "second"):  # the second on a server that has been idle since
        with pytest.raises(psycopg.errors.UndefinedTable):
            admin.execute(f"drop view {name}".encode())
        with silent_writer(admin):
            eventually(partial(recorded, admin, f"drop view {name}"), 60)
    assert {row["execution_status"] for row in history(admin, "DROP VIEW")} == {"FAILED"}
    admin.execute("select pg_logical_emit_message(false, 'script_tracking', 'forged')")
    assert running.wait_for_event("capture_message_refused")["messages"] == 1
    running.wait_for_value(1, "script_tracking_refused_messages_total")
    assert value(admin, "select count(*) from script_tracking_internal.attempt") == 2
    series = {"tenant": "system", "script_type": "DDL"}
    running.wait_for_value(2, "script_tracking_operations_total", status="FAILED", **series)
