"""uvicorn's server on our own acceptor."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from exporter.logs import get_logger, mistake
from exporter.web.acceptor import Acceptor, Security
from exporter.web.connection import MAX_HEAD_BYTES, Connection
from exporter.web.guests import Guests, Limits
from exporter.web.traffic import Traffic

log = get_logger("web")

STOP_SECONDS = 1
TICKS_A_SECOND = 10  # of uvicorn's main loop


class _ToLog(logging.Handler):
    """Writes what uvicorn has to say of errors as our log does."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        error = record.exc_info[1] if record.exc_info else None
        log.error("http_error", reason=record.getMessage().strip(), **mistake(error))


class Server(uvicorn.Server):
    """Serves until `should_exit`; leaves the signals to the daemon."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        security: Security,
        limits: Limits | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        """`traffic` counts the connections; the requests are the application's."""
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # whom a request comes from is not for whoever sends it to say
                h11_max_incomplete_event_size=MAX_HEAD_BYTES,
                timeout_keep_alive=3600,  # the guests' own limit is shorter
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._listener = listener
        self._security = security
        self._limits = limits or Limits()
        self._traffic = traffic or Traffic()
        self._acceptor: Acceptor | None = None
        logger = logging.getLogger("uvicorn.error")
        logger.setLevel(logging.ERROR)  # its warnings are what any client can bring about
        logger.propagate = False
        logger.handlers = [_ToLog()]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to accept."""
        self._acceptor = Acceptor(
            self._listener,
            lambda visitor: Connection(self.config, self.server_state, visitor),
            self._security,
            Guests(self._limits, self._traffic.end),
            self._limits,
        )
        self.servers = [self._acceptor]  # type: ignore[list-item]
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Shows out, every second, who is too slow."""
        if counter % TICKS_A_SECOND == 0 and self._acceptor is not None:
            self._acceptor.guests.sweep()
            self._traffic.connections = len(self._acceptor.guests)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends as uvicorn does; who is still there when requests had their time to end is shown out."""
        await super().shutdown([self._listener])
        if self._acceptor is not None:
            self._acceptor.guests.clear()
