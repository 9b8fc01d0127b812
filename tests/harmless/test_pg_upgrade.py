"""pg_upgrade from PostgreSQL 16 to 18, of the embedded wheel, with the tracker installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from exporter.demo.server import embedded_binaries
from tests.fix_sessions import history, opened, value
from tests.harmless.cluster import Cluster
from tests.installing import failed_checks, installed
from tests.object_kinds import KINDS, ROLES
from tests.vault_steps import VERSIONS, counted, roll_up

UNTRACKED = "select change, object_type, identity from script_tracking.get_untracked_changes() order by 2, 1, 3"


def upgraded(old: Cluster, new: Cluster) -> None:
    """The old cluster's data taken over by the new one, neither of them running."""
    assert new.home  # made by initdb
    programs = ["-b", str(old.binaries), "-B", str(new.binaries)]
    folders = ["-d", str(old.home / "data"), "-D", str(new.home / "data")]
    code, said = new.run("pg_upgrade", "-U", "postgres", *programs, *folders)
    assert code == 0, said


@pytest.fixture
def clusters() -> Iterator[tuple[Cluster, Cluster]]:
    """One of 16 and one of 18, neither running; from 18 on initdb would make other data pages than before."""
    binaries = embedded_binaries()
    with ExitStack() as stack:
        old = Cluster(binaries[16])
        stack.callback(old.close)
        new = Cluster(binaries[18], options=["--no-data-checksums"])
        stack.callback(new.close)
        yield old, new


@pytest.mark.majors  # two clusters
async def test_the_record_stands_and_tracking_goes_on(clusters: tuple[Cluster, Cluster]) -> None:
    old, new = clusters
    old.start()
    await installed(old.dsn)
    with opened(old.dsn) as session:
        session.execute("create table public.orders (id int primary key, note text)")
        key = value(session, "select script_tracking.track_operation('nightly', 'BATCH')")
        value(session, "select script_tracking.complete_operation(%s, true)", key)
        roll_up(session)
        session.execute("alter table public.orders add column amount numeric")
        before, count = session.execute(VERSIONS).fetchall(), counted(session)
    old.stop()
    upgraded(old, new)
    new.start()
    with opened(new.dsn) as session:
        assert session.execute(VERSIONS).fetchall() == before
        session.execute("drop table public.orders")
        assert value(session, "select script_tracking_internal.ensure_incarnation()") == 2
        session.execute("create table public.later ()")
        assert [row["script_name"] for row in history(session)][-2:] == ["DROP TABLE", "CREATE TABLE"]
        assert isinstance(count, int)
        assert counted(session) == count + 2
        roll_up(session)
        assert counted(session) == count + 2
        assert value(session, "select max(incarnation) from script_tracking.script_execution_s") == 2
        assert value(session, "select lost_records_total from script_tracking_internal.collect_capture()") == 0
    assert await failed_checks(new.dsn) == {}


@pytest.mark.majors  # two clusters
async def test_what_is_done_in_a_pause_for_the_upgrade_is_reported(
    clusters: tuple[Cluster, Cluster],
) -> None:
    old, new = clusters
    old.start()
    await installed(old.dsn)
    with opened(old.dsn) as session:
        session.execute(ROLES + KINDS)
        for _ in range(2):  # roles and event triggers tell no trigger
            session.execute("select script_tracking_internal.reconcile()")
        earlier = session.execute(UNTRACKED).fetchall()
        value(session, "select script_tracking.pause_tracking('upgrade to 18')")
        session.execute("create table shop.before_it (id int); drop view shop.open; alter role clerk createdb")
    old.stop()
    upgraded(old, new)
    new.start()
    with opened(new.dsn) as session:
        session.execute("alter table shop.lines add late int; drop function shop.twice(int)")
        session.execute(
            "create or replace procedure shop.pay(n int default 1 + 1) language plpgsql as 'begin return; end'"
        )
        session.execute("grant delete on shop.orders to chief")
        assert value(session, "select script_tracking.resume_tracking()") is True
        session.execute("create table shop.later ()")
        for _ in range(2):
            session.execute("select script_tracking_internal.reconcile()")
        told = [tuple(row.values()) for row in session.execute(UNTRACKED).fetchall() if row not in earlier]
        of_the_pause = value(
            session,
            "select count(*) from script_tracking.get_execution_history(1)"
            " where script_name like 'UNTRACKED %' and metadata #>> '{pause,reason}' = 'upgrade to 18'",
        )
        assert [row["script_name"] for row in history(session)][-1] == "CREATE TABLE"
    assert told == [
        ("DROP", "function", "shop.twice(integer)"),
        ("ALTER", "procedure", "shop.pay(integer)"),
        ("ALTER", "role", "clerk"),
        ("ALTER", "table", "shop.lines"),
        ("ALTER", "table", "shop.orders"),
        ("CREATE", "table", "shop.before_it"),
        ("DROP", "view", "shop.open"),
    ]
    assert of_the_pause == len(told)
