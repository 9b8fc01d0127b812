"""A physical standby: it has the record, its exporter reads it and says so, and once promoted it tracks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack

import psycopg
import pytest

from exporter.metricmap import load
from tests.fix_exporter import Exporter, StartExporter, eventually
from tests.fix_sessions import history, opened, value
from tests.harmless.cluster import Cluster
from tests.installing import installed
from tests.postgres_server import LocalServer, Server
from tests.schema.steps import program

pytestmark = pytest.mark.majors

TARGET = {"target": "shop"}
WARNINGS = ("upkeep_failed", "capture_failed", "schema_not_settled", "collector_failed")


@pytest.fixture
async def clusters(postgres: Server) -> AsyncIterator[tuple[Cluster, Cluster]]:
    """A primary with the schema installed, and its standby."""
    assert isinstance(postgres, LocalServer)
    with ExitStack() as stack:
        primary = Cluster(postgres.binaries)
        stack.callback(primary.close)
        primary.start()
        await installed(primary.dsn)
        primary.stop()
        standby = primary.standby()
        stack.callback(standby.close)
        primary.start()
        standby.start()
        yield primary, standby


def events(running: Exporter, *names: str) -> list[dict[str, object]]:
    """What it logged under these names."""
    return [event for name in names for event in running.events(name)]


def test_a_standby_is_only_read_and_tracks_once_it_is_promoted(
    clusters: tuple[Cluster, Cluster], exporter: StartExporter
) -> None:
    primary, standby = clusters
    running = exporter(standby.dsn, collectors={"operations": {"interval": "1s"}})
    with opened(primary.dsn) as there, opened(standby.dsn) as here:
        there.execute("create table public.orders (id int)")
        eventually(lambda: [row["script_name"] for row in history(here)] == ["CREATE TABLE"], 20)
        running.wait_for_value(1, "script_tracking_standby", **TARGET)
        for spec in load():
            assert events(running, *WARNINGS) == []
            running.wait_for_value(1, "script_tracking_collector_success", **TARGET, collector=spec.name)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            here.execute("create table public.refused ()")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            here.execute("select script_tracking.track_operation('nightly', 'BATCH')")
        assert here.execute("select * from script_tracking.get_system_health()").fetchall()
        refused = program("schema", "uninstall", "--dsn", standby.dsn)
        assert refused.returncode == 1
        assert refused.stderr.endswith(
            "this server is a standby, which has what its primary has: run schema uninstall there\n"
        )
        assert events(running, *WARNINGS) == []
        assert running.value("script_tracking_upkeep_success", **TARGET) is None
        there.close()
        primary.stop()
        assert value(here, "select pg_promote()") is True
        here.execute("drop table public.orders")
        assert [row["script_name"] for row in history(here)] == ["CREATE TABLE", "DROP TABLE"]
        running.wait_for_value(0, "script_tracking_standby", **TARGET)
        assert running.value("script_tracking_unconfirmed_copy", **TARGET) == 0
        running.wait_for_value(1, "script_tracking_upkeep_success", **TARGET)
        running.wait_for_value(2, "script_tracking_operations_total", **TARGET, script_type="DDL", status="COMPLETED")
        assert value(here, "select script_tracking_internal.ensure_incarnation()") == 1
        assert len(running.events("standby")) == len(running.events("promoted")) == 1
