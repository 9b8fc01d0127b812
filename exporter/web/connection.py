"""One connection of the HTTP server: uvicorn's protocol, and what it is doing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporter.web.guests import Guests, Stage

MAX_HEAD_BYTES = 16384
VISITOR = "exporter.visitor"  # in the state of a request's scope: the connection that it came by

Vet = Callable[[asyncio.Transport], bool]


class Connection(H11Protocol):
    """Speaks HTTP once the connection stands; until then its visitor holds the socket."""

    def __init__(self, config: Config, state: ServerState, visitor: Visitor) -> None:
        super().__init__(config, state, {VISITOR: visitor})
        self._visitor = visitor
        self._answered: object = None  # the last request that was seen

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to listen, unless the visitor was shown out meanwhile or may not enter."""
        super().connection_made(transport)
        if not self._visitor.enter(self, transport):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the visitor."""
        super().connection_lost(exc)
        self._visitor.left()

    def data_received(self, data: bytes) -> None:
        """Takes what came in."""
        super().data_received(data)
        if self.cycle is not self._answered:
            self._answered = self.cycle
            self._visitor.moved()

    def stage(self) -> Stage:
        """What the client does."""
        if self.transport.is_closing():
            return "leaving"
        if self.flow.write_paused:
            return "taking"
        if self.cycle is not None and not self.cycle.response_complete:
            return "served" if self._visitor.withdraw is None else "asking"
        begun, _ = self.conn.trailing_data
        if begun or self.conn.their_state is h11.SEND_BODY:
            return "asking"
        return "silent" if self.cycle is None else "idle"


class Visitor:
    """A connection as the list of guests knows it: a socket, then a handshake, then a protocol."""

    def __init__(self, wire: socket.socket, client: str, guests: Guests) -> None:
        self.wire = wire
        self.client = client
        self.vet: Vet | None = None  # looks at the client's certificate
        self.waiting = True  # for the first byte, or for the turn of its handshake: the socket is ours until then
        self.withdraw: Callable[[], None] | None = None  # from the line in which it, or its request, waits
        self.gone = False
        self.asked_at: float | None = None  # when it last began a request, by the event loop's clock
        self._connection: Connection | None = None
        self._guests = guests

    def stage(self) -> Stage:
        """What the client does."""
        if self._connection is not None:
            return self._connection.stage()
        return "silent" if self.waiting else "greeting"

    def enter(self, connection: Connection, transport: asyncio.Transport) -> bool:
        """Whether the connection, which stands now, may be used."""
        self._connection = connection
        return not self.gone and (self.vet is None or self.vet(transport))

    def moved(self) -> None:
        """A new request has come."""
        self._guests.moved(self)

    def left(self) -> None:
        """The connection is no more; nor does it keep what was of it, as two do that know each other."""
        self.gone = True
        self._withdraw()
        self._connection = None
        self._guests.leave(self)

    def abort(self) -> None:
        """Ends it at once; who is gone stands in nobody's way."""
        self.gone = True
        self._withdraw()
        if self._connection is not None:
            self._connection.transport.abort()
        elif self.waiting:
            asyncio.get_running_loop().remove_reader(self.wire)
            self.wire.close()
        else:
            with contextlib.suppress(OSError):
                self.wire.shutdown(socket.SHUT_RDWR)  # the handshake fails, and asyncio closes the socket

    def _withdraw(self) -> None:
        if self.withdraw is not None:
            self.withdraw()
            self.withdraw = None
