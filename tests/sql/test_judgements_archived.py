"""Judgements of changes in the archive: with the partition that they are of, and again where they come later."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import pytest

from exporter.archivehash import judgement_hash_diff
from tests.fix_sessions import Login, Session, meddling, value
from tests.sql.archiving import KEEPERS, LEDGER, STANDS, UNARCHIVED, archive, daemon, opened, past
from tests.sql.test_changes import RULES, judge_all, note, unjudged
from tests.sql.test_retention import CLEANUP
from tests.vault_steps import INTERNAL, LONG_AGO, pass_horizon, roll_up

__all__ = ["daemon", "past"]

CAPTURED = (
    f"select {INTERNAL}.record_execution(t.tenant_hk, 1, 'test', 'ALTER TABLE', 'DDL', 'COMPLETED', %s, 1000, null,"
    " null, '{\"evidence\": \"trigger\"}', null) from script_tracking.tenant_h as t where t.tenant_bk = 'acme'"
)
MIGRATIONS = Path(__file__).resolve().parents[2] / "sql" / "migrations"
IN_USE = "an operation that runs, records that the totals have not taken in yet, or judgements made just now"


def captured(session: Session, at: datetime = LONG_AGO) -> None:
    """DDL of another time, taken in by the totals."""
    with session.transaction():
        session.execute("set local role script_tracking_owner")
        session.execute(CAPTURED.encode(), (at,))
    pass_horizon(session)
    roll_up(session)


@pytest.fixture
def judging(past: Session) -> Session:
    """The record that is to be archived, with DDL in it that is to be judged."""
    unjudged(past)
    past.execute(f"update {INTERNAL}.change_state set since = '-infinity'".encode())
    captured(past)
    return past


def test_what_was_judged_after_the_archive_is_archived_again_before_it_goes(judging: Session, daemon: Session) -> None:
    assert archive(daemon) == 3
    assert value(judging, KEEPERS) == []
    assert judge_all(judging, "frozen") == 1
    pass_horizon(judging)
    assert value(judging, KEEPERS) == [UNARCHIVED]
    assert (value(judging, CLEANUP, 1), value(judging, STANDS)) == (0, True)
    judgements = opened(daemon)[2]
    rules = value(daemon, f"select {INTERNAL}.archived_rules(%s)", judgements["partition_until"])
    daemon.execute("rollback")
    (line,) = judgements["lines"]
    assert (judgements["relation"], line["verdict"]) == ("script_execution_change_s", "frozen")
    assert line["hash_diff"] == judgement_hash_diff(line)
    assert rules == {hashlib.sha256(RULES.encode()).hexdigest(): RULES}
    assert line["rules_hash"] == "\\x" + next(iter(rules))
    assert archive(daemon) == 3
    assert archive(daemon) == 0, "once is enough"
    assert (value(judging, LEDGER), value(judging, KEEPERS)) == (6, [])
    assert value(judging, CLEANUP, 1) == 5
    assert value(judging, "select count(*) from script_tracking.get_change_rules()") == 1


def test_a_judgement_that_an_archive_may_lack_keeps_the_partition(
    judging: Session, daemon: Session, login: Login
) -> None:
    batch = unjudged(judging)
    other = login()
    with other.transaction():
        value(other, "select pg_current_xact_id()::text")  # holds the horizon from here on
        assert note(judging, batch) == 1
        assert value(judging, KEEPERS) == [IN_USE, UNARCHIVED]
        assert archive(daemon) == 0
    pass_horizon(judging)
    assert value(judging, KEEPERS) == [UNARCHIVED]
    assert archive(daemon) == 3


def test_the_rules_are_for_who_archives_and_while_it_may(judging: Session, daemon: Session) -> None:
    judge_all(judging)
    until = value(judging, f"select upper_bound from {INTERNAL}.vault_partition where partition_name like '%%h_past'")
    judging.execute(f"update {INTERNAL}.setting set value = 'off' where name = 'retention.archive'".encode())
    assert value(daemon, f"select {INTERNAL}.archived_rules(%s)", until) == {}


def test_judgements_of_an_older_release_get_the_hash_that_they_would_have(judging: Session) -> None:
    assert judge_all(judging, "frozen") == 1
    table = "script_tracking.script_execution_change_s"
    hashes = f"select jsonb_object_agg(script_execution_hk, hash_diff) from {table}"
    known = value(judging, hashes)
    (migration,) = MIGRATIONS.glob("0036_*.sql")
    older = f"alter table {table} drop column hash_diff, drop column xid, drop column incarnation"
    with judging.transaction(force_rollback=True):
        judging.execute(meddling(older).encode())
        judging.execute(migration.read_bytes())
        assert value(judging, hashes) == known
        assert value(judging, f"select array_agg(distinct incarnation) from {table}") == [0]
