"""Who is taken in, and who waits for it."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from exporter.web import acceptor as module
from exporter.web.acceptor import Acceptor
from exporter.web.guests import Guests, Limits
from exporter.web.listener import listen
from tests.unit.test_server import close, connect


@pytest.mark.parametrize("secure", [True, False], ids=["TLS", "plain"])
async def test_who_had_to_make_room_waits_for_nothing_any_more(secure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 3600.0)
    monkeypatch.setattr(module, "HANDSHAKES_AT_ONCE", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if secure else None
    limits = Limits(connections_of_a_client=3)

    def make(_: object) -> Any:
        raise AssertionError("nobody has a turn")

    guests, listener = Guests(limits), listen("127.0.0.1", 0)
    acceptor = Acceptor(listener, make, lambda: (context, None), guests, limits)
    came = list[object]()
    queue: Any = acceptor._handshakes if secure else acceptor._turns
    call = queue._line.add
    if secure:
        queue.call("127.0.0.1", lambda: None)  # the one that need not wait
    else:
        queue._counting, queue._left = True, 0  # the turns are used up for good

    def noted(client: str, item: object) -> None:
        came.append(item)
        call(client, item)

    monkeypatch.setattr(queue._line, "add", noted)
    crowd = []
    for number in range(1, 21):
        crowd.append(await connect(listener.getsockname()[1]))
        crowd[-1][1].write(module.TLS_HANDSHAKE)
        async with asyncio.timeout(30):
            while len(came) < number:
                await asyncio.sleep(0.001)
    kept = list(queue._line._waiting["127.0.0.1"])
    guests.clear()
    acceptor.close()
    listener.close()
    await close(*crowd)
    assert kept == came[-3:]
    assert not queue._line
