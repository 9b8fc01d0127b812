"""The archive in SQL: what may be archived, by whom, and what keeps a partition until it is."""

from __future__ import annotations

import psycopg
import pytest

from exporter.sqlfiles import migrations
from tests.fix_sessions import Login, MakeRole, Session, meddling, one, value
from tests.sql.archiving import (
    KEEPERS,
    LEDGER,
    NOTE,
    OPEN,
    STANDS,
    UNARCHIVED,
    UNSEEN,
    archive,
    daemon,
    described,
    opened,
    past,
)
from tests.sql.test_retention import CLEANUP, COUNTED, HOLD, RELEASE, RETENTION, told
from tests.vault_steps import (
    DAYS_AGO,
    INTERNAL,
    LONG_AGO,
    THIS_MONTH,
    age_archives,
    record,
    roll_up,
    set_setting,
)

__all__ = ["daemon", "past"]


def test_a_partition_that_is_not_archived_stays_and_goes_once_it_is(past: Session, daemon: Session) -> None:
    notices = told(past)
    before = value(past, COUNTED)
    assert value(past, KEEPERS) == [UNARCHIVED]
    assert (value(past, CLEANUP, 1), value(daemon, f"select {INTERNAL}.keep_retention()")) == (0, 0)
    assert notices == [f"{INTERNAL}.script_execution_s_past stays: {UNARCHIVED}"]
    value(past, f"select {INTERNAL}.look_at_partitions()")
    assert (
        value(past, f"select partitions from {INTERNAL}.collect_partitions_kept() where reason = 'not_archived'") == 1
    )
    assert archive(daemon) == 3
    assert value(past, KEEPERS) == []
    assert archive(daemon) == 0, "once is enough"
    assert value(daemon, f"select {INTERNAL}.keep_retention()") == 4
    assert (value(past, STANDS), value(past, COUNTED)) == (False, before)
    removed = one(
        past, "select metadata from script_tracking.get_execution_history(1, only_script_name => 'remove_partitions')"
    )
    assert removed["metadata"]["before"]["archived"] is True


def test_the_lines_are_the_rows(past: Session, daemon: Session) -> None:
    hub, satellite, judgements = opened(daemon)
    daemon.execute("rollback")
    past.execute("set timezone = 'UTC'")
    for part, rows in ((hub, 4), (satellite, 4), (judgements, 0)):
        names = [column["name"] for column in part["columns"]]
        assert all(list(line) == names for line in part["lines"])
        stored = past.execute(f"select to_jsonb(r) as row from {INTERNAL}.{part['partition_name']} as r".encode())
        assert part["lines"] == [row["row"] for row in stored]
        assert len(part["lines"]) == part["row_count"] == rows
    assert (hub["source"]["incarnation"], hub["source"]["schema_version"]) == (1, len(migrations()))


def test_what_a_hold_or_a_retention_keeps_is_not_archived(past: Session, daemon: Session) -> None:
    def due() -> int:
        found = len(opened(daemon))
        daemon.execute("rollback")
        return found

    assert due() == 3
    hold = value(past, HOLD, "acme", LONG_AGO, None)
    assert due() == 0
    past.execute(RELEASE, (hold,))
    past.execute(RETENTION, ("other", 3650))
    assert due() == 0
    past.execute(RETENTION, ("other", None))
    record(past, at=LONG_AGO)
    assert due() == 0, "the totals lack it"
    roll_up(past)
    assert due() == 3
    set_setting(past, "retention.archive", "off")
    assert due() == 0


