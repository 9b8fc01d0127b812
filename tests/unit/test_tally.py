"""What is counted of the API's requests: routes and statuses, and nothing else of them."""

from __future__ import annotations

import hashlib
import re

import httpx
from prometheus_client.parser import text_string_to_metric_families

from exporter import metricmap
from exporter.apiconfig import ApiToken
from exporter.collect.packing import Text
from exporter.collect.snapshot import Snapshot
from exporter.web import app as web
from exporter.web.api.routes import build
from exporter.web.tally import BOUNDS, ROUTES, Tally
from tests.texts import giving

TOKEN = "t0k3n-" + "x" * 40
ACME = ApiToken(name="acme", token_sha256=hashlib.sha256(TOKEN.encode()).hexdigest(), role="r")
REQUESTS, SECONDS = "script_tracking_api_requests_total", "script_tracking_api_request_duration_seconds"


def told(tally: Tally) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels, in their order; empty where nothing changed."""
    specs = metricmap.load_own()
    snapshot = Snapshot()
    for spec in specs.values():
        snapshot.declare(spec, spec.help)
    snapshot.put("", "news", tally.news(specs))
    families = text_string_to_metric_families(snapshot.exposition(openmetrics=False).decode())
    return {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}


def test_the_routes_are_those_of_the_api() -> None:
    assert set(ROUTES) == {route.path for route in build(lambda: []).routes}  # type: ignore[attr-defined]


def test_what_is_sure_to_come_begins_at_0() -> None:
    tally = Tally()
    assert told(tally) == {}
    tally.begin()
    found = told(tally)
    assert set(found.values()) == {0.0}
    assert {key[1:] for key in found if key[0] == REQUESTS} == {(route, "200") for route in ROUTES}
    assert {key[1] for key in found if key[0] == f"{SECONDS}_count"} == set(ROUTES)
    tally.begin()
    assert told(tally) == {}, "nothing has changed"


def test_durations_are_counted_into_their_buckets() -> None:
    tally = Tally()
    for seconds in (0.005, 0.0051, 0.2, 11.0):
        tally.note("/api/v1/health", 200, seconds)
    found = told(tally)
    assert found[REQUESTS, "/api/v1/health", "200"] == 4
    within = [
        found[f"{SECONDS}_bucket", *sorted(["/api/v1/health", str(bound).replace("inf", "+Inf")])] for bound in BOUNDS
    ]
    assert within == [1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4]
    assert found[f"{SECONDS}_count", "/api/v1/health"] == 4
    assert round(found[f"{SECONDS}_sum", "/api/v1/health"], 4) == 11.2101


async def test_requests_are_counted_by_route_whatever_they_ask_for() -> None:
    tally = Tally()
    app = web.create(giving(Text([])), lambda: None, lambda: None, tokens=lambda: [ACME], tally=tally)
    asked = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exporter.example")
    known = {"Authorization": f"Bearer {TOKEN}"}
    for path in ("targets", f"executions/{'ab' * 32}", "executions/hunter2", "hunter2", "executions?hunter2=1"):
        await asked.get(f"/api/v1/{path}", headers=known)
        await asked.head(f"/api/v1/{path}")
    await asked.post("/api/v1/targets", headers=known)
    await asked.get("/metrics")
    found = {sample[1:]: value for sample, value in told(tally).items() if sample[0] == REQUESTS}
    assert found == {
        ("/api/v1/targets", "200"): 1,
        ("/api/v1/executions/{execution_hk}", "404"): 1,
        ("/api/v1/executions/{execution_hk}", "422"): 1,
        ("/api/v1/executions", "422"): 1,
        ("404", "none"): 1,
        ("401", "none"): 5,
        ("/api/v1/targets", "405"): 1,
    }
    assert not re.search("hunter2|abab|acme", str(found))
