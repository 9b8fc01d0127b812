"""Two masters with one record: what both write at once is merged free of conflicts, and counted where it was done."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fix_exporter import eventually
from tests.fix_sessions import Session, history, meddling, opened, value
from tests.installing import failed_checks
from tests.postgres_server import Server
from tests.replication.merging import WITHIN_SECONDS, Pair, merged
from tests.rolling import ROLL_UPS, rows_of
from tests.sql.test_changes import judge_all, unjudged
from tests.vault_steps import roll_up

pytestmark = pytest.mark.majors  # a server in a container cannot reach itself by the address that we reach it by

TRACK = "select script_tracking.track_operation(%s, 'BATCH', %s)"
COMPLETE = "select script_tracking.complete_operation(%s, %s, %s)"
COUNTED = "select coalesce(sum(operations), 0) from script_tracking_internal.operation_totals()"
RANGES = "select array_agg(distinct version_number / 1000000000000000) from script_tracking.script_execution_s"
VIOLATED = "select check_name, example from script_tracking.vault_check(60) where violations > 0"
CODES = "select array_agg(tenant_bk order by tenant_bk) from script_tracking.tenant_h"


@pytest.fixture
def pair(postgres: Server, installed_database: str, second_database: str) -> Iterator[Pair]:
    """Both set up, with a tenant that each registered by itself before."""
    if postgres.major < 16:
        pytest.skip("origin = none is of 16 and newer")
    for dsn in (installed_database, second_database):
        with opened(dsn) as session:
            session.execute("select script_tracking.register_tenant('acme')")
    with merged(installed_database, second_database) as found:
        yield found


def worked(dsn: str, number: int) -> None:
    """Operations that end well or not, and DDL, one of it rolled back."""
    with opened(dsn) as session:
        for turn in range(8):
            key = value(session, TRACK, f"load {number}", "acme" if turn % 2 else None)
            session.execute(f"create table public.t_{number}_{turn} ()".encode())
            with session.transaction(force_rollback=True):
                session.execute(f"drop table public.t_{number}_{turn}".encode())
            session.execute(COMPLETE, (key, turn % 3 > 0, None if turn % 3 else "broke"))


def checked(session: Session) -> None:
    """The vault holds, and a rebuild of what is derived finds the same."""
    roll_up(session)
    before = {table: rows_of(session, table) for table in ROLL_UPS}
    counted = value(session, COUNTED)
    assert session.execute(VIOLATED.encode()).fetchall() == []
    session.execute("select script_tracking_internal.rebuild_totals()")
    assert value(session, COUNTED) == counted
    assert {table: rows_of(session, table) for table in ROLL_UPS} == before


async def test_what_both_write_at_once_is_merged_and_counted_where_it_was_done(pair: Pair) -> None:
    before = [int(str(value(session, COUNTED))) for session in pair.sessions]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(worked, [pair.dsns[number % 2] for number in range(6)], range(6)))
    pair.settle()
    assert [pair.failures(node) for node in (0, 1)] == [0, 0]
    for node, session in enumerate(pair.sessions):
        # 3 writers with 8 operations and 8 tables each; what was rolled back left no row
        assert value(session, COUNTED) == before[node] + 48
        assert len([row for row in history(session) if row["script_name"] == "CREATE TABLE"]) == 48
        assert len(history(session, "load %")) == 48
        assert {row["error_message"] for row in history(session, "load %")} == {None, "broke"}
        # what was before the database was numbered is in the first range
        assert value(session, f"{RANGES} where incarnation > 0") in ([node + 1], [0, node + 1])
        assert value(session, f"{RANGES} where incarnation = 0") == [2 - node]
        checked(session)
    for dsn in pair.dsns:
        assert await failed_checks(dsn) == {}


def test_an_operation_ends_where_it_began(pair: Pair) -> None:
    one, other = pair.sessions
    key = value(one, TRACK, "nightly", "acme")
    pair.settle()
    assert value(other, COMPLETE, key, True, None) is False
    assert value(one, COMPLETE, key, True, None) is True
    pair.settle()
    assert [row["execution_status"] for row in history(other, "nightly")] == ["COMPLETED"]


def test_ddl_is_judged_where_it_ran(pair: Pair) -> None:
    for session in pair.sessions:
        unjudged(session)  # from now on
    pair.sessions[0].execute("create table public.here ()")
    pair.settle()
    assert [judge_all(session) for session in pair.sessions] == [1, 0]
    verdicts = [history(session, "CREATE TABLE")[0]["change_verdict"] for session in pair.sessions]
    assert verdicts == ["outside", None]
    assert [session.execute(VIOLATED.encode()).fetchall() for session in pair.sessions] == [[], []]


def test_an_append_only_record_is_so_for_an_apply_worker_too(pair: Pair) -> None:
    """What is no end of a version stops it; nothing of it is written."""
    one, other = pair.sessions
    key = value(one, TRACK, "nightly", "acme")
    value(one, COMPLETE, key, True, None)
    pair.settle()
    forging = "update script_tracking.script_execution_s set script_name = 'forged' where script_name = 'nightly'"
    one.execute(meddling("alter table script_tracking.script_execution_s disable trigger protect_updates").encode())
    one.execute(forging.encode())
    eventually(lambda: pair.failures(1) > 0, WITHIN_SECONDS)
    assert [row["script_name"] for row in history(other, "nightly")] == ["nightly"]
    assert history(other, "forged") == []


def test_a_tenant_is_one_whoever_registered_it_and_the_later_change_of_it_holds_on_both(pair: Pair) -> None:
    one, other = pair.sessions
    assert [value(session, CODES) for session in pair.sessions] == [["acme", "system"]] * 2
    one.execute("select script_tracking.register_tenant('rival')")
    pair.settle()
    one.execute("select script_tracking.rename_tenant('rival', 'ally', 'peace')")
    other.execute("select script_tracking.rename_tenant('acme', 'acme-eu', 'contract')")
    pair.settle()
    assert [value(session, CODES) for session in pair.sessions] == [["acme-eu", "ally", "system"]] * 2
    other.execute("select script_tracking.suspend_tenant('ally', 'incident')")
    refused = "select restricted_tenants from script_tracking_internal.installation"
    eventually(lambda: value(one, refused), WITHIN_SECONDS)
    # both at once
    one.execute("alter subscription script_tracking_merge disable")
    other.execute("alter subscription script_tracking_merge disable")
    one.execute("select script_tracking.rename_tenant('acme-eu', 'acme-one', 'here')")
    other.execute("select script_tracking.rename_tenant('acme-eu', 'acme-two', 'there')")
    one.execute("alter subscription script_tracking_merge enable")
    other.execute("alter subscription script_tracking_merge enable")
    pair.settle()
    assert [value(session, CODES) for session in pair.sessions] == [["acme-two", "ally", "system"]] * 2
    assert [pair.failures(node) for node in (0, 1)] == [0, 0]
    for session in pair.sessions:
        assert session.execute(VIOLATED.encode()).fetchall() == []


def test_a_node_is_numbered_once_and_upwards(installed_database: str) -> None:
    with opened(installed_database) as session:
        session.execute("select script_tracking.set_node(2)")
        session.execute("select script_tracking.set_node(2)")
        for number in (0, 9, 1):
            with pytest.raises(Exception, match="node"):
                session.execute("select script_tracking.set_node(%s)", (number,))
        assert [row["script_name"] for row in history(session)] == ["set_node"]
