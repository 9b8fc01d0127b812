"""What counts as an answer of a server that is asked without a session."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporter.errors import TargetUnavailable
from exporter.knock import knock
from tests.postgres_server import Server


@pytest.fixture
def free_port() -> Iterator[int]:
    """One that is bound, so that nobody else gets it, and on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextlib.asynccontextmanager
async def closing(folder: Path) -> AsyncIterator[None]:
    """A server in a folder that closes every connection once it was asked for something."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.close()

    async with await asyncio.start_unix_server(close, folder / ".s.PGSQL.5432"):
        yield


async def test_a_server_answers(postgres: Server) -> None:
    at = urlsplit(postgres.dsn)
    assert at.hostname is not None
    assert at.port is not None
    await knock(at.hostname, at.port, timeout=60)


async def test_where_nobody_listens_there_is_no_connection(free_port: int, tmp_path: Path) -> None:
    with pytest.raises(TargetUnavailable, match=r"^no new connection: "):
        await knock("127.0.0.1", free_port, timeout=60)
    with pytest.raises(TargetUnavailable, match=r"^no new connection: "):
        await knock(str(tmp_path), 5432, timeout=60)


async def test_who_takes_the_connection_and_says_nothing_does_not_answer() -> None:
    silence = pytest.raises(TargetUnavailable, match=r"^no answer within 0.2 s")
    with socket.create_server(("127.0.0.1", 0)) as silent, silence:
        await knock("127.0.0.1", silent.getsockname()[1], timeout=0.2)


async def test_who_closes_the_connection_does_not_answer(tmp_path: Path) -> None:
    async with closing(tmp_path):
        with pytest.raises(TargetUnavailable, match="closed without an answer"):
            await knock(str(tmp_path), 5432, timeout=60)
