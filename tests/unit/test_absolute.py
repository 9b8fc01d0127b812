"""Requests whose target is a whole address."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from exporter.collect.packing import Text
from exporter.web import app as web
from exporter.web.absolute import OriginForm
from exporter.web.guests import Limits
from exporter.web.traffic import Traffic
from tests.texts import giving
from tests.unit.test_server import close, connect, serving
from tests.unit.test_traffic import requests

TEXT = b"script_tracking_up 1\n"


async def first_line(port: int, target: bytes, method: bytes = b"GET") -> bytes:
    """Of the answer to a request with this target."""
    streams = await connect(port)
    streams[1].write(method + b" " + target + b" HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(streams[0].read(), 60)
    await close(streams)
    return answer.partition(b"\r\n")[0]


async def test_a_whole_address_is_answered_and_counted_as_its_path_is() -> None:
    traffic = Traffic()
    app = web.create(giving(Text([TEXT])), lambda: None, lambda: None, traffic=traffic)
    async with serving(Limits(), app=app) as port:
        for target in (
            b"http://exporter:9187/metrics",
            b"HTTP://user:hunter2@exporter/metrics?a=b",
            b"https://e/%6detrics",
        ):
            assert await first_line(port, target) == b"HTTP/1.1 200 OK"
        assert await first_line(port, b"http://e/-/healthy") == b"HTTP/1.1 200 OK"
        for target in (b"http:///metrics", b"ftp://e/metrics", b"e/metrics", b"http://e", b"http://e?/metrics"):
            assert (await first_line(port, target)).startswith(b"HTTP/1.1 404 ")
        assert (await first_line(port, b"*", b"OPTIONS")).startswith(b"HTTP/1.1 404 ")
        assert (await first_line(port, b"e:443", b"CONNECT")).startswith(b"HTTP/1.1 404 ")
    assert requests(traffic) == {
        ("/metrics", "200"): 3,
        ("/-/healthy", "200"): 1,
        ("404", "other"): 5,
        ("/", "404"): 2,
    }


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        (b"http://e:9187/a%20b", "/a b", b"e:9187"),
        (b"hTTps://user:pass@[::1]:1/", "/", b"[::1]:1"),
        (b"http://e", "/", b"e"),
        (b"/http://e/a", "/http://e/a", b"other"),
        (b"*", "*", b"other"),
        (b"e:443", "e:443", b"other"),
        (b"http://user@/a", "http://user@/a", b"other"),
    ],
)
async def test_what_is_passed_on_is_the_path_and_the_host_without_who_asks(
    target: bytes, path: str, host: bytes
) -> None:
    seen = list[MutableMapping[str, Any]]()

    async def app(scope: MutableMapping[str, Any], receive: object, send: object) -> None:
        seen.append(scope)

    async def nothing(*_: object) -> Any:
        return None

    given = {"type": "http", "path": target.decode(), "raw_path": target}
    headers = [(b"accept", b"x"), (b"host", b"other")]
    await OriginForm(app)({**given, "headers": headers}, nothing, nothing)
    (scope,) = seen
    assert scope["path"] == path
    assert [value for name, value in scope["headers"] if name == b"host"] == [host]
    assert (b"accept", b"x") in scope["headers"]
    assert b"pass" not in scope["raw_path"]
