"""Failures and rollbacks have their places in the tree of a string's statements, as what succeeds has."""

from __future__ import annotations

import hashlib

import pytest

from tests.capture.fix_readers import Readers, admin, fails, failures, readers
from tests.capture.fix_serverlog import log_database, log_server
from tests.fix_sessions import Session, value

__all__ = ["admin", "log_database", "log_server", "readers"]


def test_statements_of_one_string_are_told_apart(admin: Session, readers: Readers) -> None:
    string = (
        "create table tree_a (id int); do $$ begin execute 'create table tree_b (id int)';"
        " execute 'create table tree_a (again int)'; end $$"
    )
    assert fails(admin, string) == "42P07"
    rows = failures(admin, readers, 3, "%tree_a%")
    assert {row["sql_command"] for row in rows} == {string}
    told = [row["metadata"] for row in rows]
    assert [row["execution_status"] for row in rows] == ["ROLLED_BACK", "ROLLED_BACK", "FAILED"]
    assert len({one["batch_id"] for one in told}) == 1
    assert [one["ordinal"] for one in told] == [1, 2, 3]
    assert [one.get("nested") for one in told] == [None, True, True]
    real = [None, "create table tree_b (id int)", "create table tree_a (again int)"]
    assert [one.get("statement") for one in told] == real
    assert all("parent_hk" not in one and "depth" not in one for one in told)


def test_a_statement_within_another_names_it(admin: Session, readers: Readers) -> None:
    assert fails(admin, "create table tree_outer as select inner_ddl() as id") == "42P07"
    inner, outer = sorted(
        failures(admin, readers, 2, "%tree_outer%"), key=lambda row: row["script_name"] == "CREATE TABLE AS"
    )
    key = value(
        admin,
        "select encode(script_execution_hk, 'hex') from script_tracking.script_execution_s"
        " where load_end_date is null and script_name = 'CREATE TABLE AS' and sql_command like %s",
        "%tree_outer%",
    )
    assert (inner["metadata"]["parent_hk"], inner["metadata"]["depth"], inner["metadata"]["nested"]) == (key, 1, True)
    assert inner["metadata"]["statement"] == "create table known (i int)"
    assert "nested" not in outer["metadata"] and "parent_hk" not in outer["metadata"]


@pytest.mark.parametrize("level", ["FAILED", "ROLLED_BACK"])
def test_of_a_long_statement_length_and_hash_are_kept(admin: Session, readers: Readers, level: str) -> None:
    columns = ", ".join(f"column_{number} int" for number in range(500))
    statement = f"create table long_{level} ({columns})"
    if level == "FAILED":
        statement += " inherits (nowhere)"
        assert fails(admin, statement) == "42P01"
    else:
        with admin.transaction(force_rollback=True):
            admin.execute(statement.encode())
    (row,) = failures(admin, readers, 1, f"create table long_{level} %")
    assert row["execution_status"] == level
    assert row["sql_command"] == statement[:4096]
    assert row["metadata"]["sql_command_characters"] == len(statement)
    assert row["metadata"]["sql_command_sha256"] == hashlib.sha256(statement.encode()).hexdigest()
