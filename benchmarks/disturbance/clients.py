"""Clients that misbehave: each begins at once and goes on until its process is killed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping

ADDRESSES = itertools.cycle(f"127.0.0.{number}" for number in range(2, 6))  # not that of the one that scrapes
IDLE, READERS, FLOOD = 200, 8, 64
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n"

Place = tuple[int, ssl.SSLContext | None]  # port, and the context of a client where the server speaks TLS


async def _connect(place: Place, **options: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port, context = place
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=(next(ADDRESSES), 0), **options)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(REQUEST % b"gzip")
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    await reader.readexactly(length)


async def _silent(place: Place) -> None:
    """One says nothing, one begins a handshake and goes no further; both come again when they are shown out."""
    for word in (b"", b"\x16\x03\x01\x02\x00\x01"):
        with contextlib.suppress(OSError):
            wire = socket.create_connection(("127.0.0.1", place[0]), source_address=(next(ADDRESSES), 0))
            wire.sendall(word)
            wire.setblocking(False)
            await asyncio.sleep(0.2)
            wire.close()


async def _idle(place: Place) -> None:
    """Asks once and keeps the connection, until it is shown out."""
    reader, writer = await _connect(place)
    await _ask(reader, writer)
    await reader.read()
    writer.close()


async def _slow(place: Place) -> None:
    """Asks for the plain text and reads it a kilobyte at a time."""
    reader, writer = await _connect(place, limit=1024)
    writer.write(REQUEST % b"identity")
    while await reader.read(1024):
        await asyncio.sleep(0.1)
    writer.close()


async def _flood(place: Place) -> None:
    """Asks again as soon as it has the answer."""
    reader, writer = await _connect(place)
    while True:
        await _ask(reader, writer)


async def _connecting(place: Place) -> None:
    """Connects, asks once, and connects anew."""
    reader, writer = await _connect(place)
    await _ask(reader, writer)
    writer.close()


KINDS: Mapping[str, tuple[Callable[[Place], Awaitable[None]], int]] = {
    "silent": (_silent, 4),
    "idle": (_idle, IDLE),
    "slow": (_slow, READERS),
    "flood": (_flood, FLOOD),
    "connecting": (_connecting, FLOOD),
}


async def _again(what: Callable[[Place], Awaitable[None]], place: Place) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await what(place)
        await asyncio.sleep(0)


async def main(port: int, authority: str, kinds: Iterable[str]) -> None:
    """Misbehaves in these ways at once."""
    os.nice(10)  # the one that scrapes is to have its turn on the processor
    context = ssl.create_default_context(cafile=authority) if authority else None
    if context is not None:
        context.check_hostname = False
    tasks = [_again(what, (port, context)) for what, count in map(KINDS.__getitem__, kinds) for _ in range(count)]
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