def test_what_was_archived_long_ago_stays_until_its_files_were_looked_at(past: Session, daemon: Session) -> None:
    standing = f"select archive_id, is_here, goes, is_missed from {INTERNAL}.standing_archives(%s)"
    archive(daemon)
    age_archives(past, "20 minutes")
    assert value(past, KEEPERS) == [UNSEEN]
    assert (value(past, CLEANUP, 1), value(daemon, f"select {INTERNAL}.keep_retention()")) == (0, 0)
    value(past, f"select {INTERNAL}.look_at_partitions()")
    kept = f"select reason from {INTERNAL}.partition_kept"
    assert value(past, kept) == "not_archived"
    hub, satellite, judgements = daemon.execute(standing.encode(), ("here",)).fetchall()
    assert (hub["is_here"], hub["goes"], hub["is_missed"]) == (True, True, False)
    note = f"select {INTERNAL}.note_look(%s)"
    daemon.execute(note.encode(), ([hub["archive_id"]],))
    assert value(past, KEEPERS) == [UNSEEN], "the other files may be gone"
    hold = value(past, HOLD, None, None, None)
    assert not any(row["goes"] for row in daemon.execute(standing.encode(), ("there",)).fetchall())
    past.execute(RELEASE, (hold,))
    daemon.execute(note.encode(), ([satellite["archive_id"], judgements["archive_id"], 0],))
    assert value(past, KEEPERS) == []
    assert value(past, CLEANUP, 1) == 4
    daemon.execute(note.encode(), ([],))
    assert value(past, f"select count(*) from {INTERNAL}.archive_look") == 0


def test_a_hold_that_comes_after_the_archive_keeps_the_partition(past: Session, daemon: Session) -> None:
    archive(daemon)
    value(past, HOLD, "acme", None, None)
    assert (value(past, CLEANUP, 1), value(past, STANDS)) == (0, True)


def test_what_came_after_the_archive_is_archived_again_before_it_goes(past: Session, daemon: Session) -> None:
    archive(daemon)
    record(past, at=LONG_AGO, tenant="acme")
    roll_up(past)
    assert value(past, KEEPERS) == [UNARCHIVED]
    assert value(past, CLEANUP, 1) == 0
    assert archive(daemon) == 3
    assert value(past, LEDGER) == 6
    assert value(past, CLEANUP, 1) == 5


def test_a_partition_that_lost_rows_since_it_was_archived_stays(past: Session, daemon: Session) -> None:
    archive(daemon)
    notices = told(past)
    past.execute(
        meddling(
            f"alter table {INTERNAL}.script_execution_h_past disable trigger user;"
            f" delete from {INTERNAL}.script_execution_h_past where ctid = '(0,1)'"
        ).encode()
    )
    assert (value(past, CLEANUP, 1), value(past, STANDS)) == (0, True)
    assert notices == [f"{INTERNAL}.script_execution_s_past stays: it does not hold as many rows as its archive"]


def test_an_archive_of_an_earlier_incarnation_does_not_count(past: Session, daemon: Session) -> None:
    archive(daemon)
    past.execute(f"update {INTERNAL}.installation set incarnation = incarnation + 1".encode())
    assert value(past, KEEPERS) == [UNARCHIVED]


def test_what_does_not_fit_is_not_entered(past: Session, daemon: Session) -> None:
    for other, code in (
        ({"rows": 3}, "ST010"),
        ({"relation": "script_execution_h"}, "ST010"),
        ({"sha256": "ab"}, "23514"),
    ):
        parts = opened(daemon)
        with pytest.raises(psycopg.Error) as error:
            daemon.execute(NOTE.encode(), (parts[0]["partition_until"], described(parts, **other)))
        assert error.value.sqlstate == code
        daemon.execute("rollback")
    hold = value(past, HOLD, None, None, None)
    daemon.execute("begin isolation level repeatable read")
    with pytest.raises(psycopg.Error) as error:
        daemon.execute(NOTE.encode(), (DAYS_AGO, described(parts)))
    assert error.value.sqlstate == "ST010"
    daemon.execute("rollback")
    past.execute(RELEASE, (hold,))
    for statement in (OPEN, f"select {INTERNAL}.note_archive(now(), '[]', '')"):
        with pytest.raises(psycopg.Error) as error:
            daemon.execute(statement.encode())
        assert error.value.sqlstate == "25001"
    assert value(past, LEDGER) == 0


