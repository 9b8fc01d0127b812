"""pg_upgrade from PostgreSQL 16 to 18, of the embedded wheel, with the tracker installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from exporter.demo.server import embedded_binaries
from tests.fix_sessions import history, opened, value
from tests.harmless.cluster import Cluster
from tests.installing import failed_checks, installed
from tests.vault_steps import VERSIONS, counted, roll_up


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
    assert new.home  # made by initdb
    folders = [
        "-b",
        str(old.binaries),
        "-B",
        str(new.binaries),
        "-d",
        str(old.home / "data"),
        "-D",
        str(new.home / "data"),
    ]
    code, said = new.run("pg_upgrade", "-U", "postgres", *folders)
    assert code == 0, said
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
