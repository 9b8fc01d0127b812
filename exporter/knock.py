"""Whether anybody answers where a server listens, asked without a session."""

from __future__ import annotations

import asyncio
import contextlib
import struct

from exporter.errors import TargetUnavailable

# 8 bytes, code 1234.5679: every server and pooler answers with one byte, whether it has TLS or not, and where nothing
# follows logs no more than log_connections has it (PostgreSQL's documentation, "Message Formats", SSLRequest)
SSL_REQUEST = struct.pack("!ihh", 8, 1234, 5679)


async def knock(host: str, port: int, *, timeout: float) -> None:
    """Waits for the first byte of an answer; `host` is an address, a name or the folder of a socket.

    Raises TargetUnavailable where none comes within `timeout` seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            answer = await _answer(host, port)
    except TimeoutError:
        raise TargetUnavailable(f"no answer within {timeout:g} s, not to a new connection either") from None
    except OSError as error:
        raise TargetUnavailable(f"no new connection: {error.strerror or type(error).__name__}") from None
    if not answer:
        raise TargetUnavailable("a new connection is closed without an answer")


async def _answer(host: str, port: int) -> bytes:
    if host.startswith(("/", "@")):
        path = f"{host}/.s.PGSQL.{port}".replace("@", "\0", 1)  # those of Linux that are no file
        reader, writer = await asyncio.open_unix_connection(path)
    else:
        reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(SSL_REQUEST)
        return await reader.read(1)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
