"""Takes connections in: who says nothing costs no more than a socket, and many at once come in one after the other."""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from functools import partial

from exporter.logs import get_logger
from exporter.web.client import client_of
from exporter.web.connection import Connection, Vet, Visitor
from exporter.web.guests import Guests, Limits
from exporter.web.turns import Pace, Turns

log = get_logger("web")

ACCEPTED_AT_ONCE = 16
ENTRIES = 2  # in one turn of the event loop
HANDSHAKE_COST = 2  # of these: it takes a millisecond of the processor
HANDSHAKE_SECONDS = (
    0.005  # between two: with what follows each that is half of a processor for who connects without end
)
HANDSHAKES_AT_ONCE = 8  # after a pause
TLS_BUFFER_BYTES = 32 * 1024  # of each connection, which asyncio would clear and keep 256 KiB for
OUT_OF_SOCKETS_SECONDS = 0.2
RECOVERED_SECONDS = 10.0  # without a failure; where descriptors are nearly out, one succeeds and the next fails
TLS_HANDSHAKE = b"\x16"  # the first byte of whoever speaks TLS
PLAIN_TO_TLS = (
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"Client sent an HTTP request to an HTTPS server.\n"
)

SSLProtocol.max_size = TLS_BUFFER_BYTES

Security = Callable[[], tuple[ssl.SSLContext | None, Vet | None]]
MakeConnection = Callable[[Visitor], Connection]


class Acceptor:
    """A listening socket. In place of asyncio's server, which would begin a handshake before the client says a word,
    hold whatever number of connections, and keep one TLS context for ever.
    """

    def __init__(
        self, listener: socket.socket, make: MakeConnection, security: Security, guests: Guests, limits: Limits
    ) -> None:
        self._listener = listener
        self._make = make
        self._security = security
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._turns = Turns(ENTRIES)
        self._handshakes = Pace(HANDSHAKE_SECONDS, HANDSHAKES_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._starved: float | None = None  # when there last was no descriptor, unless that has passed
        self.guests = guests
        listener.setblocking(False)
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Takes nobody in any more; requests in process are left alone."""
        self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Returns at once: uvicorn waits for the connections itself."""

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                wire, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptor is left, or no memory: the same would be told again at once
                if self._starved is None:
                    log.error("accept_failed", reason=error.strerror)
                self._starved = self._loop.time()
                self._loop.remove_reader(self._listener)
                self._loop.call_later(OUT_OF_SOCKETS_SECONDS, self._resume)
                return
            if self._starved is not None and self._loop.time() - self._starved >= RECOVERED_SECONDS:
                self._starved = None
                log.info("accept_recovered")
            wire.setblocking(False)
            visitor = Visitor(wire, client_of(str(address[0])), self.guests)
            if self.guests.admit(visitor):
                self._loop.add_reader(wire, self._first_byte, visitor)
            else:
                wire.close()

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)

    def _first_byte(self, visitor: Visitor) -> None:
        try:
            first = visitor.wire.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        context, _ = self._security()
        if first and (context is None or first == TLS_HANDSHAKE):
            self._loop.remove_reader(visitor.wire)
            if context is None:
                self._queue(visitor)
            else:
                greet = partial(self._queue, visitor, HANDSHAKE_COST)
                visitor.withdraw = partial(self._handshakes.forget, visitor.client, greet)
                self._handshakes.call(visitor.client, greet)
        else:
            if first:
                _refuse(visitor.wire)
            self.guests.leave(visitor)
            visitor.abort()

    def _queue(self, visitor: Visitor, cost: int = 1) -> None:
        enter = partial(self._enter, visitor)
        visitor.withdraw = partial(self._turns.forget, visitor.client, enter, cost)
        self._turns.call(visitor.client, enter, cost)

    def _enter(self, visitor: Visitor) -> None:
        if visitor.gone:
            return
        visitor.waiting = False
        self.guests.begins(visitor)
        visitor.withdraw = None
        context, visitor.vet = self._security()
        task = self._loop.create_task(self._connect(visitor, context))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, visitor: Visitor, context: ssl.SSLContext | None) -> None:
        seconds = None if context is None else self._limits.greeting
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._make(visitor),
                visitor.wire,
                ssl=context,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=seconds and self._limits.leaving,
            )
        except (OSError, TimeoutError):  # no handshake that succeeds: the client knows best why, and may be anybody
            visitor.left()


def _refuse(wire: socket.socket) -> None:
    """Says to who speaks without TLS that it is needed, as Prometheus and its exporters do."""
    try:
        wire.recv(65536)  # what is unread when a socket is closed makes the kernel take the answer back
        wire.send(PLAIN_TO_TLS)
        wire.shutdown(socket.SHUT_WR)
    except OSError:
        return
