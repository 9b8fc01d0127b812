"""The application by itself: what each path and method answers, and with which headers."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from starlette.types import Message

from exporter.collect import packing
from exporter.collect.packing import Text
from exporter.web import app as web
from exporter.web import exposition
from tests.texts import giving

LONG = b"# HELP script_tracking_up Up.\nscript_tracking_up 1\n" * 100
SECURITY = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def whole(text: bytes) -> Text:
    """A text of one piece that is not compressed beforehand."""
    return Text([text])


def client(render: Callable[[bool], Text] = lambda _: whole(LONG), not_ready: str | None = None) -> httpx.AsyncClient:
    """Talks to an application with this text."""
    transport = httpx.ASGITransport(web.create(giving(render), lambda: not_ready, lambda: None))
    headers = {"Accept": "", "Accept-Encoding": "identity"}
    return httpx.AsyncClient(transport=transport, base_url="http://exporter.example", headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/metrics", 200, None),
        ("HEAD", "/metrics", 200, None),
        ("POST", "/metrics", 405, "GET, HEAD"),
        ("OPTIONS", "/metrics", 405, "GET, HEAD"),
        ("TRACE", "/-/healthy", 405, "GET, HEAD"),
        ("DELETE", "/-/ready", 405, "GET, HEAD"),
        ("GET", "/-/healthy", 200, None),
        ("GET", "/-/ready", 200, None),
        ("GET", "/metrics/", 404, None),
        ("GET", "/Metrics", 404, None),
        ("GET", "/docs", 404, None),
        ("GET", "/openapi.json", 404, None),
        ("PUT", "/nowhere", 404, None),
    ],
)
async def test_every_answer_has_its_status_and_the_security_headers(
    method: str, path: str, status: int, allow: str | None
) -> None:
    answer = await client().request(method, path, headers={"Host": "elsewhere.example"}, follow_redirects=False)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY
    assert "location" not in answer.headers
    assert "server" not in answer.headers
    if status != 200:
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": "65536"}, 405),
        ({"Content-Length": "65537"}, 413),
        ({"Content-Length": "9" * 30}, 413),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
async def test_a_body_is_short_and_tells_its_length(headers: dict[str, str], status: int) -> None:
    answer = await client().post("/metrics", headers=headers)
    assert (answer.status_code, answer.headers.get("connection") == "close") == (status, status != 405)
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_not_ready_says_why() -> None:
    answer = await client(not_ready="no snapshot yet").get("/-/ready")
    assert (answer.status_code, answer.text) == (503, "no snapshot yet\n")


async def test_metrics_vary_by_what_was_negotiated_and_head_tells_the_length() -> None:
    plain = await client().get("/metrics")
    assert plain.headers["vary"] == "Accept, Accept-Encoding"
    assert (plain.content, "content-encoding" in plain.headers) == (LONG, False)
    packed = await client().get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert (packed.content, packed.headers["content-encoding"]) == (LONG, "gzip")
    assert int(packed.headers["content-length"]) < len(LONG)
    assert (await client().head("/metrics")).headers["content-length"] == str(len(LONG))


async def test_a_text_is_compressed_once_and_a_new_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    packed: list[bytes] = []
    pack = Text.packed

    def counted(text: Text) -> bytes:
        packed.append(text.plain)
        return pack(text)

    monkeypatch.setattr(Text, "packed", counted)
    texts = {False: whole(LONG), True: whole(LONG + b"# EOF\n")}
    talk = client(lambda openmetrics: texts[openmetrics])
    openmetrics = {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"}
    for _ in range(3):
        assert (await talk.get("/metrics", headers={"Accept-Encoding": "gzip"})).content == LONG
        assert (await talk.get("/metrics", headers=openmetrics)).content == LONG + b"# EOF\n"
    assert packed == [LONG, LONG + b"# EOF\n"]
    texts[False] = whole(LONG + LONG * 1000)  # is compressed beside the event loop
    assert texts[False].unready_bytes > exposition.INLINE_UP_TO_BYTES
    for _ in range(2):
        assert (await talk.get("/metrics", headers={"Accept-Encoding": "gzip"})).content == texts[False].plain
    assert packed[2:] == [texts[False].plain]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_long_text_is_sent_in_parts(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "PART_BYTES", 1000)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is asked of who scrapes")

    app = web.create(giving(whole(LONG)), lambda: None, lambda: None)
    await app({"type": "http", "method": method, "path": "/metrics", "headers": []}, receive, send)
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(LONG)).encode()
    bodies = sent[1:]
    assert [message.get("more_body", False) for message in bodies] == [*[True] * (len(bodies) - 1), False]
    if method == "GET":
        assert b"".join(message["body"] for message in bodies) == LONG
        assert (len(bodies), max(len(message["body"]) for message in bodies)) == (-(-len(LONG) // 1000), 1000)
    else:
        assert len(bodies) == 1, "the server keeps that back"


async def test_what_a_client_accepts_is_asked_for_each_text_whatever_its_length() -> None:
    wanted = "application/openmetrics-text;q=1," + "text/x;q=0.1," * 300
    for accept, media_type in (
        (wanted, "application/openmetrics-text"),
        (wanted[33:], "text/plain"),
        (wanted[:32], "application/openmetrics-text"),
    ):
        answer = await client().get("/metrics", headers={"Accept": accept, "Accept-Encoding": "gzip"})
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.headers["content-encoding"] == "gzip"
