"""What the pictures show: the demo's teams at work for some minutes, another database, an exporter and a Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from exporter.demo.monitoring import Monitoring, find_monitoring, missing_monitoring
from exporter.demo.playground import TENANTS, open_playground
from exporter.demo.shipped import Yaml
from exporter.demo.workload import Workload
from tests.fix_certificates import Authority
from tests.fix_sessions import opened
from tests.grafana.hastened import without_a_past
from tests.pictures import played
from tests.pictures.watched import LOGGING, SCRAPE_SECONDS, TOKEN, reader, second_database, settle, watch
from tests.vault_steps import LONG_AGO, make_past, record

SPIKE = (0.45, 0.6)  # from and to which part of the time globex's import fails
HELD_UP_SECONDS = 20.0  # for which a change waits at the end
COUNTERS_START_SECONDS = 25.0  # what is scraped in the first of them has no rate yet


@dataclass(frozen=True)
class Stage:
    """Where Prometheus is, the database as the dashboards' role reads it, the time to be shown, and what is chosen
    of the variables of each dashboard.
    """

    prometheus_url: str
    dsn: str
    start: float
    end: float
    choices: dict[str, dict[str, str]] = field(default_factory=dict)


class NoMonitoring(RuntimeError):
    """Prometheus or Alertmanager is not on the PATH."""


def _stood_for_months(dsn: str) -> None:
    """Gives the record of a new database a partition that is past."""
    with opened(dsn) as session:
        make_past(session)
        record(session, at=LONG_AGO)


@asynccontextmanager
async def set_stage(folder: Path, seconds: float) -> AsyncIterator[Stage]:
    """Two busy databases, one of which has a spike of failures, scraped for so many seconds.

    Raises NoMonitoring, ServerFailed, TargetUnavailable.
    """
    programs = find_monitoring()
    if programs is None:
        raise NoMonitoring(f"not on the PATH: {' and '.join(missing_monitoring())}")
    async with AsyncExitStack() as stack:
        playground = await stack.enter_async_context(open_playground(None, folder, LOGGING))
        shop, billing = playground.dsn().secret(), second_database(playground)
        authority = Authority(folder).found()
        exporter = watch(folder, playground, authority)
        stack.callback(exporter.stop)
        dsn = reader(playground)
        settle(shop, billing)
        _stood_for_months(shop)

        def by_tls(config: Yaml) -> Yaml:
            config["scrape_configs"][0] |= {"scheme": "https", "tls_config": {"ca_file": str(authority.certificate)}}
            return config

        address = exporter.url.removeprefix("https://")
        monitoring = stack.enter_context(
            Monitoring(
                programs,
                address,
                scrape_interval=SCRAPE_SECONDS,
                change_rules=without_a_past,
                change_config=by_tls,
            )
        )
        workload = await stack.enter_async_context(Workload(playground, played.RELEASE_SECONDS))
        start = time.time() + COUNTERS_START_SECONDS
        workload.start()
        tasks = [
            asyncio.create_task(played.invoice(billing, exporter, TOKEN)),
            *(asyncio.create_task(played.acknowledge(dsn)) for dsn in (shop, billing)),
        ]
        try:
            await asyncio.sleep(COUNTERS_START_SECONDS + SPIKE[0] * seconds)
            workload.break_import("globex")
            await asyncio.sleep((SPIKE[1] - SPIKE[0]) * seconds)
            await workload.mend_import("globex", backlog=3)
            books = await played.close_of_books(playground.dsn(f"{TENANTS[0]}_job").secret(), TENANTS[0])
            await asyncio.sleep((1 - SPIKE[1]) * seconds - HELD_UP_SECONDS)
            await stack.enter_async_context(played.held_up(shop, TENANTS[0]))
            await asyncio.sleep(HELD_UP_SECONDS)
            for failed in (workload.failed(), *(task.exception() for task in tasks if task.done())):
                if failed is not None:
                    raise failed
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        choices = {
            "operations": {"execution": books},
            "schema-changes": {"object": f"{TENANTS[0]}.customer"},
        }
        yield Stage(monitoring.prometheus_url, dsn, start, time.time(), choices)
