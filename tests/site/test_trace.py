"""docs/trace.md, from its first command to its last, on a real server at the level `full`, exporter and Prometheus."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.capture.fix_serverlog import log_server
from tests.fix_databases import installed_clone
from tests.fix_exporter import StartExporter
from tests.fix_monitoring import StartMonitoring
from tests.fix_sessions import opened
from tests.postgres_server import Server
from tests.site.played import Stage, play

pytestmark = pytest.mark.majors

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "trace.md"
ROLES = ("acme_dev", "auditor", "exporter")

__all__ = ["log_server"]


@pytest.fixture
def shop(log_server: Server, _template: str) -> Iterator[str]:
    """The database of the page; its roles go at the end."""
    with installed_clone(log_server, _template) as dsn, opened(dsn) as admin:
        admin.execute("create role exporter login in role script_tracking_daemon")
        yield dsn
        admin.execute("drop schema if exists acme cascade")
        for role in ROLES:
            admin.execute(f"drop role if exists {role}".encode())


def test_the_page_shows_what_comes(shop: str, exporter: StartExporter, monitoring: StartMonitoring) -> None:
    missing = [name for name in ("psql", "promtool", "curl") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not on the PATH: {', '.join(missing)}")
    running = exporter(make_conninfo(shop, user="exporter"))
    watching = monitoring(running)
    place = {key: str(value) for key, value in conninfo_to_dict(shop).items() if key in ("host", "port", "password")}
    database = urlsplit(shop).path.removeprefix("/")
    stage = Stage(
        dsns={"postgres": shop, **{role: make_conninfo(shop, user=role) for role in ROLES}},
        instead={
            "http://127.0.0.1:10187": running.url,
            "http://127.0.0.1:9090": watching.prometheus_url,
            "dbname=shop": make_conninfo("", **place, dbname=database),
            "/shop/": f"/{database}/",
        },
        environment={},
    )
    play(PAGE, stage)


def every_panel(within: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of a dashboard, also those in collapsed rows."""
    for panel in within.get("panels", []):
        yield panel
        yield from every_panel(panel)


def test_what_the_page_quotes_is_in_the_files() -> None:
    page = PAGE.read_text(encoding="utf-8")
    (declared,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert declared in (ROOT / "exporter" / "metrics" / "operations.yaml").read_text(encoding="utf-8")
    (asked,) = re.findall(r"^```promql\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE)

    def shape(expression: str) -> str:
        return re.sub(r"\{[^}]*\}|\[[^]]*\]", "", expression)

    asked_by_panels = {
        shape(target["expr"])
        for file in (ROOT / "grafana" / "dashboards").glob("*.json")
        for panel in every_panel(json.loads(file.read_text(encoding="utf-8")))
        for target in panel.get("targets", [])
        if "expr" in target
    }
    assert [panel for panel in asked_by_panels if shape(asked) in panel] != []
