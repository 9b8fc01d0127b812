"""The socket that is listened on, had before what answers on it is loaded."""

from __future__ import annotations

import socket

from exporter.errors import ConfigurationError

BACKLOG = 1024


def listen(host: str, port: int) -> socket.socket:
    """A listening socket: from here on a client waits for its answer and is not refused. Raises ConfigurationError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it a kept connection waits 40 ms for its answer
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, ValueError) as error:  # ValueError: what can be no host's name
        listener.close()
        reason = error.strerror or error if isinstance(error, OSError) else "no name of a host"
        raise ConfigurationError(f"listen: {host}:{port}: {reason}") from None
    return listener
