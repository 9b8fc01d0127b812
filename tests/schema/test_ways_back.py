"""The ways back that docs/operations.md describes from what a superuser did to the tracker's schemas."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.installing import failed_checks
from tests.schema.steps import SI, S, rows

PARTITION = f"{SI}.script_execution_s_first"
PROTECTED = f"select status, advice from {S}.get_system_health() where check_name = 'record_protected'"


async def test_a_detachment_that_broke_off_is_finished_and_the_partition_attached(installed_database: str) -> None:
    """As by a guard that is off when it begins: its first half is committed, the other is refused."""
    rows(installed_database, f"select {S}.track_operation('before', 'BATCH')")
    rows(installed_database, "alter event trigger et_ddl_command_start disable")
    with pytest.raises(psycopg.Error) as refused:
        rows(installed_database, f"alter table {S}.script_execution_s detach partition {PARTITION} concurrently")
    assert refused.value.sqlstate == "ST009"
    rows(installed_database, "alter event trigger et_ddl_command_start enable always")

    assert rows(installed_database, f"select from {S}.get_execution_history(1) where script_name = 'before'") == []
    assert {"partitions_and_no_children"} <= set(await failed_checks(installed_database))
    (row,) = rows(installed_database, PROTECTED)
    assert row["status"] == "critical"
    assert f"{PARTITION} lacks its place as a partition: a detachment of it began" in row["advice"]

    ((bound,),) = (
        row.values()
        for row in rows(
            installed_database,
            f"select pg_get_expr(relpartbound, oid) from pg_class where oid = '{PARTITION}'::regclass",
        )
    )
    rows(
        installed_database,
        "select pg_advisory_xact_lock(6001874101);"
        f" alter table {S}.script_execution_s detach partition {PARTITION} finalize;"
        f" alter table {S}.script_execution_s attach partition {PARTITION} {bound};"
        f" alter table {PARTITION} drop constraint script_execution_s_first_execution_timestamp_check;",
    )
    assert await failed_checks(installed_database) == {}
    (row,) = rows(installed_database, PROTECTED)
    assert row["status"] == "ok"
    (row,) = rows(installed_database, f"select from {S}.get_execution_history(1) where script_name = 'before'")


@pytest.fixture(params=["", "superuser"])
def heir(installed_database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A role that the tracker's objects are made over to."""
    rows(installed_database, f"create role heir {request.param}")
    yield "heir"
    rows(installed_database, "reassign owned by heir to script_tracking_owner")
    rows(installed_database, "drop owned by heir; drop role heir")


async def test_what_was_made_over_to_another_role_shows_and_is_given_back(installed_database: str, heir: str) -> None:
    before = rows(installed_database, f"select check_name from {S}.get_system_health() order by 1")
    rows(installed_database, f"reassign owned by script_tracking_owner to {heir}")
    assert list(await failed_checks(installed_database)) == ["installed"]
    assert "give it back to script_tracking_owner" in (await failed_checks(installed_database))["installed"]
    (row,) = rows(installed_database, PROTECTED)
    assert row["status"] == "critical"
    assert "owner script_tracking_owner" in row["advice"]
    assert rows(installed_database, f"select ok from {SI}.collect_health() where check_name = 'record_protected'") == [
        {"ok": 0}
    ]
    rows(installed_database, f"reassign owned by {heir} to script_tracking_owner")
    assert await failed_checks(installed_database) == {}
    assert rows(installed_database, f"select check_name from {S}.get_system_health() order by 1") == before
    (row,) = rows(installed_database, PROTECTED)
    assert row["status"] == "ok"


@pytest.mark.parametrize("heir", [""], indirect=True)
async def test_one_function_of_another_owner_shows(installed_database: str, heir: str) -> None:
    owned = f"select pg_advisory_xact_lock(6001874101); alter function {SI}.redact(text) owner to"
    rows(installed_database, f"{owned} {heir}")
    (row,) = rows(installed_database, PROTECTED)
    assert row["status"] == "critical"
    assert f"a function of {SI} lacks owner script_tracking_owner" in row["advice"]
