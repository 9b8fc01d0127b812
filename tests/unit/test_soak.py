"""The soak's own reckoning: what the server's log says of each statement, and a record that differs from it."""

from __future__ import annotations

from typing import Any

from benchmarks.soak.comparison import compare
from benchmarks.soak.truth import Outcome, outcomes


def entry(severity: str, message: str, session: str = "a", **more: str) -> dict[str, Any]:
    """One line of a jsonlog."""
    return {"application_name": "soak", "session_id": session, "error_severity": severity, "message": message, **more}


def statement(text: str, session: str = "a") -> dict[str, Any]:
    """The line that log_statement = all writes before a statement runs."""
    return entry("LOG", f"statement: {text}", session)


def test_statements_by_themselves() -> None:
    log = [
        statement("/* soak 1-1 */ create table t ()"),
        statement("/* soak 1-2 */ create table t ()"),
        entry("ERROR", "there", statement="/* soak 1-2 */ create table t ()", state_code="42P07"),
        statement("/* soak 1-3 */ drop table t"),
        entry("ERROR", "syntax", statement="/* soak 1-4 */ create table ,", state_code="42601"),
        statement("/* soak 1-5 */ create table slow as select"),
        entry("FATAL", "killed", statement="/* soak 1-5 */ create table slow as select", state_code="57P01"),
        statement("/* soak 2-1 */ create table other ()", "b"),
    ]
    assert outcomes(log, "soak") == {
        "1-1": Outcome("COMPLETED"),
        "1-2": Outcome("FAILED", "42P07", "there"),
        "1-3": Outcome("COMPLETED"),
        "1-4": Outcome("FAILED", "42601", "syntax"),
        "1-5": Outcome("INTERRUPTED", "57P01", "killed"),
        "2-1": Outcome("COMPLETED"),
    }


def test_transactions() -> None:
    log = [
        statement("begin"),
        statement("/* soak 1-1 */ create table t ()"),
        statement("savepoint one"),
        statement("/* soak 1-2 */ alter table t add x int"),
        statement("rollback to one"),
        statement("/* soak 1-3 */ alter table t add y int"),
        statement("commit"),
        statement("begin"),
        statement("/* soak 1-4 */ drop table t"),
        statement("rollback"),
        statement("begin"),
        statement("/* soak 1-5 */ drop table t"),
        statement("/* soak 1-6 */ drop table t"),
        entry("ERROR", "gone", statement="/* soak 1-6 */ drop table t", state_code="42P01"),
        statement("rollback"),
        statement("begin"),
        statement("/* soak 1-7 */ drop table t"),
        entry("FATAL", "killed while idle", state_code="57P01"),
    ]
    ended = {mark: outcome.status for mark, outcome in outcomes(log, "soak").items()}
    assert ended == {
        "1-1": "COMPLETED",
        "1-2": "ROLLED_BACK",
        "1-3": "COMPLETED",
        "1-4": "ROLLED_BACK",
        "1-5": "ROLLED_BACK",
        "1-6": "FAILED",
        "1-7": "ROLLED_BACK",
    }


def test_other_sessions_are_none_of_its_business() -> None:
    assert outcomes([{**statement("/* soak 1-1 */ drop table t"), "application_name": "psql"}], "soak") == {}


def test_a_record_that_differs_is_found_out() -> None:
    failed = Outcome("FAILED", "42P01", "gone")
    truth = {"1-1": Outcome("COMPLETED"), "1-2": failed, "1-3": Outcome("ROLLED_BACK")}
    right = {mark: [outcome] for mark, outcome in truth.items()}
    assert compare(truth, right).is_whole
    assert compare(truth, right).agreed == {"COMPLETED": 1, "FAILED": 1, "ROLLED_BACK": 1}
    assert compare(truth, right).untried == ["INTERRUPTED"]
    for wrong in (
        {**right, "1-1": []},
        {**right, "1-2": [Outcome("FAILED", None, None)]},
        {**right, "1-3": [Outcome("COMPLETED")]},
        {**right, "1-1": [Outcome("COMPLETED"), Outcome("COMPLETED")]},
        {**right, "1-4": [Outcome("COMPLETED")]},
    ):
        assert not compare(truth, wrong).is_whole


def test_a_commit_that_is_cancelled_or_killed_commits_nothing() -> None:
    log = [
        statement("begin"),
        statement("/* soak 1-1 */ create table t ()"),
        statement("commit"),
        entry("ERROR", "cancelled", statement="commit", state_code="57014"),
        statement("begin"),
        statement("/* soak 1-2 */ create table t ()"),
        statement("commit"),
        entry("FATAL", "killed while idle", state_code="57P01"),
        statement("begin", "b"),
        statement("/* soak 2-1 */ create table u ()", "b"),
        statement("commit", "b"),
        entry("FATAL", "killed", "b", statement="commit", state_code="57P01"),
        statement("begin", "c"),
        statement("/* soak 3-1 */ create table v ()", "c"),
        statement("commit", "c"),
    ]
    ended = {mark: outcome.status for mark, outcome in outcomes(log, "soak").items()}
    assert ended == {"1-1": "ROLLED_BACK", "1-2": "COMPLETED", "2-1": "ROLLED_BACK", "3-1": "COMPLETED"}