def test_two_exporters_take_turns_and_hold_no_totals_back(
    past: Session, daemon: Session, make_role: MakeRole, login: Login
) -> None:
    other = login(make_role("script_tracking_daemon"))
    assert len(opened(daemon)) == 3
    assert opened(other) == []
    other.execute("rollback")
    record(past, at=THIS_MONTH)
    assert roll_up(past) == 1, "the totals wait for whoever has a transaction id"
    daemon.execute("rollback")
    assert archive(other) == 3


def test_while_an_exporter_archives_and_the_setting_does_not_nothing_goes(past: Session, daemon: Session) -> None:
    health = "select status from script_tracking.get_system_health() where check_name = 'archive'"
    assert value(past, health) == "warning", "nobody archives"
    assert value(daemon, f"select {INTERNAL}.ask_archive()") is True
    assert value(past, health) == "ok"
    set_setting(past, "retention.archive", "off")
    assert value(past, health) == "warning"
    notices = told(past)
    assert (value(past, CLEANUP, 1), value(daemon, f"select {INTERNAL}.keep_retention()")) == (0, 0)
    assert "an exporter is configured to archive" in notices[0]
    assert "an exporter that is configured to archive" in str(value(past, KEEPERS))
    past.execute(f"update {INTERNAL}.retention_state set archive_asked_at = now() - interval '25 hours'".encode())
    assert (value(past, health), value(past, CLEANUP, 1)) == ("ok", 4)


def test_without_being_declared_disposable_it_is_archived_and_stays(past: Session, daemon: Session) -> None:
    set_setting(past, "retention.disposable", "none")
    assert archive(daemon) == 3
    assert (value(past, CLEANUP, 1), value(past, STANDS)) == (0, True)


def test_the_ledger_is_append_only_and_for_auditors(
    past: Session, daemon: Session, make_role: MakeRole, login: Login
) -> None:
    archive(daemon)
    for statement in ("update {} set place = 'x'", "delete from {}", "truncate {}"):
        with pytest.raises(psycopg.Error) as error:
            past.execute(statement.format(f"{INTERNAL}.partition_archive").encode())
        assert error.value.sqlstate == "ST001"
    auditor, tenant = (
        login(make_role("script_tracking_auditor")),
        make_role("script_tracking_reader", "script_tracking_app"),
    )
    past.execute("select script_tracking.grant_tenant('acme', %s)", (tenant,))
    rows = auditor.execute("select * from script_tracking.get_archives()").fetchall()
    assert [(row["relation"], row["row_count"], row["file_sha256"], row["is_removed"]) for row in rows] == [
        ("script_execution_h", 4, "ab" * 32, False),
        ("script_execution_s", 4, "ab" * 32, False),
        ("script_execution_change_s", 0, "ab" * 32, False),
    ]
    value(past, CLEANUP, 1)
    assert value(auditor, "select bool_and(is_removed) from script_tracking.get_archives()") is True
    for session in (login(tenant), daemon, auditor):
        statements = [f"select * from {INTERNAL}.partition_archive", f"select * from {INTERNAL}.archived_partition"]
        if session is not auditor:
            statements.append("select * from script_tracking.get_archives()")
        if session is not daemon:
            statements += [OPEN, f"select {INTERNAL}.ask_archive()", f"select {INTERNAL}.standing_archives('here')"]
            statements.append(f"select {INTERNAL}.note_look('{{}}')")
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement.encode())


def test_a_copy_that_nobody_confirmed_archives_nothing(past: Session, daemon: Session) -> None:
    past.execute(f"update {INTERNAL}.installation set system_identifier = '1'".encode())
    value(past, f"select {INTERNAL}.ensure_incarnation()")
    roll_up(past)
    assert opened(daemon) == []
    daemon.execute("rollback")
    past.execute("select script_tracking.confirm_copy('test')")
    assert archive(daemon) == 3
