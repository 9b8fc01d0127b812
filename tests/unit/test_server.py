"""The server by itself on a socket: what limits it holds its clients to, and that they do not disturb the others."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web import acceptor
from exporter.web.client import client_of
from exporter.web.guests import Limits
from exporter.web.listener import listen
from exporter.web.server import Server
from exporter.web.traffic import Traffic
from exporter.web.turns import InTurn

HASTY = Limits(
    connections=8, connections_of_a_client=6, silent=0.5, greeting=0.5, asking=0.5, idle=0.5, taking=0.5, leaving=0.5
)
LONG_BYTES = 32 * 1024**2
REQUEST = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """An application with a short answer, a long one, and a mistake."""
    if scope["path"] == "/wrong":
        raise ValueError("a mistake")
    body = b"x" * LONG_BYTES if scope["path"] == "/long" else b"short"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def serving(
    limits: Limits = HASTY,
    traffic: Traffic | None = None,
    listener: socket.socket | None = None,
    app: ASGIApp = answering,
) -> AsyncIterator[int]:
    """A server that runs; its port."""
    listener = listener or listen("127.0.0.1", 0)
    server = Server(app, listener, lambda: (None, None), limits, traffic)
    task = asyncio.create_task(server.serve())
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def connect(port: int, client: str = "127.0.0.1") -> Streams:
    """A connection that says nothing."""
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(client, 0))


async def ask(streams: Streams, path: bytes = b"") -> bytes:
    """First line of the answer over a connection, which may be used again; empty where there is none any more."""
    reader, writer = streams
    try:
        writer.write(REQUEST % path)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        await reader.readexactly(len(b"short"))
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    return head.split(b"\r\n")[0]


async def close(*connections: Streams) -> None:
    """Closes them from this side."""
    for _, writer in connections:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (b"", False),
        (b"GET /", False),
        (REQUEST % b"" + b"GET /", True),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", True),
        (REQUEST % b"", True),
    ],
    ids=["silent", "head not ended", "second head not ended", "body not ended", "idle"],
)
async def test_who_stays_too_long_at_something_is_shown_out(said: bytes, answered: bool) -> None:
    # of one that speaks its silence is no matter, however late it comes to it
    async with serving(replace(HASTY, silent=60.0) if said else HASTY) as port:
        began = time.monotonic()
        streams = await connect(port)
        streams[1].write(said)
        if answered:
            assert (await streams[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(streams[0].read(), 60)
        assert time.monotonic() - began > HASTY.idle, "no sooner than it may"
        await close(streams)


async def test_who_goes_on_asking_is_kept() -> None:
    async with serving(replace(HASTY, silent=60.0, idle=2.0, asking=60.0)) as port:
        for _ in range(10):
            streams, longest = await connect(port), 0.0
            for _ in range(12):
                if await ask(streams) != b"HTTP/1.1 200 OK":
                    break
                pause = time.monotonic()
                await asyncio.sleep(0.25)
                longest = max(longest, time.monotonic() - pause)
            else:
                await close(streams)
                return
            await close(streams)
            assert longest > 1.0, "shown out though it asked often enough, and the machine did not stand still"


async def test_who_trickles_a_head_byte_by_byte_is_shown_out() -> None:
    async with serving() as port:
        reader, writer = await connect(port)
        ended = False
        try:
            for byte in b"GET / HTTP/1.1\r\nX: " + b"y" * 100:
                writer.write(bytes([byte]))
                await writer.drain()
                if reader.at_eof():
                    ended = True
                    break
                await asyncio.sleep(0.1)
        except ConnectionError:
            ended = True
        assert ended, "before it had sent all of it"
        await close((reader, writer))


async def test_who_does_not_take_its_answer_is_shown_out() -> None:
    traffic = Traffic()
    async with serving(replace(HASTY, silent=60.0), traffic) as port:
        reader, writer = await connect(port)
        writer.write(REQUEST % b"long")
        async with asyncio.timeout(60):
            while not traffic._ended["taking"]:  # reads no more meanwhile than asyncio does by itself
                await asyncio.sleep(0.05)
        with contextlib.suppress(ConnectionError):
            assert len(await reader.read()) < LONG_BYTES
        other = await connect(port)
        assert await ask(other) == b"HTTP/1.1 200 OK"
        await close((reader, writer), other)


async def test_a_client_with_too_many_connections_loses_its_own_oldest() -> None:
    async with serving(Limits(connections=8, connections_of_a_client=3)) as port:
        kept = await connect(port, "127.0.0.2")
        assert await ask(kept) == b"HTTP/1.1 200 OK"
        crowd = [await connect(port) for _ in range(12)]
        assert await ask(kept) == b"HTTP/1.1 200 OK"
        assert [await ask(streams) for streams in crowd] == [b""] * 9 + [b"HTTP/1.1 200 OK"] * 3
        await close(kept, *crowd)


async def test_where_there_are_too_many_connections_the_largest_crowd_makes_room() -> None:
    async with serving(Limits(connections=8, connections_of_a_client=6)) as port:
        kept = [await connect(port, f"127.0.0.{client}") for client in (2, 3)]
        assert [await ask(streams) for streams in kept] == [b"HTTP/1.1 200 OK"] * 2
        crowd = [await connect(port) for _ in range(6)]
        assert [await ask(streams) for streams in crowd] == [b"HTTP/1.1 200 OK"] * 6
        newcomer = await connect(port, "127.0.0.4")
        assert await ask(newcomer) == b"HTTP/1.1 200 OK"
        assert [await ask(streams) for streams in kept] == [b"HTTP/1.1 200 OK"] * 2
        assert [await ask(streams) for streams in crowd] == [b""] + [b"HTTP/1.1 200 OK"] * 5
        await close(newcomer, *kept, *crowd)


async def test_of_crowds_of_the_same_size_one_that_says_nothing_makes_room() -> None:
    async with serving(Limits(connections=8)) as port:
        kept = await connect(port, "127.0.0.2")
        assert await ask(kept) == b"HTTP/1.1 200 OK"
        silent = [await connect(port, f"127.0.0.{client}") for client in range(3, 10)]
        newcomer = await connect(port, "127.0.0.10")
        assert await ask(newcomer) == b"HTTP/1.1 200 OK"
        assert await ask(kept) == b"HTTP/1.1 200 OK"
        await close(kept, newcomer, *silent)


@pytest.mark.parametrize("head", [b"X: " + b"y" * 20000, b"X: y\r\n" * 4000], ids=["one long header", "many headers"])
async def test_a_head_that_is_too_large_is_refused(head: bytes) -> None:
    async with serving() as port:
        reader, writer = await connect(port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n" + head)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await asyncio.wait_for(reader.read(), 60)
        assert answer.startswith(b"HTTP/1.1 400") or not answer  # the kernel may take it back: not all was read
        await close((reader, writer))


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01\x02\x00\x01", b"\r\n\r\n\0", b"GET / HTTP/9\r\n\r\n"])
async def test_what_is_not_http_is_refused_and_not_logged(nonsense: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    async with serving() as port:
        reader, writer = await connect(port)
        writer.write(nonsense + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert not (await asyncio.wait_for(reader.read(), 60)).startswith(b"HTTP/1.1 2")
        await close((reader, writer))
    assert capfd.readouterr().err == ""


async def test_a_mistake_of_ours_is_a_500_without_a_trace_and_one_event_of_the_log() -> None:
    with structlog.testing.capture_logs() as events:
        async with serving() as port:
            reader, writer = await connect(port)
            writer.write(REQUEST % b"wrong")
            answer = await asyncio.wait_for(reader.read(), 60)
            await close((reader, writer))
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"mistake" not in answer
    (event,) = [event for event in events if event["log_level"] == "error"]
    assert event["event"] == "http_error"
    assert event["error"] == "ValueError" and "test_server.py" in str(event["at"])
    assert "a mistake" not in str(event), "what it says may be anything"


class Starved(socket.socket):
    """A listening socket of a process that has no descriptor left for a while."""

    refusals = 0

    def accept(self) -> Any:
        """A connection, or none."""
        if Starved.refusals > 0:
            Starved.refusals -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


async def test_a_lack_of_descriptors_is_told_once_however_often_one_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Starved(fileno=listen("127.0.0.1", 0).detach())
    monkeypatch.setattr(acceptor, "RECOVERED_SECONDS", 3600.0)

    async def once(port: int, refusals: int) -> None:
        Starved.refusals = refusals
        streams = await connect(port)
        assert await ask(streams) == b"HTTP/1.1 200 OK"
        await close(streams)

    with structlog.testing.capture_logs() as events:
        async with serving(Limits(), listener=listener) as port:
            for refusals in (3, 1, 0, 1):
                await once(port, refusals)
            assert [event["event"] for event in events] == ["accept_failed"]
            monkeypatch.setattr(acceptor, "RECOVERED_SECONDS", 0.0)
            await once(port, 0)
            await once(port, 0)
            assert [event["event"] for event in events] == ["accept_failed", "accept_recovered"]
            await once(port, 1)
    assert [event["event"] for event in events] == ["accept_failed", "accept_recovered"] * 2
    assert events[0]["reason"] == "Too many open files"


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
    ],
)
def test_a_client_of_ipv6_is_a_network(address: str, client: str) -> None:
    assert client_of(address) == client


@pytest.mark.parametrize("told", ["10.0.0.1", "nobody", ""])
async def test_nobody_says_by_himself_whom_a_request_comes_from(told: str) -> None:
    """Else who asks without end says another address each time, waits for nobody's turn and is held to no limit."""
    seen = list[Scope]()

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await answering(scope, receive, send)

    async with serving(Limits(), app=InTurn(noting)) as port:
        reader, writer = await connect(port)
        head = f"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {told}\r\nX-Forwarded-Proto: https\r\n\r\n"
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        await close((reader, writer))
    assert answer.startswith(b"HTTP/1.1 200")
    assert [(scope["client"][0], scope["scheme"]) for scope in seen] == [("127.0.0.1", "http")]


async def test_it_ends_in_time_with_clients_of_every_kind() -> None:
    connections: list[Streams] = []
    async with serving(Limits()) as port:
        for said in (b"", b"GET /", REQUEST % b"", REQUEST % b"long"):
            connections.append(await connect(port))
            connections[-1][1].write(said)
        await asyncio.sleep(0.3)
        began = time.monotonic()
    assert time.monotonic() - began < 0.9 * Limits().silent, "none of them was waited for"
    await close(*connections)
