"""What is counted of the HTTP server's clients: paths, statuses, and why a connection was ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast, get_args

import httpx
import structlog
from prometheus_client.parser import text_string_to_metric_families

from exporter import metricmap
from exporter.collect.packing import Text
from exporter.collect.snapshot import Snapshot
from exporter.probe import Prober
from exporter.web import app as web
from exporter.web.guests import Limits, Reason
from exporter.web.page import Scene
from exporter.web.settings import Settings, WebSettings
from exporter.web.traffic import FOLDERS, OTHER, PATHS, SCRAPES, Traffic, named
from exporter.web.webfile import RateLimit
from tests.texts import giving
from tests.unit.test_auth import hashed
from tests.unit.test_page import source_of
from tests.unit.test_server import HASTY, REQUEST, ask, close, connect, serving

PREFIX = "script_tracking_exporter_http_"
Told = dict[tuple[str, ...], float]


def told(traffic: Traffic) -> Told:
    """Samples by the end of their names and the values of their labels; empty where nothing changed."""
    specs = metricmap.load_own()
    snapshot = Snapshot()
    for spec in specs.values():
        snapshot.declare(spec, spec.help)
    snapshot.put("", "news", traffic.news(specs))
    families = text_string_to_metric_families(snapshot.exposition(openmetrics=False).decode())
    samples = [sample for family in families for sample in family.samples]
    return {(one.name.removeprefix(PREFIX), *sorted(one.labels.values())): one.value for one in samples}


def requests(traffic: Traffic) -> Told:
    """Those of the requests that there were, by path and status."""
    return {key[1:]: count for key, count in told(traffic).items() if key[0] == "requests_total" and count}


def test_what_keeps_prometheus_out_is_known_from_the_start() -> None:
    traffic = Traffic()
    known: Told = {("requests_total", *sorted(("/metrics", str(status)))): 0.0 for status in SCRAPES}
    known |= {("connections_ended_total", reason): 0.0 for reason in get_args(Reason)}
    assert told(traffic) == known | {("connections",): 0.0}
    assert told(traffic) == {}, "nothing has changed"


def test_the_paths_are_those_of_the_application() -> None:
    source = source_of(Scene("summary", (), "1.2.3"))
    app: Any = web.create(giving(Text([])), lambda: None, lambda: None, source=source, prober=cast(Prober, object()))
    while not hasattr(app, "routes"):  # what stands before it
        app = getattr(app, "_otherwise", None) or app._app
    assert {route.path for route in app.routes} - {"/runbooks/{name}.md"} == PATHS
    assert {named(path) for path in ("/api/v1", "/api/v1/targets", "/runbooks/x.md")} == set(FOLDERS)
    assert {named(path) for path in ("/api/v10", "/metrics/", "//", "/hunter2", "", "/METRICS")} == {OTHER}


async def test_requests_are_counted_whoever_refuses_them() -> None:
    limit = RateLimit.model_validate({"interval": "1h", "burst": 5})
    settings = WebSettings(current=Settings(users={"alice": hashed("secret")}, rate_limit=limit))
    traffic = Traffic()
    app = web.create(giving(Text([])), lambda: "not yet", lambda: None, settings, traffic=traffic)
    talk = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exporter.example")
    known = ("alice", "secret")
    await talk.get("/metrics")
    await talk.get("/metrics", auth=known)
    await talk.get("/-/ready", auth=known)
    await talk.post("/metrics", auth=known)
    await talk.get("/hunter2", auth=known)
    for _ in range(3):
        await talk.get("/metrics", auth=known)
    assert requests(traffic) == {
        ("/metrics", "401"): 1,
        ("/metrics", "200"): 1,
        ("/-/ready", "503"): 1,
        ("/metrics", "405"): 1,
        ("404", "other"): 1,
        ("/metrics", "429"): 3,
    }


async def test_a_mistake_of_ours_is_counted_as_what_the_client_gets() -> None:
    def broken(_: bool) -> Text:
        raise ValueError("a mistake")

    traffic = Traffic()
    settings = WebSettings(current=Settings(headers={"Strict-Transport-Security": "max-age=1"}))
    app = web.create(giving(broken), lambda: None, lambda: None, settings, traffic=traffic)
    with structlog.testing.capture_logs() as events:
        async with serving(Limits(), app=app) as port:
            reader, writer = await connect(port)
            writer.write(REQUEST % b"metrics")
            answer = await asyncio.wait_for(reader.read(), 60)
            await close((reader, writer))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ") and body == b"Internal Server Error\n"
    lines = head.lower().split(b"\r\n")
    assert b"x-content-type-options: nosniff" in lines, "it has the headers that every response has"
    assert b"strict-transport-security: max-age=1" in lines
    assert [event["event"] for event in events] == ["http_error"]
    assert requests(traffic) == {("/metrics", "500"): 1}


async def test_connections_that_are_ended_are_counted_by_their_reason() -> None:
    traffic = Traffic()

    def ended() -> Told:
        return {key[1:]: count for key, count in told(traffic).items() if key[0] == "connections_ended_total" and count}

    async with serving(HASTY, traffic) as port:
        silent = await connect(port)
        await asyncio.wait_for(silent[0].read(), 60)
    async with serving(replace(HASTY, silent=60.0), traffic) as port:  # however long it takes until they ask
        idle, asking = await connect(port), await connect(port)
        assert await ask(idle) == b"HTTP/1.1 200 OK"
        asking[1].write(REQUEST[:10])
        for streams in (idle, asking):
            await asyncio.wait_for(streams[0].read(), 60)
    await close(silent, idle, asking)
    assert ended() == {("silent",): 1, ("idle",): 1, ("asking",): 1}
    async with serving(Limits(connections=8, connections_of_a_client=3), traffic) as port:
        crowd = [await connect(port) for _ in range(5)]
        assert await ask(crowd[-1]) == b"HTTP/1.1 200 OK"
        async with asyncio.timeout(60):
            while traffic.connections != 3:  # as of the last second
                await asyncio.sleep(0.05)
        await close(*crowd)
    assert ended()[("made_room",)] == 2
