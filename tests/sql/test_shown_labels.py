"""Which tenants and types are told by name: the first that came, in an order that never changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.dsn import Dsn
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from exporter.upkeep.keeper import Keeper
from tests.fix_exporter import StartExporter
from tests.fix_sessions import Session, opened

SHOWN = "select label, value from script_tracking_internal.shown_labels(%s, %s)"


@pytest.fixture
def admin(installed_database: str) -> Iterator[Session]:
    with opened(installed_database) as session:
        yield session


def _record(admin: Session, tenant: str, kind: str, times: int = 1) -> None:
    track = "select script_tracking.complete_operation(script_tracking.track_operation('x', %s, %s), true)"
    for _ in range(times):
        admin.execute(track, (kind, tenant))


async def test_the_first_ones_are_listed_in_the_order_in_which_they_came(
    admin: Session, installed_database: str
) -> None:
    for tenant in ("zeta", "acme"):
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
    target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
    try:
        for tenant, kind in (("acme", "Z_FIRST"), ("zeta", "A_SECOND")):
            _record(admin, tenant, kind)
            admin.execute("select script_tracking_internal.roll_up()")
        assert await Keeper(target).round()
    finally:
        await target.close()
    rows = admin.execute(SHOWN, (2, 2)).fetchall()
    tenants = [row["value"] for row in rows if row["label"] == "tenant"]
    assert tenants == ["system", "zeta"]
    types = [row["value"] for row in admin.execute(SHOWN, (1, 100)).fetchall() if row["label"] == "script_type"]
    assert types.index("Z_FIRST") < types.index("A_SECOND")
    assert [row["value"] for row in rows if row["label"] == "script_type"] == types[:2]


def test_a_daemon_tells_of_those_that_came_later_together(
    admin: Session, installed_database: str, exporter: StartExporter
) -> None:
    for tenant in ("acme", "umbrella", "wayne"):
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
        _record(admin, tenant, "BATCH", 2)
    running = exporter(installed_database, limits={"tenants": 2}, collectors={"operations": {"interval": "1s"}})
    name = "script_tracking_operations_total"
    batch = {"target": "shop", "script_type": "BATCH", "status": "COMPLETED"}
    running.wait_for_value(4, name, **batch, tenant="other")
    assert running.value(name, **batch, tenant="acme") == 2
    assert running.value(name, **batch, tenant="umbrella") is None
    _record(admin, "wayne", "BATCH", 3)
    running.wait_for_value(7, name, **batch, tenant="other")
    running.wait_for_value(2, "script_tracking_operation_duration_seconds_count", **_batch("acme"))


def _batch(tenant: str) -> dict[str, str]:
    return {"target": "shop", "script_type": "BATCH", "tenant": tenant}


def test_too_many_rows_fail_their_collector_and_too_many_samples_are_dropped_and_counted(
    admin: Session, installed_database: str, exporter: StartExporter
) -> None:
    for number in range(5):
        admin.execute("select script_tracking.register_tenant(%s)", (f"t{number}",))
    collectors = {"operations": {"interval": "1s", "row_limit": 3}, "running": {"interval": "1s"}}
    running = exporter(installed_database, collectors=collectors, limits={"samples": 3})
    told = running.wait_for_event("collector_failed")
    assert told["collector"] == "operations"
    assert "more than 3 rows (row_limit)" in str(told["reason"])
    running.wait_for_value(0, "script_tracking_collector_success", target="shop", collector="operations")
    told = running.wait_for_event("samples_dropped")
    assert told["limit"] == 3
    dropped = running.value("script_tracking_dropped_series_total", target="shop", collector=str(told["collector"]))
    assert dropped is not None and dropped > 0
